-- The configuration changed: every incident of which something stands on a page is due, for its pages may be others now.
-- So is every one that the gate keeps back, in the order of their age: their pages, and what has room, may be others, too.
-- ARGV: prefix, a digest of the configuration, MessagePack of the names of its routes. Nothing happens when the last call
-- gave the same digest.
-- Returns {now, how many are due}.

local CONFIG = prefix .. 'config'
if redis.call('GET', CONFIG) == ARGV[2] then return {now, 0} end
redis.call('SET', CONFIG, ARGV[2])
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
return {now, count}
