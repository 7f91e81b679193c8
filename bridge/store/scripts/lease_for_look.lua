-- Leases one incident, due or not, to record what a look saw of it. ARGV: prefix, id, token, lease_ms.
-- Not one that is in hand, nor one that was woken to ask for room: who has it next must ask.
-- Returns {now} or {now, snapshot, when it is due, whether it waits for an accepted key}.

local id, token, lease_ms = ARGV[2], ARGV[3], tonumber(ARGV[4])
local due = redis.call('ZSCORE', DUE, id)
local lease_until, woken = unpack(redis.call('HMGET', incident_key(id), 'lease_until', 'woken'))
if not due or woken or tonumber(lease_until or 0) > now then return {now} end
redis.call('HSET', incident_key(id), 'lease', token, 'was_due', due)
extend_lease(id, lease_ms)
return {now, snapshot(id), due, redis.call('ZSCORE', UNAUTHORIZED, id) and 1 or 0}
