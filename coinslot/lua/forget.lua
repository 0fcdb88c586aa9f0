-- Removes those consumers of a queue's group that have been silent for long and hold nothing.
--
-- KEYS[1]  the queue, drawn in put.lua
-- ARGV     group, after how many ms of silence
-- Returns  their names.
-- In one step: the group forgets a consumer with all it was given, and one that reads again after so long would be
-- given messages that nobody had any more, and nobody would be given again.
local consumers, gone = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1]), {}
if consumers.err then return gone end  -- the group is gone itself
for _, fields in ipairs(consumers) do
  local consumer = {}
  for i = 1, #fields, 2 do consumer[fields[i]] = fields[i + 1] end
  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
    local removed = redis.pcall('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    -- A full Redis 6 refuses it: another time, for reading must go on.
    if type(removed) == 'number' then gone[#gone + 1] = consumer.name end
  end
end
return gone
