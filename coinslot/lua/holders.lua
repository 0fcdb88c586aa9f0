-- Which named counters of a namespace hold a user; changes nothing. The keys are drawn in count.lua.
--
-- KEYS[1]  COUNTED
-- ARGV     namespace, the user's two halves (filter.lua)
-- Returns their fields.
local user, found = {tonumber(ARGV[2]), tonumber(ARGV[3])}, {}
local entries = redis.call('HGETALL', KEYS[1] .. ':counters:' .. ARGV[1])
for i = 1, #entries, 2 do
  if string.sub(entries[i], 1, 2) == 'n:' and holds(KEYS[1], cmsgpack.unpack(entries[i + 1]), user) then
    found[#found + 1] = entries[i]
  end
end
return found
