-- Puts one message into a queue and counts it, in one step: what the ledger says was accepted is in the stream.
--
-- KEYS[1]  the queue: a stream; fields  body    the message's body, as published
--                                       events  how many events the body holds
--                                       meta    JSON: content type, encoding, headers, properties
--                                       received_at_ms  only where replay.lua has put it back: when it was accepted
-- KEYS[2]  the queue's ledger: a hash of counters, drawn in settle.lua
-- ARGV     body, events, meta
--
-- XADD comes first: out of memory it is refused, and then nothing has been counted.
local id = redis.call('XADD', KEYS[1], '*', 'body', ARGV[1], 'events', ARGV[2], 'meta', ARGV[3])
redis.call('HINCRBY', KEYS[2], 'accepted', ARGV[2])
redis.call('HINCRBY', KEYS[2], 'queued', ARGV[2])
redis.call('HINCRBY', KEYS[2], 'queued_messages', 1)
return id
