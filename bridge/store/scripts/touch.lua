-- The configuration changed: every incident of which something stands on a page is due, for its pages may be others now.
-- What the gate keeps back is looked at anew.
-- ARGV: prefix, a digest of the configuration. Nothing happens when the last call gave the same.
-- Returns {now, how many are due}.

local CONFIG = prefix .. 'config'
if redis.call('GET', CONFIG) == ARGV[2] then return {now, 0} end
redis.call('SET', CONFIG, ARGV[2])
local count = 0
for _, id in ipairs(redis.call('ZRANGE', DUE, 0, -1)) do
  local h = redis.call('HMGET', incident_key(id), 'remotes', 'lease_until')
  if h[1] and h[1] ~= '' then
    count = count + 1
    -- who holds it settles it as due at once
    if tonumber(h[2] or 0) > now then redis.call('HINCRBY', incident_key(id), 'rev', 1)
    else schedule(id, now, 'LT') end
  end
end
for _, page in ipairs(redis.call('ZRANGE', WAITING, 0, -1)) do wake(page) end
return {now, count}
