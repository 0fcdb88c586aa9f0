-- Counts analytic events and acknowledges their messages, in one step, in the order in which they came.
--
-- KEYS[1]  the queue of analytic events: a stream, drawn in put.lua
-- KEYS[2]  its ledger: a hash, drawn in settle.lua; a counted event is `stored`
-- KEYS[3]  its dead letters: a stream, drawn in settle.lua
-- KEYS[4]  COUNTED: a hash of what is known of all counters
--            epoch        tells this state from one that Redis has lost; absent where it must be restored first
--                         (coinslot/analytics/restore.py), and then nothing is counted
--            counters     how many counters there are
--            last_number  of a counter, which stands for it in other keys
--            persisted    how many counters the last round of persisting kept
--            place        the identity of the place that has all that is not marked (coinslot/analytics/marks.py)
--            spent_us     how long counting took, in microseconds, for all of
--            spent_events so many events
-- KEYS[5]  the queue of events: a stream, drawn in put.lua, for what is to be banked as well
-- KEYS[6]  its ledger
--
-- Below COUNTED, for which these keys have one hash tag:
--   COUNTED:namespaces           a set of names
--   COUNTED:counters:NAMESPACE   a hash; field  n:NAME                  a named counter
--                                               i:global_counter        every user of the namespace
--                                               w:YYYYWW:NAME           a weekly counter
--                                        value  MessagePack: number, count (users), sum (of values; absent while
--                                               there is none), scalable, error (of all layers), layers (filter.lua)
--   COUNTED:bits:NUMBER:LAYER    a filter's layer, from 1: a string of bits
--   COUNTED:goals:NAMESPACE      a set of names of events
--   COUNTED:singles:NUMBER       of a goal's named counter, a hash; field  the number of a named counter
--                                                                   value  users who had it before the goal
--   COUNTED:sets:NUMBER          the same for sets of them; field  their numbers, ascending, joined by commas
--   COUNTED:dirty                a set of what was changed and not persisted since: MessagePack [namespace, field]; where
--                                the goals were, [namespace]
--
-- ARGV[1]  group, empty where the queue is not in Redis; [2] consumer; [3] most counters
-- ARGV[4]  id of the first message, so that no more than that is looked at when its turn has not come; empty where
--          there is none, and only what was spent is told
-- ARGV[5]  spent_us, [6] spent_events: since they were last told, which is with each first message that has its turn
-- ARGV[7]  MessagePack {
--            users     [[half, half], ...], see filter.lua
--            counters  [[namespace, field, scalable, size, error], ...]; the last three are for one that is new
--            messages  [{id
--                        size, counted, deliveries, received_at_ms   as in settle.lua
--                        events    [[user, named, internal, weekly (places in the above; the last two may be 0),
--                                    value or false, whether it is to be a goal], ...]
--                        more      whether these are not its last; with these it is acknowledged
--                        payloads  of the events, for dead letters; absent as long as no 'full' was answered
--                        letters   [[payload, reason, events], ...]
--                        bank      body of a message for the queue of events, or false
--                        banked    events in it}, ...]}
-- ARGV[8...]  payloads and bodies, for which their places in here, from 1, stand above
-- Returns how many of the messages were counted, and why no more: '' all were; 'early' there is an older one that is not
-- settled yet; 'lost' somebody else has it; 'restore' there is no epoch; 'full' there would be too many counters;
-- 'unfinished' it would hold Redis up: it goes on when it is called again.
--
-- Order: only the oldest of all messages that are not acknowledged is ever counted. So each event finds counted what
-- came before it, however many workers there are. A message that was counted in part, and comes again, changes nothing
-- in its first part: its users are in the filters.
local group, consumer, counters_max = ARGV[1], ARGV[2], tonumber(ARGV[3])
local first, spent_us, spent_events = ARGV[4], ARGV[5], ARGV[6]
local META = '{"content-type":"application/json","content-encoding":"binary","headers":{},"properties":{}}'

