-- Counters, as one step of counting needs them: put in front of count.lua, which draws their keys.
local COUNTED = KEYS[4]
local MOSTLY_ERRORS = 0.5
local MOST_SUM = 1.7976931348623157e308  -- one beyond it is infinite: no sum again, and nothing JSON has a word for

local batch  -- count.lua unpacks it
local counters = {}  -- by namespace, then by field: those that were needed so far, changed or not
local placed = {}  -- the same, by place in the batch

local function mark_dirty(...)
  redis.call('SADD', COUNTED .. ':dirty', cmsgpack.pack({...}))
end

local function revive(record, namespace, field)
  local counter = cmsgpack.unpack(record)
  counter.namespace, counter.field = namespace, field
  counters[namespace][field] = counter
  return counter
end

-- A new one has no number before it is begun.
local function find(place)
  local namespace, field, scalable, size, share = unpack(batch.counters[place])
  counters[namespace] = counters[namespace] or {}
  if counters[namespace][field] then return counters[namespace][field] end
  local record = redis.call('HGET', COUNTED .. ':counters:' .. namespace, field)
  if record then return revive(record, namespace, field) end
  local counter = {namespace = namespace, field = field, count = 0, scalable = scalable, error = share}
  counter.layers = {new_layer(size, scalable and share * (1 - TIGHTENING) or share)}
  counters[namespace][field] = counter
  return counter
end

local function counter_at(place)
  local counter = placed[place]
  if not counter then
    counter = find(place)
    placed[place] = counter
  end
  return counter
end

local function allot_layer(counter)
  local at = #counter.layers
  -- All of it at once: it would be grown in jumps, and to more than it needs.
  redis.call('SETBIT', bits_key(COUNTED, counter, at), counter.layers[at].m - 1, 0)
end

local function begin(counter)
  counter.number = redis.call('HINCRBY', COUNTED, 'last_number', 1)
  redis.call('HINCRBY', COUNTED, 'counters', 1)
  redis.call('SADD', COUNTED .. ':namespaces', counter.namespace)
  allot_layer(counter)
end

local function grow(counter)
  local layers, share = counter.layers, counter.error * (1 - TIGHTENING) * TIGHTENING ^ #counter.layers
  local layer = new_layer(layers[#layers].capacity * GROWTH, share)
  layers[#layers + 1] = layer.m <= MOST_BITS and layer or new_layer(layers[#layers].capacity, share)
  allot_layer(counter)
end

-- A fixed filter beyond its capacity takes more and more users for known, so their number is told by how many bits are
-- set (Swamidass and Baldi, 2007; here for users whose bits lie in one block).
local function users_of(counter)
  local layer = counter.layers[1]
  if counter.scalable or layer.kept <= layer.capacity then return counter.count + 1 end
  local unset = math.max(1, layer.m - layer.bits) / layer.m
  local of_a_block = 1 - (1 - 1 / layer.block_bits) ^ layer.k
  local blocks = layer.m / layer.block_bits
  return math.max(counter.count, math.floor(0.5 - blocks / of_a_block * math.log(unset)))
end

-- Returns the layer that takes one more user; nothing where a fixed filter takes nobody any more.
local function open_layer(counter)
  local layer = counter.layers[#counter.layers]
  if counter.scalable and layer.kept >= layer.capacity then
    grow(counter)
    return counter.layers[#counter.layers]
  end
  if counter.scalable or (layer.bits / layer.m) ^ layer.k < MOSTLY_ERRORS then return layer end
  return nil
end

-- start, block: of the last layer when the user was looked for; one that was begun since is empty.
local function set_bits(counter, layer, user, start, block)
  local key = bits_key(COUNTED, counter, #counter.layers)
  if layer.kept == 0 then start, block = block_of(key, layer, user) end
  local filled, new = with_all(block, layer, user)
  redis.call('SETRANGE', key, start, filled)
  layer.bits = layer.bits + new
end

-- Returns whether this is the user's first time.
local function add(counter, user, value)
  if not counter.number then begin(counter) end
  local known, start, block = holds(COUNTED, counter, user)
  local layer = not known and open_layer(counter)
  if not layer then return false end
  set_bits(counter, layer, user, start, block)
  layer.kept = layer.kept + 1
  counter.count = users_of(counter)
  if value then counter.sum = math.max(-MOST_SUM, math.min(MOST_SUM, (counter.sum or 0) + value)) end
  counter.changed = true
  return true
end

local function keep(counter)
  local namespace, field = counter.namespace, counter.field
  counter.namespace, counter.field, counter.changed, counter.keys = nil, nil, nil, nil  -- of this step alone
  redis.call('HSET', COUNTED .. ':counters:' .. namespace, field, cmsgpack.pack(counter))
  mark_dirty(namespace, field)
end

local function keep_all()
  for _, of_namespace in pairs(counters) do
    for _, counter in pairs(of_namespace) do
      if counter.changed then keep(counter) end
    end
  end
end
