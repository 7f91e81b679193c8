-- Folds alerts into the incidents that routing chose, or into those that already count them.
-- ARGV: prefix; the incidents, MessagePack [[id, key, route, group], …]; then per alert MessagePack
-- [name, 'F' or 'R', starts, ends, observed, facets, opaque, which incident (0: none), hold_refire_ms] and, from senders
-- that have them, [… digest of the labels, event, name of the alert it merged into, keep open if that is unknown,
-- complete]. Returns now and, per alert, {outcome, incident id}.

local incidents = cmsgpack.unpack(ARGV[2])
local touched, outcomes = {}, {}
local MERGES_DEEP = 20
local REMEMBER_MS = 604800000 -- events and resolves of alerts that nothing counts: longer than any sender retries

local function touch(id)
  if not touched[id] then touched[id] = load_incident(id) end
  return touched[id]
end

local function touch_routed(m)
  local incident = touch(m.routed)
  if not incident.exists then
    local described = incidents[m.at]
    incident.exists, incident.dirty, incident.material = true, true, true
    redis.call('HSET', incident_key(incident.id), 'key', described[2], 'route', described[3], 'group', described[4], 'episode', 1)
    tally(incident.id, 'PENDING')
    redis.call('SET', BORN, now, 'NX')
  end
  return incident
end

local function event_key(event) return prefix .. 'e:' .. event end
local function over_key(name) return prefix .. 'o:' .. name end
local function sources_key(name) return prefix .. 'm:' .. name end

-- A sender with a clock of its own may tell of the end before the beginning.
local function remember_end(name, m)
  if m.observed == 0 then return end
  local known = tonumber(redis.call('GET', over_key(name)) or 0)
  redis.call('SET', over_key(name), math.max(known, m.observed), 'PX', REMEMBER_MS)
end

local function is_over(name, m)
  return m.observed > 0 and m.observed <= tonumber(redis.call('GET', over_key(name)) or 0)
end

local function is_stale(a, m)
  return m.observed < a.o or (a.st == 'R' and m.observed > 0 and m.observed == a.o)
end

-- Two healthy Alertmanagers can deliver a firing after its resolve, and a genuine re-fire can carry the same start:
-- neither believed nor dropped, it is held until its second resolve must have come.
local function is_doubtful(a, m)
  return m.observed == 0 and m.hold > 0 and now - a.r < RESOLVE_GUARD_MS and m.starts <= math.max(a.s, a.e)
end

-- A resolve counts at the alert's incident, and for every alert that was merged into it.
local function resolve(incident, name, a, m)
  if a.st == 'R' then
    a.o = math.max(a.o, m.observed)
    if m.ends > a.e then a.e, a.r = m.ends, now end -- of an occurrence whose firing may still be on its way
    return 'repeat'
  end
  if m.observed < a.o or (m.ends > 0 and m.ends < a.s) then return 'stale' end
  if a.st == 'F' then stop_alert(incident, a, m.ends) else unhold(incident) end
  a.st, a.e, a.o, a.r, a.m = 'R', m.ends, m.observed, now, nil
  redis.call('ZADD', timers_key(incident.id), now + FORGET_AFTER_MS, name)
  return 'resolved'
end

local function resolve_merged(name, m, depth)
  for _, source in ipairs(redis.call('SMEMBERS', sources_key(name))) do
    local home = redis.call('HGET', INDEX, source)
    local a = home and read_alert(home, source)
    if a and a.m == name and depth < MERGES_DEEP then
      resolve(touch(home), source, a, {observed = math.max(m.observed, a.o), ends = math.max(m.ends, a.s)})
      write_alert(home, source, a)
      resolve_merged(source, m, depth + 1)
    end
  end
  redis.call('DEL', sources_key(name))
end

-- An alert counts as the routes of its own incident see it: another route's services have no place there.
local function describe(incident, a, m)
  if incident.id == m.routed then a.f, a.x, a.d = m.facets, m.opaque, m.digest end
end

local function replace_facets(incident, a, facets)
  if a.f == facets then return false end
  count_facets(incident, a.f, -1)
  count_facets(incident, facets, 1)
  a.f, incident.dirty = facets, true
  return true
end

local function refresh(incident, a, m)
  a.s, a.o = math.max(a.s, m.starts), m.observed
  if incident.id ~= m.routed then return 'repeat' end
  a.x, a.d = m.opaque, m.digest
  return replace_facets(incident, a, m.facets) and 'changed' or 'repeat'
end

local function start(incident, a)
  local outcome = incident.firing == 0 and 'opened' or 'added'
  start_alert(incident, a)
  return outcome
end

local function settle_in(id, name, a)
  write_alert(id, name, a)
  redis.call('ZREM', timers_key(id), name) -- it may have been here before
  redis.call('HSET', INDEX, name, id)
end

local function leave(id, name, a)
  if a.st == 'F' then stop_alert(touch(id), a, 0) else unhold(touch(id)) end
  redis.call('HDEL', alerts_key(id), name)
  redis.call('ZREM', timers_key(id), name)
end

local function move(name, a, from, to)
  leave(from, name, a)
  start_alert(touch(to), a)
  settle_in(to, name, a)
end

-- Brings the alerts that were merged into this one to where it counts.
local function gather(name, id, depth)
  for _, source in ipairs(redis.call('SMEMBERS', sources_key(name))) do
    local home = redis.call('HGET', INDEX, source)
    local a = home and read_alert(home, source)
    if a and a.m == name and a.st == 'F' and depth < MERGES_DEEP then
      replace_facets(touch(home), a, (a.f:gsub('\nu$', '')))
      write_alert(home, source, a)
      if home ~= id then move(source, a, home, id) end
      gather(source, id, depth + 1)
    end
  end
