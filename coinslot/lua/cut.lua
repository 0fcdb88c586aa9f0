-- Takes events out of a dead letter. What is left of it is a new one, for an entry of a stream cannot be changed.
--
-- KEYS[1]  dead letters, KEYS[2]  the ledger; both drawn in settle.lua
-- ARGV     id of the letter, how many events are taken, the payload that is left ('' if none is), how many events
-- Returns  how many events were taken; 0 if the letter is not there (any more).
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return 0 end
local letter = {}
for i = 1, #entry[2], 2 do letter[entry[2][i]] = entry[2][i + 1] end
local taken, left = tonumber(ARGV[2]), tonumber(ARGV[4])
local events = letter.events or ''
events = #events <= 9 and string.match(events, '^%d+$') and tonumber(events) or 0  -- as in replay.lua

redis.call('XDEL', KEYS[1], ARGV[1])  -- first: a full Redis allows it, and after it the rest
if ARGV[3] ~= '' then
  redis.call('XADD', KEYS[1], '*', 'payload', ARGV[3], 'reason', letter.reason or '', 'events', left,
    'deliveries', letter.deliveries or '', 'received_at_ms', letter.received_at_ms or '')
end
redis.call('HINCRBY', KEYS[2], 'dropped', events - left)
redis.call('HINCRBY', KEYS[2], 'erased', taken)
return taken
