-- Bloom filters: put in front of the scripts that ask them (coinslot/lua/__init__.py).
--
-- A layer is blocks of bits. A user has k bits, all in one block, so that one GETRANGE tells whether they are set and
-- one SETRANGE sets them (Putze, Sanders and Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007). It is
-- made for `capacity` users, of whom it has `kept` so many, which have set `bits` of its `m` bits.
--
-- A scalable filter that is full grows by a layer for twice as many users and with a smaller share of error, such that
-- all layers together stay below the filter's (Almeida et al.: Scalable Bloom Filters, 2007).
--
-- A user is two numbers of 52 bits, from a hash (coinslot/analytics/users.py): one chooses the block, the other the bits.
local GROWTH, TIGHTENING = 2, 0.7
local BLOCK_BITS = 512  -- a line of the cache; 1,024 take 4% less memory and 5% more time
local MASKS = {[0] = 128, 64, 32, 16, 8, 4, 2, 1}  -- as SETBIT numbers them
local MOST_BITS = 0x100000000  -- a string of Redis' has no more
local FEWER = 0.8  -- bits than were best without blocks: in blocks, so many take the least memory, and less time

-- The share of users who are taken for known at capacity: a block has more users than another, by Poisson.
local function errors_of(blocks, k, capacity)
  local mean, sum, log_factorial = capacity / blocks, 0, 0
  local spread = 8 * math.sqrt(mean)
  local first = math.max(0, math.floor(mean - spread))
  for users = 1, first do log_factorial = log_factorial + math.log(users) end
  for users = first, math.ceil(mean + spread) do
    if users > first then log_factorial = log_factorial + math.log(users) end
    local log_chance = users * math.log(mean) - mean - log_factorial
    sum = sum + math.exp(log_chance) * (1 - (1 - 1 / BLOCK_BITS) ^ (k * users)) ^ k
  end
  return sum * 1.05  -- of the bits of one user some are the same
end

local made = {}  -- by what they are made for: many counters that begin in one step begin alike

local function new_layer(capacity, share)
  local like = capacity .. ' ' .. share
  if not made[like] then
    local k = math.max(1, math.ceil(-FEWER * math.log(share) / math.log(2)))
    local blocks = math.ceil(-capacity * math.log(share) / math.log(2) ^ 2 / BLOCK_BITS)
    while errors_of(blocks, k, capacity) > share do blocks = math.ceil(blocks * 1.02) end
    made[like] = {m = blocks * BLOCK_BITS, k = k}
  end
  local m, k = made[like].m, made[like].k
  return {m = m, block_bits = BLOCK_BITS, k = k, capacity = capacity, kept = 0, bits = 0}
end

-- The keys of a counter's layers; `counter.keys` spares making them again for each user.
local function bits_key(counted, counter, layer)
  counter.keys = counter.keys or {}
  local key = counter.keys[layer]
  if not key then
    key = counted .. ':bits:' .. counter.number .. ':' .. layer
    counter.keys[layer] = key
  end
  return key
end

-- Returns where the user's block begins, in bytes, and the block. Both ends are text, and kept for the next filter with
-- as many blocks: to make text of a number takes Redis as long as to look at the bits.
local function block_of(key, layer, user)
  user.ends = user.ends or {}
  local ends = user.ends[layer.m]
  if not ends then
    local bytes = layer.block_bits / 8
    local start = user[1] % (layer.m / layer.block_bits) * bytes
    ends = {string.format('%d', start), string.format('%d', start + bytes - 1)}
    user.ends[layer.m] = ends
  end
  return ends[1], redis.call('GETRANGE', key, ends[1], ends[2])
end

-- The user's bits are the upper parts of numbers that follow one another by this (Numerical Recipes, 1992).
local function after(number)
  return (number * 1664525 + 1013904223) % 0x100000000
end

local function has_all(block, layer, user)
  local number, width = user[2] % 0x100000000, 0x100000000 / layer.block_bits
  for _ = 1, layer.k do
    local at = (number - number % width) / width
    local in_byte = at % 8
    if bit.band(string.byte(block, (at - in_byte) / 8 + 1), MASKS[in_byte]) == 0 then return false end
    number = after(number)
  end
  return true
end

-- Returns the block with all of the user's bits, and how many of them were not set before.
local function with_all(block, layer, user)
  local number, width = user[2] % 0x100000000, 0x100000000 / layer.block_bits
  local bytes, new = {string.byte(block, 1, -1)}, 0
  for _ = 1, layer.k do
    local at = (number - number % width) / width
    local in_byte = at % 8
    local place, mask = (at - in_byte) / 8 + 1, MASKS[in_byte]
    if bit.band(bytes[place], mask) == 0 then
      bytes[place] = bytes[place] + mask
      new = new + 1
    end
    number = after(number)
  end
  return string.char(unpack(bytes)), new
end

-- Returns whether a counter has counted the user, and as block_of does of its last layer.
local function holds(counted, counter, user)
  local start, block
  for i = #counter.layers, 1, -1 do
    local layer = counter.layers[i]
    local at, bytes = block_of(bits_key(counted, counter, i), layer, user)
    if has_all(bytes, layer, user) then return true end
    start, block = start or at, block or bytes
  end
  return false, start, block
end
