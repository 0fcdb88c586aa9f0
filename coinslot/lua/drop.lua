-- Throws a dead letter away, and counts it.
--
-- KEYS[1]  dead letters, KEYS[2]  the ledger; both drawn in settle.lua
-- ARGV     id of the letter
-- Returns how many events it held; nil if it is not there (any more).
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return nil end
local events = 0
for i = 1, #entry[2], 2 do
  local count = entry[2][i + 1]
  if entry[2][i] == 'events' and #count <= 9 and string.match(count, '^%d+$') then events = tonumber(count) end
end
redis.call('XDEL', KEYS[1], ARGV[1])  -- first: a full Redis allows it, and after it the rest
redis.call('HINCRBY', KEYS[2], 'dropped', events)
return events
