-- Settles the messages of a batch: for each that is still this worker's, acknowledge, announce and count, in one step.
--
-- KEYS[1]  the queue: a stream, drawn in put.lua
-- KEYS[2]  its ledger: a hash of counters
--            accepted         events that entered              \
--            stored           events the store took             |  accepted = stored + duplicate + dead + queued,
--            duplicate        events it already had: sent       |  at any moment
--                             twice, or stored by a worker      |
--                             that died before it could tell    |
--            dead             events that died and were not     |
--                             put back (replay.lua)             |
--            queued           events not settled yet           /
--            dropped          of those dead, events whose letters were thrown away (drop.lua, cut.lua); the others
--                             are in the dead letters
--            erased           events that an erasure removed, of those stored and of those dead (coinslot/removal/);
--                             they stay counted there
--            queued_messages  messages not settled yet: the length of the queue
--            settled_messages messages settled; its growth is the drain rate
--            epoch            tells this ledger from one that Redis has lost; set when the queue is made (declare.lua)
--            lost             events that Redis has lost, or more, as far as anybody noticed (report_lost.lua)
--            fed              events ever put into the feed and not erased from it; more than the feed holds once it
--                             was trimmed
--            whole_from       a cursor from which on nothing was trimmed, where that is not the feed's first entry: it
--                             was erased, or the feed trimmed by age; absent otherwise
--            recent_events    events settled of late: about the last 10,000, for both are halved beyond that
--            recent_dead      those of them that died
--            recent_letters   in how many dead letters
--            halted           why nothing is settled any more (the limit, below); absent while all is well
--            halted_reason    that of the dead letter which broke the limit
-- KEYS[3]  dead letters: a stream; fields  payload     an event (JSON object) or, where a message died whole, its body
--                                         reason
--                                         events      how many it holds
--                                         deliveries  how often it had been delivered
--                                         received_at_ms  when they were accepted, ms since 1970; empty where the
--                                                     queue is not in Redis
-- KEYS[4]  the change feed: a stream; field  event (JSON text); its entry ids are the cursors
-- ARGV     group, consumer, channel, feed length, feed bytes, greatest share of dead, then for each message
--            id, events, whether put.lua counted them, whether the limit does (1 or 0), stored, duplicate, deliveries,
--            received_at_ms, number of dead letters, for each: payload, reason, events,
--            number of changes, for each: event
-- An empty group means that the queue is not in Redis: the caller acknowledges after this, and what would be
-- queued until then is counted as accepted only here. So is what somebody else has put into the queue.
-- Returns the ids of the messages that were settled, why settling is halted ('' if it is not), and the last reason.
--
-- A worker that was frozen while another took its message over must change nothing, so ownership is asked
-- first. XACK is the first write: it is allowed when Redis is out of memory, and after it so is all that follows.
--
-- The limit: a batch with which more than a share of the recent events would have died is left as it is, and so is
-- everything after it, until somebody has looked (docs/decisions/0009-dead-letter-limit.md).
local WINDOW_EVENTS, MIN_DEAD, MIN_LETTERS, MOST_OF_A_MESSAGE = 10000, 100, 3, 1000
local group, consumer, channel, feed_length, feed_bytes = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local max_share = tonumber(ARGV[6])
local at, asked, owned, messages, settled, lines, counted = 7, {}, {}, {}, {}, {}, {}

local function take()
  at = at + 1
  return ARGV[at - 1]
end

local function find_owned(first, last, most)
  -- XPENDING fails when the group is gone, with all it knew: then nobody owns anything.
  for _, entry in ipairs(redis.pcall('XPENDING', KEYS[1], group, first, last, most, consumer)) do
    owned[entry[1]] = true
  end
end

local function count(field, by)
  counted[field] = (counted[field] or 0) + by
end

-- To join the lines takes Redis a third of a settlement. Subscribers of replicas, and of a cluster, are not seen here.
local function may_be_heard()
  for section, alone in pairs({replication = 'connected_slaves:0', cluster = 'cluster_enabled:0'}) do
    local info = redis.pcall('INFO', section)
    if type(info) ~= 'string' or not string.find(info, alone, 1, true) then return true end
  end
  local subscribers, patterns = redis.pcall('PUBSUB', 'NUMSUB', channel), redis.pcall('PUBSUB', 'NUMPAT')
  return subscribers[2] ~= 0 or patterns ~= 0
end

