-- Settles the messages of a batch: for each that is still this worker's, acknowledge, announce and count, in one step.
--
-- KEYS[1]  the queue: a stream, drawn in put.lua
-- KEYS[2]  its ledger: a hash of counters
--            accepted         events that entered              \
--            stored           events the store took             |  accepted = stored + duplicate + dead + queued,
--            duplicate        events it already had: sent       |  at any moment
--                             twice, or stored by a worker      |
--                             that died before it could tell    |
--            dead             events in dead letters            |
--            queued           events not settled yet           /
--            queued_messages  messages not settled yet: the length of the queue
--            settled_messages messages settled; its growth is the drain rate
--            epoch            tells this ledger from one that Redis has lost; set when the queue is made (declare.lua)
--            lost             events that Redis has lost, or more, as far as anybody noticed (report_lost.lua)
--            fed              events ever put into the feed; more than the feed holds once it was trimmed
-- KEYS[3]  dead letters: a stream; fields  payload, reason, events (how many it holds), deliveries, message (id)
-- KEYS[4]  the change feed: a stream; field  event (JSON text); its entry ids are the cursors
-- ARGV     group, consumer, channel, feed length, feed bytes, then for each message
--            id, events, stored, duplicate, deliveries,
--            number of dead letters, for each: payload, reason, events,
--            number of changes, for each: event
-- An empty group means that the queue is not in Redis: the caller acknowledges after this, and what would be
-- queued until then is counted as accepted only here.
-- Returns the ids of the messages that were settled.
--
-- A worker that was frozen while another took its message over must change nothing, so ownership is asked
-- first. XACK is the first write: it is allowed when Redis is out of memory, and after it so is all that follows.
local group, consumer, channel, feed_length, feed_bytes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local at, settled, lines = 6, {}, {}

local function take()
  at = at + 1
  return ARGV[at - 1]
end

local function ours(id)
  if group == '' then return true end
  -- XPENDING fails when the group is gone, with all it knew: then nobody owns anything.
  local pending = redis.pcall('XPENDING', KEYS[1], group, id, id, 1, consumer)
  return not pending.err and #pending == 1 and redis.call('XACK', KEYS[1], group, id) == 1
end

local function count(field, by)
  if by ~= 0 then redis.call('HINCRBY', KEYS[2], field, by) end
end

while at <= #ARGV do
  local id, events = take(), tonumber(take())
  local stored, duplicate, deliveries = tonumber(take()), tonumber(take()), take()
  local mine, dead = ours(id), 0
  for _ = 1, tonumber(take()) do
    local payload, reason, held = take(), take(), take()
    dead = dead + tonumber(held)
    if mine then
      redis.call('XADD', KEYS[3], '*', 'payload', payload, 'reason', reason, 'events', held,
        'deliveries', deliveries, 'message', id)
    end
  end
  local changes = tonumber(take())
  if mine then
    for i = at, at + changes - 1 do
      redis.call('XADD', KEYS[4], 'MAXLEN', '~', feed_length, '*', 'event', ARGV[i])
      lines[#lines + 1] = ARGV[i]
    end
    count('fed', changes)
    count('stored', stored)
    count('duplicate', duplicate)
    count('dead', dead)
    count('settled_messages', 1)
    if group == '' then
      count('accepted', events)
    else
      count('queued', -events)
      count('queued_messages', -1)
      redis.call('XDEL', KEYS[1], id)
    end
    settled[#settled + 1] = id
  end
  at = at + changes
end

if #lines > 0 then
  redis.call('PUBLISH', channel, table.concat(lines, '\n'))
  -- Large events must not let the feed fill Redis: nothing is queued then, so nothing would be settled to trim it.
  local bytes, length = redis.call('MEMORY', 'USAGE', KEYS[4]), redis.call('XLEN', KEYS[4])
  if bytes > feed_bytes then
    redis.call('XTRIM', KEYS[4], 'MAXLEN', '~', math.floor(length * feed_bytes / bytes))
  end
end
return settled
