-- Changes after a cursor, and what tells whether any are missing, of one moment.
--
-- KEYS[1]  the change feed, KEYS[2]  the ledger; both drawn in settle.lua
-- ARGV     cursor, how many changes at most
-- Returns  the id of the first entry and of the last ('' where there is none), whether the feed was ever trimmed,
--          and entries {id, {'event', text}}.
-- A script for the reason in audit.lua.
local function id_of(entries)
  return entries[1] and entries[1][1] or ''
end

local first = id_of(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1))
local last = id_of(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1))
local fed = tonumber(redis.call('HGET', KEYS[2], 'fed') or 0)
local trimmed = fed > redis.call('XLEN', KEYS[1]) and 1 or 0
return {first, last, trimmed, redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])}
