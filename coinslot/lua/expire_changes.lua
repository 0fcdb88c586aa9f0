-- Trims the feed by age.
--
-- KEYS[1]  the change feed, KEYS[2]  the ledger; both drawn in settle.lua
-- ARGV     what was fed before this is to go, in ms since 1970
-- Returns  how many changes went.
-- Who has seen the last of them has missed nothing.
local last = redis.call('XREVRANGE', KEYS[1], '(' .. ARGV[1] .. '-0', '-', 'COUNT', 1)[1]
if not last then return 0 end
local trimmed = redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
redis.call('HSET', KEYS[2], 'whole_from', last[1])
return trimmed
