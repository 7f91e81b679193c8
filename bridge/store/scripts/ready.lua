-- Calls whatever INGEST, PUBLIC_NOTE and HEARTBEAT may call, on their keys, and leaves nothing behind: what a server refuses to
-- them, for want of rights or of room, it refuses to this. Nobody has an incident or an alert of the name that is used.
-- ARGV: prefix. Returns {now}.

local NAME = 'ready'
local sums, seen = incident_key(NAME), event_key(NAME)
local sources, targets = merged_key(NAME), ended_with_key(NAME)

for _, key in ipairs({INDEX, sums, alerts_key(NAME), prefix .. 'watchdogs'}) do
  redis.call('HSET', key, NAME, now)
  redis.call('HGET', key, NAME)
  redis.call('HMGET', key, NAME)
  redis.call('HLEN', key)
  redis.call('HDEL', key, NAME)
end
for _, key in ipairs({TALLIES, STORED, facets_key(NAME)}) do
  redis.call('HINCRBY', key, NAME, 1)
  redis.call('HDEL', key, NAME)
end
for _, key in ipairs({DUE, CLEARED, STRAYS, COUNTED, timers_key(NAME)}) do
  redis.call('ZADD', key, 'LT', now, NAME)
  redis.call('ZRANGE', key, 0, 0)
  redis.call('ZSCORE', key, NAME)
  redis.call('ZREM', key, NAME)
end
redis.call('SISMEMBER', OPEN, NAME)
redis.call('RPUSH', public_notes_key(NAME), now)
redis.call('LRANGE', public_notes_key(NAME), 0, 0)
redis.call('LTRIM', public_notes_key(NAME), 1, 0)
redis.call('SADD', sources, NAME)
redis.call('SMOVE', sources, targets, NAME)
redis.call('PEXPIRE', targets, 60000)
redis.call('SUNION', sources, targets)
redis.call('SREM', targets, NAME)
redis.call('DEL', targets)
redis.call('SET', seen, 1, 'PX', 1)
redis.call('GET', seen)
redis.call('EXISTS', seen)
return {now}
