-- Takes changes out of the feed, as if they had never been in it: no follower is told of a gap.
--
-- KEYS[1]  the change feed, KEYS[2]  the ledger; both drawn in settle.lua
-- ARGV     ids of changes, some hundreds at most
local head = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local erased = redis.call('XDEL', KEYS[1], unpack(ARGV))
if erased == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], 'fed', -erased)
-- A cursor between the old head and the new one would look as if changes after it had been trimmed.
if #redis.call('XRANGE', KEYS[1], head[1], head[1]) == 0 then redis.call('HSETNX', KEYS[2], 'whole_from', head[1]) end
return erased
