-- The incidents that stand open on a page, when last recorded by a release that notes it, although nothing of theirs
-- fires or is held any more. ARGV: prefix. Returns {now, {route, when its last alert ended, progress, and so on}}.

local quiet = {}
for _, id in ipairs(redis.call('SMEMBERS', OPEN)) do
  local route, firing, held, cleared_at =
    unpack(redis.call('HMGET', incident_key(id), 'route', 'firing', 'held', 'cleared_at'))
  if firing == '0' and held == '0' then
    quiet[#quiet + 1] = route
    quiet[#quiet + 1] = tonumber(cleared_at)
    quiet[#quiet + 1] = redis.call('GET', progress_key(id))
  end
end
return {now, quiet}
