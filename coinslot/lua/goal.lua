-- Goals, and what users had done before: put behind counter.lua and in front of count.lua, which draws their keys.
local MOST_ASKED = 10000  -- filters in one step, for a goal asks all of its namespace: some 25 ms

local whole = {}  -- by namespace: whether `counters` has all of its named ones
local goals = {}  -- by namespace, a set of fields
local asked = 0  -- filters so far

local function is_named(field)
  return string.sub(field, 1, 2) == 'n:'
end

local function goals_of(namespace)
  if not goals[namespace] then
    goals[namespace] = {}
    for _, name in ipairs(redis.call('SMEMBERS', COUNTED .. ':goals:' .. namespace)) do
      goals[namespace]['n:' .. name] = true
    end
  end
  return goals[namespace]
end

local function make_goal(namespace, field)
  if goals_of(namespace)[field] then return end
  goals[namespace][field] = true
  redis.call('SADD', COUNTED .. ':goals:' .. namespace, string.sub(field, 3))
  redis.call('SADD', COUNTED .. ':namespaces', namespace)
  mark_dirty(namespace)
end

local function read_all_named(namespace)
  local entries = redis.call('HGETALL', COUNTED .. ':counters:' .. namespace)
  for i = 1, #entries, 2 do
    local field = entries[i]
    if is_named(field) and not counters[namespace][field] then revive(entries[i + 1], namespace, field) end
  end
  whole[namespace] = true
end

local function reach(goal, user)
  local before = {}
  if not whole[goal.namespace] then read_all_named(goal.namespace) end
  for field, counter in pairs(counters[goal.namespace]) do
    if is_named(field) and counter ~= goal and counter.number then
      asked = asked + 1
      if holds(COUNTED, counter, user) then before[#before + 1] = counter.number end
    end
  end
  table.sort(before)
  for _, number in ipairs(before) do
    redis.call('HINCRBY', COUNTED .. ':singles:' .. goal.number, number, 1)
  end
  redis.call('HINCRBY', COUNTED .. ':sets:' .. goal.number, table.concat(before, ','), 1)
end
