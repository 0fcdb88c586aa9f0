-- A page of dead letters, without their payloads, of one moment.
--
-- KEYS[1]  dead letters, drawn in settle.lua
-- ARGV     id to begin after, how many letters at most, after how many bytes of payload to stop
-- Returns  how many letters there are in all, whether there are any behind the page, and for each of the page
--          id, reason, events, deliveries, received_at_ms, length of the payload.
-- One by one, for a payload may be as large as a message, and while a script runs Redis does nothing else.
local cursor, limit, max_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local page, bytes = {}, 0

local function following()
  return redis.call('XRANGE', KEYS[1], '(' .. cursor, '+', 'COUNT', 1)[1]
end

local entry = following()
while entry and #page < limit and bytes < max_bytes do
  local letter = {}
  for i = 1, #entry[2], 2 do letter[entry[2][i]] = entry[2][i + 1] end
  local size = #(letter.payload or '')
  page[#page + 1] = {
    entry[1], letter.reason or '', letter.events or '0', letter.deliveries or '0',
    letter.received_at_ms or '', size,
  }
  bytes = bytes + size
  cursor = entry[1]
  entry = following()
end
return {redis.call('XLEN', KEYS[1]), entry and 1 or 0, page}