end

local function begin(name, m)
  local incident = touch_routed(m)
  local a = {s = m.starts, e = 0, o = m.observed, r = 0, seen = now, f = m.facets, x = m.opaque, d = m.digest}
  local outcome = start(incident, a)
  settle_in(incident.id, name, a)
  return outcome, incident.id, a
end

local function fire_again(incident, name, a, m)
  if a.st == 'R' and is_doubtful(a, m) then
    a.st = 'H'
    describe(incident, a, m)
    incident.held, incident.dirty, incident.material = incident.held + 1, true, true
    redis.call('ZADD', timers_key(incident.id), now + m.hold, name)
    return 'held'
  end
  if a.st == 'H' then
    if m.starts <= math.max(a.s, a.e) then return 'repeat' end
    unhold(incident)
  end
  redis.call('ZREM', timers_key(incident.id), name)
  a.s, a.e, a.o = m.starts, 0, m.observed
  describe(incident, a, m)
  return start(incident, a)
end

local function relocate(name, home, a, m)
  leave(home, name, a)
  local _, id, moved = begin(name, m)
  return 'moved', id, moved
end

local function unmerge(name, home, a)
  redis.call('SREM', sources_key(a.m), name)
  a.m = nil
  if a.st == 'F' then replace_facets(touch(home), a, (a.f:gsub('\nu$', ''))) end
end

-- Until its end an alert stays with the incident that counts it, unless its labels changed: then it goes where routing
-- sends it now, and if that is nowhere, its page hears of its end.
local function fire(name, home, a, m)
  if a.m then unmerge(name, home, a) end
  if a.st ~= 'R' and m.digest ~= (a.d or '') and home ~= m.routed then
    if m.at > 0 then return relocate(name, home, a, m) end
    return resolve(touch(home), name, a, m), home, a
  end
  if a.st == 'F' then return refresh(touch(home), a, m), home, a end
  if m.at == 0 or (a.st == 'R' and not m.complete) then return 'unknown', home, a end
  if a.st == 'R' and home ~= m.routed and not is_doubtful(a, m) then return begin(name, m) end
  return fire_again(touch(home), name, a, m), home, a
end

-- A merge is no end: the alert lives on as part of its target, in the target's incident. Until the target is seen it
-- stays where it is, marked "u", and open.
local function merge(name, home, a, m)
  local target_home = redis.call('HGET', INDEX, m.merged)
  local target = target_home and read_alert(target_home, m.merged)
  if not a then
    local _
    _, home, a = begin(name, m)
  end
  if a.m then unmerge(name, home, a) end
  redis.call('SADD', sources_key(m.merged), name)
  a.m, a.o, a.seen = m.merged, m.observed, now
  if not target or target.st ~= 'F' then replace_facets(touch(home), a, a.f .. '\nu')
  elseif home ~= target_home then
    move(name, a, home, target_home)
    home = target_home
  end
  write_alert(home, name, a)
  gather(name, home, 1)
  return 'merged', home
end

local function is_merge(name, a, m)
  if m.merged == '' then return false end
  if a and (a.st ~= 'F' or m.observed < a.o or a.m == m.merged) then return false end
  if not a and (m.at == 0 or is_over(name, m)) then return false end
  local target_home = redis.call('HGET', INDEX, m.merged)
  local target = target_home and read_alert(target_home, m.merged)
  if target then return target.st == 'F' or target.o < m.observed end
  return m.keep and not is_over(m.merged, m)
end

local function fold_known(name, home, a, m)
  if m.observed < a.o or m.status == 'F' and is_stale(a, m) then return 'stale', home, a end
  if a.m and a.m == m.merged then return 'repeat', home, a end
  if m.status == 'F' then return fire(name, home, a, m) end
  local outcome = resolve(touch(home), name, a, m)
  if outcome == 'resolved' and m.observed > 0 then resolve_merged(name, m, 1) end
  return outcome, home, a
end

local function fold(name, m)
  local home = redis.call('HGET', INDEX, name)
  local a = home and read_alert(home, name)
  if is_merge(name, a, m) then return merge(name, home, a, m) end
  if m.status == 'R' then remember_end(name, m) end
  local outcome
  if a then outcome, home, a = fold_known(name, home, a, m)
  elseif m.status == 'R' or m.at == 0 or not m.complete then return 'unknown', ''
  elseif is_over(name, m) then return 'stale', ''
  else outcome, home, a = begin(name, m) end
  a.seen = now
  write_alert(home, name, a)
  if m.observed > 0 and m.status == 'F' then gather(name, home, 1) end
  return outcome, home
end

local function fold_once(name, m)
  if m.event == '' then return fold(name, m) end
  if redis.call('EXISTS', event_key(m.event)) == 1 then return 'repeat', redis.call('HGET', INDEX, name) or '' end
  local outcome, home = fold(name, m)
  redis.call('SET', event_key(m.event), 1, 'PX', REMEMBER_MS)
  return outcome, home
end

for i = 3, #ARGV do
  local p = cmsgpack.unpack(ARGV[i])
  local at = p[8]
  local outcome, home = fold_once(p[1], {
    status = p[2], starts = p[3], ends = p[4], observed = p[5], facets = p[6], opaque = p[7],
    at = at, routed = at > 0 and incidents[at][1] or '', hold = p[9],
    digest = p[10] or '', event = p[11] or '', merged = p[12] or '', keep = p[13] ~= false, complete = p[14] ~= false,
  })
  outcomes[#outcomes + 1] = {outcome, home}
end
for _, incident in pairs(touched) do save_incident(incident) end
return {now, outcomes}
