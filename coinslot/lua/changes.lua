-- Changes after a cursor, and what tells whether any are missing, of one moment.
--
-- KEYS[1]  the change feed, KEYS[2]  the ledger; both drawn in settle.lua
-- ARGV     cursor, how many changes at most, after how many bytes to stop
-- Returns  the id of the first entry and of the last ('' where there is none), whether the feed was ever trimmed,
--          and entries {id, {'event', text}}.
-- A script for the reason in audit.lua. It reads one entry and then a few at a time, for they may be large, and while
-- a script runs Redis does nothing else.
local FEW = 16
local cursor, limit, max_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function id_of(entries)
  return entries[1] and entries[1][1] or ''
end

local first = id_of(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1))
local last = id_of(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1))
local fed = tonumber(redis.call('HGET', KEYS[2], 'fed') or 0)
local trimmed = fed > redis.call('XLEN', KEYS[1]) and 1 or 0

local page, bytes, few = {}, 0, 1
while #page < limit and bytes < max_bytes do
  local entries = redis.call('XRANGE', KEYS[1], '(' .. cursor, '+', 'COUNT', math.min(few, limit - #page))
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    page[#page + 1] = entry
    bytes = bytes + #entry[2][2]
    cursor = entry[1]
  end
  few = math.min(2 * few, FEW)
end
return {first, last, trimmed, page}
