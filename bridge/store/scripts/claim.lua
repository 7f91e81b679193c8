-- Leases the most overdue incident, first of those that are over but for being told so, and lets its alert timers ripen:
-- a held alert whose time is over fires, a resolved one is forgotten.
-- ARGV: prefix, token, lease_ms, how long the next try waits while writes are paused.
-- Returns {now, next due or -1, paused 0/1} or, when an incident was leased, {now, -1, paused 0/1, id, snapshot}: the claim
-- of a paused bridge is a probe.

-- The most overdue of the cleared; puts right what the hint had wrong on the way.
local function first_cleared()
  while true do
    local id, at = unpack(redis.call('ZRANGE', CLEARED, 0, 0, 'WITHSCORES'))
    if not id or tonumber(at) > now then return nil end
    local due = redis.call('ZSCORE', DUE, id)
    if due and tonumber(due) <= now then return {id, due} end
    if due then redis.call('ZADD', CLEARED, due, id) else redis.call('ZREM', CLEARED, id) end
  end
end

local token, lease_ms, probe_ms = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local PAUSE = prefix .. 'pause'

local first = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
if not first[1] then return {now, -1, 0} end
if tonumber(first[2]) > now then return {now, tonumber(first[2]), 0} end

local resumes = redis.call('HGET', PAUSE, 'until')
if resumes then
  if tonumber(resumes) > now then return {now, tonumber(resumes), 1} end
  redis.call('HSET', PAUSE, 'until', now + probe_ms)
else
  first = first_cleared() or first -- a probe goes by age alone: no incident may have all of them
end

local id = first[1]
local incident = load_incident(id)
if not incident.exists then
  redis.call('ZREM', DUE, id)
  return {now, now, 0}
end

for _, name in ipairs(redis.call('ZRANGEBYSCORE', timers_key(id), '-inf', now, 'LIMIT', 0, 1000)) do
  local packed = redis.call('HGET', alerts_key(id), name)
  local a = packed and cmsgpack.unpack(packed)
  redis.call('ZREM', timers_key(id), name)
  if a and a.st == 'H' then
    unhold(incident)
    a.e = 0
    start_alert(incident, a)
    redis.call('HSET', alerts_key(id), name, cmsgpack.pack(a))
  elseif a and a.st == 'R' and redis.call('HLEN', alerts_key(id)) > REMEMBER_ALERTS then
    redis.call('HDEL', alerts_key(id), name)
    if redis.call('HGET', INDEX, name) == id then redis.call('HDEL', INDEX, name) end
  end
end
save_incident(incident)
redis.call('HSET', incident_key(id), 'lease', token, 'was_due', first[2])
extend_lease(id, lease_ms)
return {now, -1, resumes and 1 or 0, id, snapshot(id)}
