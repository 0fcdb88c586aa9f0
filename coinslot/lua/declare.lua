-- Makes a queue: its stream with the consumer group, and the epoch of its ledger, which a Redis that was emptied has
-- lost with all else. What is there already stays as it is.
--
-- KEYS[1]  the queue, drawn in put.lua; KEYS[2]  its ledger, drawn in settle.lua
-- ARGV     group, a new epoch
--
-- Out of memory Redis refuses to make anything, and says so only if there is something to make.
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP') then return made end
if redis.call('HEXISTS', KEYS[2], 'epoch') == 0 then redis.call('HSET', KEYS[2], 'epoch', ARGV[2]) end
return 'OK'
