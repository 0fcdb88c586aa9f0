-- What is counted in a namespace, all of it of one moment; changes nothing. The keys are drawn in count.lua. It is a
-- script and no transaction, for a full Redis begins none.
--
-- KEYS[1]  COUNTED
-- ARGV     namespace
-- Returns its counters (field, value, field, ...), its goals, and for each of those that somebody has reached: the
-- number of its counter, its singles and its sets, both as field, value, field, ...
local counters = KEYS[1] .. ':counters:' .. ARGV[1]
local goals, reached = redis.call('SMEMBERS', KEYS[1] .. ':goals:' .. ARGV[1]), {}
for _, goal in ipairs(goals) do
  local record = redis.call('HGET', counters, 'n:' .. goal)
  if record then
    local number = cmsgpack.unpack(record).number
    local singles = redis.call('HGETALL', KEYS[1] .. ':singles:' .. number)
    reached[#reached + 1] = {number, singles, redis.call('HGETALL', KEYS[1] .. ':sets:' .. number)}
  end
end
return {redis.call('HGETALL', counters), goals, reached}
