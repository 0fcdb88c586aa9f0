-- The ledger, the length of the queue and the number of dead letters, of one moment.
--
-- KEYS[1]  the ledger, KEYS[3]  dead letters; both drawn in settle.lua; KEYS[2]  the queue, drawn in put.lua
-- A script, for a transaction of reads is refused when Redis is out of memory, and a script of reads is not.
return {redis.call('HGETALL', KEYS[1]), redis.call('XLEN', KEYS[2]), redis.call('XLEN', KEYS[3])}