local function count(event)
  local user, named, value = batch.users[event[1]], counter_at(event[2]), event[5]
  if event[6] then make_goal(named.namespace, named.field) end
  if add(named, user, value) and goals_of(named.namespace)[named.field] then reach(named, user) end
  -- Also of one whom the named counter knows: that may be its error, and this counter's is another.
  if event[3] ~= 0 then add(counter_at(event[3]), user, value) end
  if event[4] ~= 0 then add(counter_at(event[4]), user, value) end
end

local function fits(events)
  local new, seen = 0, {}
  for _, event in ipairs(events) do
    for at = 2, 4 do
      local place = event[at]
      if place ~= 0 and not seen[place] and not counter_at(place).number then new = new + 1 end
      seen[place] = true
    end
  end
  return new == 0 or (tonumber(redis.call('HGET', COUNTED, 'counters')) or 0) + new <= counters_max
end

-- Why a message's turn has not come; '' if it has.
local function obstacle(id)
  if group == '' then return '' end
  -- XPENDING fails when the group is gone, with all it knew: then nobody owns anything.
  local oldest = redis.pcall('XPENDING', KEYS[1], group, '-', '+', 1)[1]
  if oldest and oldest[1] == id and oldest[2] == consumer then return '' end
  local own = redis.pcall('XPENDING', KEYS[1], group, id, id, 1, consumer)
  return #own == 0 and 'lost' or 'early'
end

local function hindrance(message)
  local why = obstacle(message.id)
  if why ~= '' then return why end
  return (message.payloads or fits(message.events)) and '' or 'full'
end

local function text_at(place)
  return ARGV[7 + place]
end

local function bury(message, place, reason, events)
  redis.call('XADD', KEYS[3], '*', 'payload', text_at(place), 'reason', reason, 'events', events,
    'deliveries', message.deliveries, 'received_at_ms', message.received_at_ms)
  message.dead = message.dead + events
end

local function bank(message)
  redis.call('XADD', KEYS[5], '*', 'body', text_at(message.bank), 'events', message.banked, 'meta', META)
  redis.call('HINCRBY', KEYS[6], 'accepted', message.banked)
  redis.call('HINCRBY', KEYS[6], 'queued', message.banked)
  redis.call('HINCRBY', KEYS[6], 'queued_messages', 1)
end

local function settle(message)
  for _, letter in ipairs(message.letters) do bury(message, unpack(letter)) end
  if message.bank then bank(message) end
  redis.call('HINCRBY', KEYS[2], 'stored', message.size - message.dead)
  redis.call('HINCRBY', KEYS[2], 'dead', message.dead)
  redis.call('HINCRBY', KEYS[2], 'settled_messages', 1)
  if group == '' or not message.counted then
    redis.call('HINCRBY', KEYS[2], 'accepted', message.size)
  else
    redis.call('HINCRBY', KEYS[2], 'queued', -message.size)
    redis.call('HINCRBY', KEYS[2], 'queued_messages', -1)
  end
  if group ~= '' then
    redis.call('XACK', KEYS[1], group, message.id)
    redis.call('XDEL', KEYS[1], message.id)
  end
end

if redis.call('HEXISTS', COUNTED, 'epoch') == 0 then return {0, 'restore'} end
local why = first == '' and '' or obstacle(first)
if why ~= '' then return {0, why} end
batch = cmsgpack.unpack(ARGV[7])
redis.call('HDEL', COUNTED, 'nothing')  -- allowed in a full Redis, and after it so is all that follows
redis.call('HINCRBYFLOAT', COUNTED, 'spent_us', spent_us)
redis.call('HINCRBY', COUNTED, 'spent_events', spent_events)
local done = 0
for _, message in ipairs(batch.messages) do
  why = hindrance(message)
  if why ~= '' then break end
  message.dead = 0
  for i, event in ipairs(message.events) do
    -- What was counted of it changes nothing when it is counted again. Dead letters would come twice.
    if asked > MOST_ASKED and not message.payloads then
      why = 'unfinished'
      break
    end
    if message.payloads and not fits({event}) then
      bury(message, message.payloads[i], 'there are as many counters as COUNTERS_MAX allows', 1)
    else
      count(event)
    end
  end
  if why ~= '' then break end
  if not message.more then settle(message) end
  done = done + 1
end
keep_all()
return {done, why}
