-- Puts a dead letter back into the queue, in one step: it is in one of the two, however often this is asked.
--
-- KEYS[1]  dead letters, drawn in settle.lua; KEYS[2]  the queue, drawn in put.lua; KEYS[3]  its ledger
-- ARGV     id of the letter, whether the queue is in Redis (1 or 0)
-- A queue elsewhere has the message by now; its events count as accepted when they leave it, so until then not.
-- Returns how many events it holds; nil if it is not there (any more).
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return nil end
local letter = {}
for i = 1, #entry[2], 2 do letter[entry[2][i]] = entry[2][i + 1] end
local body = letter.payload or ''
local count = letter.events or ''
local events = #count <= 9 and string.match(count, '^%d+$') and tonumber(count) or 0  -- whoever put it there

if ARGV[2] == '1' then
  if string.sub(body, 1, 1) == '{' then body = '[' .. body .. ']' end  -- a single event; else it is a body
  -- tried: what died may have been stored in part, and told to nobody (worker/batch.py).
  local meta = '{"content-type":"application/json","content-encoding":"binary",' ..
    '"headers":{"events":' .. events .. ',"tried":true},"properties":{"delivery_mode":2}}'
  -- First, as in put.lua: out of memory it is refused, and the letter stays.
  redis.call('XADD', KEYS[2], '*', 'body', body, 'events', events, 'meta', meta,
    'received_at_ms', letter.received_at_ms or '')
  redis.call('HINCRBY', KEYS[3], 'queued', events)
  redis.call('HINCRBY', KEYS[3], 'queued_messages', 1)
  redis.call('XDEL', KEYS[1], ARGV[1])
else
  redis.call('XDEL', KEYS[1], ARGV[1])
  redis.call('HINCRBY', KEYS[3], 'accepted', 0 - events)
end
redis.call('HINCRBY', KEYS[3], 'dead', 0 - events)
return events
