-- Keeps what one cluster's polls add up to, for whoever has the chore of asking it. ARGV: prefix, the chore, the token of its
-- holder, the cluster, the observations, 1 if this round could have closed something.
-- Returns {now, 1}, or {now, 0} and keeps nothing if somebody else has the chore by now.

local chore = prefix .. 'chore:' .. ARGV[2]
local holder, lease_until, sighted = unpack(redis.call('HMGET', chore, 'token', 'lease_until', 'sighted'))
if holder ~= ARGV[3] or (tonumber(lease_until) or 0) <= now then return {now, 0} end
redis.call('SET', prefix .. 'observations:' .. ARGV[4], ARGV[5], 'PX', REMEMBER_MS)
if ARGV[6] == '1' or not sighted then redis.call('HSET', chore, 'sighted', now) end
return {now, 1}
