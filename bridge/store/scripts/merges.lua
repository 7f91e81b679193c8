-- Alerts that became part of others: what happens to one happens to those that were merged into it.

local MERGES_DEEP = 20

-- What became of an alert since then: the incident that counts it, or else when it was over, or neither.
local function resolve_target(name, since, depth)
  local over = ended_at(name)
  if over >= since then return nil, over end
  local home, a = find(name)
  if a and a.state == 'F' then return home end
  local at, target = last_merge(name)
  if a and a.merged_into then at, target = a.observed, a.merged_into end
  if target == '' or at < over or (a and at < a.observed) or depth == MERGES_DEEP then return end
  return resolve_target(target, math.max(since, at), depth + 1)
end

-- A merge is no end: the alert lives where its target does, and is over when that is. As long as nothing counts the
-- target, it waits in its own incident, marked, or is over until then.
local function follow(name, home, a, facets)
  local to, over = resolve_target(a.merged_into, a.observed, 1)
  if not to and not over and a.keep_if_orphaned then
    to, facets = touch(a.own_incident).exists and a.own_incident or home, facets .. ORPHAN
  end
  if not to then
    if a.state == 'F' then stop(touch(home), name, a, math.max(over or a.observed, begun(a))) end
    a.facets = facets
    write_alert(home, name, a)
    redis.call('SREM', merged_key(a.merged_into), name)
    link_ended(name, a.merged_into)
    return home
  end
  if a.state == 'F' and to == home then replace_facets(touch(home), a, facets)
  else
    local incident = touch(to)
    local goes_on, begins = a.state == 'F', incident.begins
    detach(home, name, a, a.observed)
    a.facets, a.ends = facets, 0
    start_alert(incident, a)
    if goes_on then incident.begins = begins end -- nothing new began
    redis.call('SMOVE', ended_with_key(a.merged_into), merged_key(a.merged_into), name)
  end
  attach(to, name, a)
  return to
end

-- Whatever happened to an alert happened to those that were merged into it.
local function propagate(name, seen)
  if seen[name] then return end
  seen[name] = true
  for _, source in ipairs(redis.call('SUNION', merged_key(name), ended_with_key(name))) do
    local home, a = find(source)
    if a and a.merged_into == name then
      local state = a.state
      note_follower(source, home, follow(source, home, a, whole(a.facets)), state, a)
    end
    propagate(source, seen)
  end
end

-- An alert that is heard of by its merge, as if it were just over.
local function create_from_merge(name, msg)
  local incident = touch_routed(msg)
  local a = {
    state = 'R', ends = 0, observed = 0, resolved_at = now, seen = now,
    facets = msg.facets, opaque = msg.opaque, digest = msg.digest,
  }
  tell(a, msg)
  set_start(a, msg.starts, msg)
  attach(incident.id, name, a)
  set_timer(incident, name, now + FORGET_AFTER_MS)
  return incident.id, a
end

local function merge(name, home, a, msg)
  local at, target = last_merge(name)
  if at == msg.observed and target == msg.merged_into then return 'repeat', home or '' end
  if is_over(name, msg) or (a and msg.observed < a.observed) then return 'stale', home or '' end
  local is_new = not a and msg.complete and not is_withdrawn(a, msg) and ended_at(msg.merged_into) < msg.observed
  local refusal = is_new and refuse(touch(msg.routed), msg.route)
  if refusal then return refusal, '' end
  remember_merge(name, msg.observed, msg.merged_into)
  if is_withdrawn(a, msg) then
    link_ended(name, msg.merged_into) -- for those that are part of it
    if not a then return 'unknown', '' end
    local outcome = resolve(touch(home), name, a, msg)
    write_alert(home, name, a)
    return outcome, home
  end
  if not msg.complete and (not a or a.state == 'R') then -- nothing of it may be published
    link_ended(name, msg.merged_into)
    return 'unknown', home or ''
  end
  if not a then
    if not is_new then return 'unknown', '' end
    home, a = create_from_merge(name, msg)
  end
  local was, own, facets = a.state, a.merged_into and a.own_incident or home, whole(a.facets)
  unlink(name, a)
  if msg.is_routed and (was == 'R' or msg.digest ~= a.digest) then own = msg.routed end
  tell(a, msg)
  if own == msg.routed then
    touch_routed(msg)
    facets, a.opaque, a.digest = msg.facets, msg.opaque, msg.digest
  end
  a.merged_into, a.keep_if_orphaned, a.own_incident = msg.merged_into, msg.keep_if_orphaned, own
  a.observed, a.seen = msg.observed, now
  if was == 'R' then set_start(a, msg.starts, msg) end
  redis.call('SADD', merged_key(msg.merged_into), name)
  home = follow(name, home, a, facets)
  return a.state == 'F' and 'merged' or was == 'F' and 'resolved' or 'unknown', home
end
