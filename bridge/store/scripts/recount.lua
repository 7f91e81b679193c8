-- Counts anew, see `count_stored`, what stands at these places of the lists of all incidents and of those that are counted.
-- ARGV: prefix, the first place, the last. Returns {now, 1 if either list goes on after it}.

local first, last = ARGV[2], ARGV[3]

local function count(id, counted_as)
  local route, firing = unpack(redis.call('HMGET', incident_key(id), 'route', 'firing'))
  if route or counted_as then count_stored(id, route or counted_as, tonumber(firing) or 0, route ~= false) end
end

for _, id in ipairs(redis.call('ZRANGE', DUE, first, last)) do count(id) end
for _, entry in ipairs(redis.call('ZRANGE', COUNTED, first, last)) do count(entry:match('^([^|]*)|(.*)$')) end
save_sums()
return {now, (redis.call('ZRANGE', DUE, last + 1, last + 1)[1] or redis.call('ZRANGE', COUNTED, last + 1, last + 1)[1]) and 1 or 0}
