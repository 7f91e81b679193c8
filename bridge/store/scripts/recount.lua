-- Counts and lists anew, see `count_stored`, what stands at these places of the lists of all incidents, of those that are
-- counted, and of those that readers list.
-- ARGV: prefix, the first place, the last. Returns {now, 1 if one of these goes on after it}.

local first, last = ARGV[2], ARGV[3]

local function part_of(list) return redis.call('ZRANGE', list, first, last) end

local function scores(list, ids) return ids[1] and redis.call('ZMSCORE', list, unpack(ids)) or {} end

local function count(id, counted_as)
  local route, firing = unpack(redis.call('HMGET', incident_key(id), 'route', 'firing'))
  return (route or counted_as) and count_stored(id, route or counted_as, tonumber(firing) or 0, route ~= false)
end

-- When it began, as far as that is known of what another release stored.
local function begun_at(id, listed_at)
  local since, cleared_at = unpack(redis.call('HMGET', incident_key(id), 'firing_since', 'cleared_at'))
  since = tonumber(since) or 0
  return math.max(since > 0 and since or tonumber(cleared_at) or 0, tonumber(listed_at or nil) or 0)
end

local incidents = part_of(DUE)
local is_counted = {}
for nth, id in ipairs(incidents) do is_counted[nth] = count(id) end
for _, entry in ipairs(part_of(COUNTED)) do count(entry:match('^([^|]*)|(.*)$')) end
save_sums()
local known, active = scores(BEGUN, incidents), scores(ACTIVE, incidents)
for nth, id in ipairs(incidents) do
  local is_missing = is_counted[nth] and not active[nth]
  if is_missing or not known[nth] then redis.call('ZADD', BEGUN, begun_at(id, known[nth]), id) end
  if is_missing then redis.call('ZADD', ACTIVE, begun_at(id, known[nth]), id)
  elseif active[nth] and not is_counted[nth] then redis.call('ZREM', ACTIVE, id) end
end
for _, list in ipairs({BEGUN, ACTIVE}) do
  local listed = part_of(list)
  local due = scores(DUE, listed)
  for nth, id in ipairs(listed) do
    if not due[nth] then redis.call('ZREM', list, id) end
  end
end
local goes_on = 0
for _, list in ipairs({DUE, COUNTED, BEGUN, ACTIVE}) do
  if redis.call('ZCARD', list) > last + 1 then goes_on = 1 end
end
return {now, goes_on}
