-- Notes in the ledger that Redis has lost events. Several may have noticed; who remembers most is believed.
--
-- KEYS[1]  the ledger, drawn in settle.lua
-- ARGV     how many events
if tonumber(ARGV[1]) >= tonumber(redis.call('HGET', KEYS[1], 'lost') or 0) then
  redis.call('HSET', KEYS[1], 'lost', ARGV[1])
end
