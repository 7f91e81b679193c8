-- Writes the reconciler's progress, if it still holds the lease, and extends the lease.
-- ARGV: prefix, id, token, lease_ms, progress, archive ('' or the ended episode), retention_ms, the word
-- it is tallied under, the ids of its posts on the pages, joined by newlines, 1 if one of them stands open, or may; whether a
-- page may be over by itself: 0 no, 1 it may, 2 it is, and still shows it.
-- Returns {now} when the lease is lost or another incident holds one of those posts, else {now, snapshot}.

local id, token, lease_ms = ARGV[2], ARGV[3], tonumber(ARGV[4])
if not holds_lease(id, token) or not hold_remotes(id, ARGV[9]) then return {now} end
redis.call('HSET', incident_key(id), 'progress', ARGV[5], 'page_ends', ARGV[11])
if ARGV[6] ~= '' then
  local ended = id .. '.' .. redis.call('HGET', incident_key(id), 'episode')
  redis.call('SET', prefix .. 'h:' .. ended, ARGV[6], 'PX', ARGV[7])
  redis.call('HINCRBY', incident_key(id), 'episode', 1)
  redis.call('HDEL', incident_key(id), 'conflict')
end
tally(id, ARGV[8])
redis.call(ARGV[10] == '1' and 'SADD' or 'SREM', OPEN, id)
extend_lease(id, lease_ms)
local route, firing = unpack(redis.call('HMGET', incident_key(id), 'route', 'firing'))
count_stored(id, route, tonumber(firing), true)
return {now, snapshot(id)}
