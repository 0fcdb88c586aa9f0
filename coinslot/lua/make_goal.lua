-- Makes an event name a goal, with the same marks as count.lua, which draws the keys; that is one step.
--
-- KEYS[1]  COUNTED
-- ARGV     namespace, name, MessagePack [namespace]
if redis.call('SADD', KEYS[1] .. ':goals:' .. ARGV[1], ARGV[2]) == 1 then
  redis.call('SADD', KEYS[1] .. ':namespaces', ARGV[1])
  redis.call('SADD', KEYS[1] .. ':dirty', ARGV[3])
end
