-- What a statement does to one alert: it fires, again or elsewhere, is held, is over. `a` is its record, `msg` the statement.

local ORPHAN = '\nu' -- the facet of a merged alert that waits for its target

-- The incident to which routing sends the statement; from now on there is one.
local function touch_routed(msg)
  local incident = touch(msg.routed)
  if not incident.exists then
    incident.exists, incident.dirty, incident.material, incident.route = true, true, true, msg.route
    incident.fields = {'route', msg.route, 'episode', 1, 'tally', 'PENDING', unpack(cjson.decode(msg.group))}
    redis.call('HINCRBY', TALLIES, 'PENDING', 1)
    sum_up(msg.route, {remembered_incidents = 1})
  end
  return incident
end

-- Whether the alert was over, or part of another, after the statement.
local function is_over(name, msg)
  if msg.observed == 0 then return false end
  local at, target = last_merge(name)
  return msg.observed <= ended_at(name) or msg.observed < at or (msg.observed == at and target ~= '')
end

-- Labels that are published nowhere take an alert back, unless it was published with the very same ones.
local function is_withdrawn(a, msg)
  return not msg.is_routed and msg.observed > 0 and not (a and a.digest == msg.digest)
end

local function stop(incident, name, a, ends)
  if a.state == 'F' then stop_alert(incident, a, ends) else unhold(incident) end
  a.state, a.ends, a.resolved_at = 'R', math.min(ends, wall), now
  set_timer(incident, name, now + FORGET_AFTER_MS)
end

local function resolve(incident, name, a, msg)
  local is_earlier = msg.observed == 0 and msg.ends > 0 and msg.ends < begun(a) and msg.starts < a.starts
  if a.muted and a.state == 'R' and not is_earlier then -- over, as it was said: what fires after that counts
    mute.lift(incident.id, name, a)
    unlink(name, a)
    a.ends, a.resolved_at, a.observed = math.min(msg.ends, wall), now, math.max(a.observed, msg.observed)
    set_timer(incident, name, now + FORGET_AFTER_MS)
    return 'resolved'
  end
  if a.state == 'R' then
    unlink(name, a)
    a.observed = math.max(a.observed, msg.observed)
    -- of an occurrence whose firing may still be on its way
    if msg.ends > a.ends and msg.ends <= wall then a.ends, a.resolved_at = msg.ends, now end
    return 'repeat'
  end
  if msg.observed < a.observed or is_earlier then return 'stale' end
  unlink(name, a)
  if msg.why and msg.observed == 0 then msg.ends = msg.ends - (now - wall) end -- by our own clock
  stop(incident, name, a, msg.ends)
  a.observed = msg.observed
  a.healed = msg.why and string.format('%.0f %s', now, msg.why)
  return 'resolved'
end

-- An alert counts as the routes of its own incident see it: another route's services have no place there.
local function describe(incident, a, msg)
  tell(a, msg)
  if incident.id == msg.routed then a.facets, a.opaque, a.digest = msg.facets, msg.opaque, msg.digest end
end

local function replace_facets(incident, a, facets)
  if a.facets == facets then return false end
  count_facets(incident, a.facets, -1)
  count_facets(incident, facets, 1)
  a.facets, incident.dirty = facets, true
  return true
end

local function refresh(home, a, msg)
  if msg.starts > a.starts then set_start(a, msg.starts, msg) end
  a.observed = msg.observed
  tell(a, msg)
  if home ~= msg.routed then return 'repeat' end
  a.opaque, a.digest = msg.opaque, msg.digest
  if a.facets == msg.facets then return 'repeat' end -- without a look at the incident
  replace_facets(touch(home), a, msg.facets)
  return 'changed'
end

local function start(incident, a)
  local outcome = incident.fired == 0 and incident.firing == 0 and 'opened' or 'added'
  start_alert(incident, a)
  return outcome
end

local function attach(id, name, a)
  write_alert(id, name, a)
  move_in(id, name)
end

local function detach(id, name, a, ends)
  if a.state == 'F' then stop_alert(touch(id), a, ends) elseif a.state == 'H' then unhold(touch(id)) end
  move_out(id, name)
end

local function begin(name, msg) -- who folds the statement writes the alert
  local incident = touch_routed(msg)
  local a = {
    state = 'F', ends = 0, observed = msg.observed, resolved_at = 0, seen = now,
    facets = msg.facets, opaque = msg.opaque, digest = msg.digest,
  }
  tell(a, msg)
  set_start(a, msg.starts, msg)
  local outcome = start(incident, a)
  move_in(incident.id, name)
  return outcome, incident.id, a
end

local function fire_again(incident, name, a, msg)
  if a.state == 'R' and is_doubtful(a, msg) then
    a.state = 'H'
    set_start(a, a.starts, msg)
    describe(incident, a, msg)
    incident.held, incident.material = incident.held + 1, true
    set_timer(incident, name, now + msg.hold_ms)
    return 'held'
  end
  if a.state == 'H' then
    if not is_newer(a, msg) then return 'repeat' end
    unhold(incident)
  end
  cancel_timer(incident.id, name)
  set_start(a, msg.starts, msg)
  a.ends, a.observed = 0, msg.observed
  describe(incident, a, msg)
  return start(incident, a)
end

local function relocate(name, home, a, msg)
  detach(home, name, a, msg.observed)
  local _, id, moved = begin(name, msg)
  return 'moved', id, moved
end

local function whole(facets) return (facets:gsub(ORPHAN .. '$', '')) end

local function unmerge(name, home, a)
  unlink(name, a)
  if a.state == 'F' then replace_facets(touch(home), a, whole(a.facets)) end
end

-- Until its end an alert stays with the incident that counts it, unless its labels changed or it was part of another:
-- then it goes where routing sends it now. If changed labels send it nowhere, its page hears of its end.
local function fire(name, home, a, msg)
  local was_part, relabeled = a.merged_into, msg.digest ~= (a.digest or '')
  if was_part then unmerge(name, home, a) end
  if a.muted then
    if msg.starts <= a.starts then
      if a.state ~= 'R' then mute.begin(touch(home), name, a, a.muted) end -- another release has counted it
      a.observed = math.max(a.observed, msg.observed)
      describe(touch(home), a, msg)
      return 'repeat', home, a
    end
    mute.lift(home, name, a)
    write_alert(home, name, a) -- it may go on elsewhere: here it is over
  end
  if a.state ~= 'R' and home ~= msg.routed then
    if msg.is_routed and (relabeled or was_part) then return relocate(name, home, a, msg) end
    if not msg.is_routed and relabeled then
      msg.ends = msg.observed
      return resolve(touch(home), name, a, msg), home, a
    end
  end
  if a.state == 'F' then return refresh(home, a, msg), home, a end
  if is_withdrawn(a, msg) then a.observed = msg.observed end
  if not msg.is_routed or (a.state == 'R' and not msg.complete) then return 'unknown', home, a end
  if a.state == 'R' and home ~= msg.routed and not is_doubtful(a, msg) then return begin(name, msg) end
  return fire_again(touch(home), name, a, msg), home, a
end
