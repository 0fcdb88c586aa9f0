-- Ends a halt. The window begins anew, as if it were full of events that did not die.
--
-- KEYS[1]  the ledger, drawn in settle.lua
-- ARGV     how many events the window holds
-- Returns  whether there was a halt.
local removed = redis.call('HDEL', KEYS[1], 'halted', 'halted_reason')  -- first: a full Redis allows it, and then the rest
redis.call('HSET', KEYS[1], 'recent_events', ARGV[1], 'recent_dead', 0, 'recent_letters', 0)
return removed > 0 and 1 or 0