while at <= #ARGV do
  local message = {id = take(), letters = {}, dead = 0}
  message.events, message.counted, message.limited = tonumber(take()), take() == '1', take() == '1'
  message.stored, message.duplicate, message.deliveries = tonumber(take()), tonumber(take()), take()
  message.received_at_ms = take()
  for i = 1, tonumber(take()) do
    message.letters[i] = {take(), take(), tonumber(take())}
    message.dead = message.dead + message.letters[i][3]
  end
  message.changes = tonumber(take())
  message.first_change = at
  at = at + message.changes
  asked[#asked + 1] = message
end

if group ~= '' and #asked > 0 then
  find_owned(asked[1].id, asked[#asked].id, #asked)  -- nearly always all of them, for they lie side by side
end
for _, message in ipairs(asked) do
  if group ~= '' and not owned[message.id] then find_owned(message.id, message.id, 1) end
  if group == '' or owned[message.id] then messages[#messages + 1] = message end
end

local window = redis.call('HMGET', KEYS[2], 'recent_events', 'recent_dead', 'recent_letters', 'halted', 'halted_reason')
if window[4] then return {{}, window[4], window[5] or ''} end
local events, dead, letters = tonumber(window[1]) or 0, tonumber(window[2]) or 0, tonumber(window[3]) or 0
local reason = ''
for _, message in ipairs(messages) do
  if message.limited then
    -- One huge message must not be all that the window holds.
    local weight = math.min(1, MOST_OF_A_MESSAGE / math.max(1, message.events))
    events = events + message.events * weight
    dead = dead + message.dead * weight
    letters = letters + #message.letters
    if #message.letters > 0 then reason = message.letters[#message.letters][2] end
  end
end
if dead >= MIN_DEAD and letters >= MIN_LETTERS and dead > max_share * events then
  -- At least: the window is halved now and then, and a message weighs so much at most.
  local why = string.format('at least %d events died of late, more than DEAD_MAX_SHARE=%g allows', dead, max_share)
  redis.call('HDEL', KEYS[2], 'halted')  -- as XACK below: after it a full Redis takes the rest
  redis.call('HSET', KEYS[2], 'halted', why, 'halted_reason', reason)
  return {{}, why, reason}
end

local feed_was_there, fed_before = redis.call('EXISTS', KEYS[4]), redis.call('XLEN', KEYS[4])
for _, message in ipairs(messages) do
  if group == '' or redis.call('XACK', KEYS[1], group, message.id) == 1 then
    for _, letter in ipairs(message.letters) do
      redis.call('XADD', KEYS[3], '*', 'payload', letter[1], 'reason', letter[2], 'events', letter[3],
        'deliveries', message.deliveries, 'received_at_ms', message.received_at_ms)
    end
    for i = message.first_change, message.first_change + message.changes - 1 do
      redis.call('XADD', KEYS[4], '*', 'event', ARGV[i])
      lines[#lines + 1] = ARGV[i]
    end
    count('fed', message.changes)
    count('stored', message.stored)
    count('duplicate', message.duplicate)
    count('dead', message.dead)
    count('settled_messages', 1)
    if group == '' or not message.counted then
      count('accepted', message.events)
    else
      count('queued', -message.events)
      count('queued_messages', -1)
    end
    if group ~= '' then redis.call('XDEL', KEYS[1], message.id) end
    settled[#settled + 1] = message.id
  end
end
for field, by in pairs(counted) do
  if by ~= 0 then redis.call('HINCRBY', KEYS[2], field, by) end
end

if #settled > 0 then
  local scale = events > WINDOW_EVENTS and 0.5 or 1
  redis.call('HSET', KEYS[2], 'recent_events', events * scale, 'recent_dead', dead * scale,
    'recent_letters', letters * scale)
end

if #lines > 0 then
  if may_be_heard() then redis.call('PUBLISH', channel, table.concat(lines, '\n')) end
  -- Large events must not let the feed fill Redis: nothing is queued then, so nothing would be settled to trim it.
  local bytes, length = redis.call('MEMORY', 'USAGE', KEYS[4]), redis.call('XLEN', KEYS[4])
  local longest = math.min(feed_length, math.floor(length * feed_bytes / bytes))
  redis.call('XTRIM', KEYS[4], 'MAXLEN', '~', longest, 'LIMIT', 0)  -- else it would trim 10,000 at most
  -- Trimmed, or lost and made anew: it is whole from its first entry on.
  if feed_was_there == 0 or redis.call('XLEN', KEYS[4]) < fed_before + #lines then
    redis.call('HDEL', KEYS[2], 'whole_from')
  end
end
return {settled, '', ''}
