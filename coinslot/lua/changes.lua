-- Changes after a cursor, and what tells whether any are missing, of one moment.
--
-- KEYS[1]  the change feed, KEYS[2]  the ledger; both drawn in settle.lua
-- ARGV     cursor, how many changes at most, after how many bytes to stop
-- Returns  a follower at this id has missed nothing, and the id of the last change there ever was ('' both, where there
--          is no feed), whether the feed was ever trimmed, and entries {id, {'event', text}}.
-- A script for the reason in audit.lua. It reads one entry and then a few at a time, for they may be large, and while
-- a script runs Redis does nothing else.
local FEW = 16
local cursor, limit, max_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local first, last = '', ''
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])  -- fails where there is no feed
if not info.err then
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
    if info[i] == 'first-entry' and info[i + 1] then first = info[i + 1][1] end
  end
  first = redis.call('HGET', KEYS[2], 'whole_from') or (first ~= '' and first or last)
end
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
