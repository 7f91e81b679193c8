-- The configuration changed. Every incident whose next time may depend on it is due: what fires, what stands on a page, and
-- what is not over yet. What the gate keeps back is due in the order of its age: what has room may be another, too. What is
-- over is forgotten after the new retention.
-- So is what somebody settled by another configuration since then, as a replica does that reads the file a little later: it is
-- looked at anew when the next one takes up this configuration.
-- ARGV: prefix, a digest of the configuration, MessagePack of the names of its routes, its retention_ms, 1 on the first call.
-- Each call goes on where the last one, whoever made it, has left off; it does nothing when all is done for this digest, or
-- when another has come into force since the first call.
-- Returns {now, how many are due by this call, 1 if there is more to do}.

local CONFIG, WALK, OUTDATED = prefix .. 'config', prefix .. 'config_walk', prefix .. 'outdated'
local AT_ONCE = 500
local retention_ms = tonumber(ARGV[4])
local count = 0
local has_route = {}
for _, route in ipairs(cmsgpack.unpack(ARGV[3])) do has_route[route] = true end

local function tell_change(id)
  local route = redis.call('HGET', incident_key(id), 'route')
  if not route then return end -- a server that evicts has lost it
  local entries = {{now, 'config_changed', 'operator', {}}}
  if not has_route[route] then entries[2] = {now, 'route_gone', 'operator', {route = history.cut(route)}} end
  history.append_at_once(id, entries)
end

-- What stands on a page, and what waits for room.
local function begin()
  redis.call('SET', CONFIG, ARGV[2])
  redis.call('SET', WALK, '-inf')
  redis.call('DEL', OUTDATED)
  local is_counted, remotes = {}, redis.call('HGETALL', REMOTES)
  for nth = 2, #remotes, 2 do
    local id = remotes[nth]
    if not is_counted[id] and redis.call('ZSCORE', DUE, id) then
      is_counted[id], count = true, count + 1
      make_due(id, now)
      tell_change(id)
    end
  end
  for _, page in ipairs(redis.call('ZRANGE', WAITING, 0, -1)) do
    count = count + wake_all(page, function(id)
      if not is_counted[id] then tell_change(id) end
      is_counted[id] = true
    end)
  end
end

-- One of the others.
local function look_at(id)
  local due = tonumber(redis.call('ZSCORE', DUE, id) or nil)
  if not due or due <= now or redis.call('ZSCORE', STRAYS, id) then return end
  local firing, tally, cleared_at, waits =
    unpack(redis.call('HMGET', incident_key(id), 'firing', 'tally', 'cleared_at', 'waits'))
  if not firing or waits or next((fields_of(id, 'remote:'))) then return end
  local phase = (tally or ''):match('^%u*')
  if firing == '0' and (phase == 'RESOLVED' or phase == 'DISCARDED') then
    local forget_at = math.max(now, (tonumber(cleared_at) or now) + retention_ms)
    if forget_at < due then schedule(id, forget_at, 'LT') end
    return
  end
  count = count + 1
  make_due(id, now)
  tell_change(id)
end

-- The next ones, and all that began at the same instant as the last of them. Those that begin meanwhile come by themselves.
local function walk(from)
  local part = redis.call('ZRANGEBYSCORE', BEGUN, from, '+inf', 'WITHSCORES', 'LIMIT', 0, AT_ONCE)
  local last = part[#part]
  if #part == 2 * AT_ONCE then part = redis.call('ZRANGEBYSCORE', BEGUN, from, last, 'WITHSCORES') end
  for nth = 1, #part, 2 do look_at(part[nth]) end
  local goes_on = #part >= 2 * AT_ONCE
  if goes_on then redis.call('SET', WALK, '(' .. last) else redis.call('DEL', WALK) end
  return goes_on
end

if redis.call('GET', CONFIG) ~= ARGV[2] then
  if ARGV[5] ~= '1' then return {now, 0, 0} end
  begin()
end
local from = redis.call('GET', WALK)
if from then
  local goes_on = walk(from)
  return {now, count, goes_on and 1 or 0}
end
for _, id in ipairs(redis.call('SMEMBERS', OUTDATED)) do
  if redis.call('ZSCORE', DUE, id) then
    count = count + 1
    make_due(id, now)
  end
end
redis.call('DEL', OUTDATED)
return {now, count, 0}
