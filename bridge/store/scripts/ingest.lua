-- Folds alerts into the incidents that routing chose, or into those that already count them.
-- ARGV: prefix; where they are routed to, MessagePack [[id, key, route, group, facets, opaque, hold_refire_ms,
-- backdate_ms, receiver where that makes a difference], …]; the alerts, MessagePack [name, 'F' or 'R', starts, ends,
-- observed, which of those (0: none), false or, from a sender with a clock of its own, [digest of the labels, event, name
-- of the alert it merged into, keep open if that is unknown, complete], or of an unrouted one its receiver, and the same of
-- the next, …]: one list, since each list of its own takes as long as a command; how many of them each delivery has,
-- MessagePack [count, …]; what limits them, MessagePack [how many alerts may fire, how many of one route, how many
-- incidents may fire or stand on a page, how many of one route, 1 if Redis is almost full].
-- Returns now, MessagePack [outcome, incident id, …] of the alerts, 1 if an incident is due now that changed, and
-- MessagePack [position from 0, …] of the alerts whose receivers are in conflict, or ''.
--
-- The record of an alert that was merged also has m its target, k whether it stays open while nothing is known of that,
-- h the incident that is its own; v: see conflicts.lua, n: see senders.lua. What messages may still come to late is kept
-- for REMEMBER_MS, alert or no alert:
-- e:<event> that it was folded, o:<alert> when it was last over, p:<alert> when it last became part of which other ('':
-- was published nowhere), w:<alert> which alerts ended with it. m:<alert> lists those that live as part of it.

local routings, alerts, sizes = cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[3]), cmsgpack.unpack(ARGV[4])
local folded = {} -- events
local MERGES_DEEP = 20
local ORPHAN = '\nu' -- the facet of a merged alert that waits for its target

local function touch_routed(m)
  local incident = touch(m.routed)
  if not incident.exists then
    local _, key, route, group = unpack(routings[m.at])
    incident.exists, incident.dirty, incident.material, incident.route = true, true, true, route
    incident.fields = {'key', key, 'route', route, 'group', group, 'episode', 1, 'tally', 'PENDING'}
    redis.call('HINCRBY', TALLIES, 'PENDING', 1)
  end
  return incident
end

local function event_key(event) return prefix .. 'e:' .. event end
local function over_key(name) return prefix .. 'o:' .. name end
local function part_key(name) return prefix .. 'p:' .. name end
local function sources_key(name) return prefix .. 'm:' .. name end
local function ended_sources_key(name) return prefix .. 'w:' .. name end

local function over_at(name) return tonumber(redis.call('GET', over_key(name)) or 0) end

-- A sender with a clock of its own may tell of the end before the beginning.
local function remember_end(name, m)
  if m.observed == 0 then return end
  redis.call('SET', over_key(name), math.max(over_at(name), m.observed), 'PX', REMEMBER_MS)
end

local function part_of(name)
  local packed = redis.call('GET', part_key(name))
  if not packed then return 0, '' end
  return unpack(cmsgpack.unpack(packed))
end

local function remember_part(name, m)
  if m.observed > part_of(name) then
    redis.call('SET', part_key(name), cmsgpack.pack({m.observed, m.merged}), 'PX', REMEMBER_MS)
  end
end

local function is_over(name, m)
  if m.observed == 0 then return false end
  local at, target = part_of(name)
  return m.observed <= over_at(name) or m.observed < at or (m.observed == at and target ~= '')
end

-- Labels that are published nowhere take an alert back, unless it was published with the very same ones.
local function is_withdrawn(a, m)
  return m.at == 0 and m.observed > 0 and not (a and a.d == m.digest)
end

local function stop(incident, name, a, ends)
  if a.st == 'F' then stop_alert(incident, a, ends) else unhold(incident) end
  a.st, a.e, a.r = 'R', math.min(ends, wall), now
  set_timer(incident, name, now + FORGET_AFTER_MS)
end

local function unlink(name, a)
  if not a.m then return end
  redis.call('SREM', sources_key(a.m), name)
  redis.call('SREM', ended_sources_key(a.m), name)
  a.m = nil
end

local function resolve(incident, name, a, m)
  if a.st == 'R' then
    unlink(name, a)
    a.o = math.max(a.o, m.observed)
    -- of an occurrence whose firing may still be on its way
    if m.ends > a.e and m.ends <= wall then a.e, a.r = m.ends, now end
    return 'repeat'
  end
  local is_earlier = m.observed == 0 and m.ends > 0 and m.ends < begun(a) and m.starts < a.s -- of an earlier occurrence
  if m.observed < a.o or is_earlier then return 'stale' end
  unlink(name, a)
  stop(incident, name, a, m.ends)
  a.o = m.observed
  return 'resolved'
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

local function refresh(home, a, m)
  if m.starts > a.s then set_start(a, m.starts, m) end
  a.o = m.observed
  if home ~= m.routed then return 'repeat' end
  a.x, a.d = m.opaque, m.digest
  if a.f == m.facets then return 'repeat' end -- without a look at the incident
  replace_facets(touch(home), a, m.facets)
  return 'changed'
end

local function start(incident, a)
  local outcome = incident.fired == 0 and incident.firing == 0 and 'opened' or 'added'
  start_alert(incident, a)
  return outcome
end

local function settle_in(id, name, a)
  write_alert(id, name, a)
  move_in(id, name)
end

local function leave(id, name, a, ends)
  if a.st == 'F' then stop_alert(touch(id), a, ends) elseif a.st == 'H' then unhold(touch(id)) end
  move_out(id, name)
end

local function begin(name, m) -- who folds the statement writes the alert
  local incident = touch_routed(m)
  local a = {st = 'F', e = 0, o = m.observed, r = 0, seen = now, f = m.facets, x = m.opaque, d = m.digest}
  set_start(a, m.starts, m)
  local outcome = start(incident, a)
  move_in(incident.id, name)
  return outcome, incident.id, a
end

local function fire_again(incident, name, a, m)
  if a.st == 'R' and is_doubtful(a, m) then
    a.st = 'H'
    set_start(a, a.s, m)
    describe(incident, a, m)
    incident.held, incident.material = incident.held + 1, true
    set_timer(incident, name, now + m.hold)
    return 'held'
  end
  if a.st == 'H' then
    if not is_newer(a, m) then return 'repeat' end
    unhold(incident)
  end
  cancel_timer(incident.id, name)
  set_start(a, m.starts, m)
  a.e, a.o = 0, m.observed
  describe(incident, a, m)
  return start(incident, a)
end

local function relocate(name, home, a, m)
  leave(home, name, a, m.observed)
  local _, id, moved = begin(name, m)
  return 'moved', id, moved
end

local function whole(facets) return (facets:gsub(ORPHAN .. '$', '')) end

local function unmerge(name, home, a)
  unlink(name, a)
  if a.st == 'F' then replace_facets(touch(home), a, whole(a.f)) end
end

-- Until its end an alert stays with the incident that counts it, unless its labels changed or it was part of another:
-- then it goes where routing sends it now. If changed labels send it nowhere, its page hears of its end.
local function fire(name, home, a, m)
  local was_part, relabeled = a.m, m.digest ~= (a.d or '')
  if was_part then unmerge(name, home, a) end
  if a.st ~= 'R' and home ~= m.routed then
    if m.at > 0 and (relabeled or was_part) then return relocate(name, home, a, m) end
    if m.at == 0 and relabeled then
      m.ends = m.observed
      return resolve(touch(home), name, a, m), home, a
    end
  end
  if a.st == 'F' then return refresh(home, a, m), home, a end
  if is_withdrawn(a, m) then a.o = m.observed end
  if m.at == 0 or (a.st == 'R' and not m.complete) then return 'unknown', home, a end
  if a.st == 'R' and home ~= m.routed and not is_doubtful(a, m) then return begin(name, m) end
  return fire_again(touch(home), name, a, m), home, a
end

-- What became of an alert since then: the incident that counts it, or else when it was over, or neither.
local function fate(name, since, depth)
  local over = over_at(name)
  if over >= since then return nil, over end
  local home, a = find(name)
  if a and a.st == 'F' then return home end
  local at, target = part_of(name)
  if a and a.m then at, target = a.o, a.m end
  if target == '' or at < over or (a and at < a.o) or depth == MERGES_DEEP then return end
  return fate(target, math.max(since, at), depth + 1)
end

local function link_ended(name, target)
  redis.call('SADD', ended_sources_key(target), name)
  redis.call('PEXPIRE', ended_sources_key(target), REMEMBER_MS)
end

-- A merge is no end: the alert lives where its target does, and is over when that is. As long as nothing counts the
-- target, it waits in its own incident, marked, or is over until then.
local function follow(name, home, a, facets)
  local to, over = fate(a.m, a.o, 1)
  if not to and not over and a.k then
    to, facets = touch(a.h).exists and a.h or home, facets .. ORPHAN
  end
  if not to then
    if a.st == 'F' then stop(touch(home), name, a, math.max(over or a.o, begun(a))) end
    a.f = facets
    write_alert(home, name, a)
    redis.call('SREM', sources_key(a.m), name)
    link_ended(name, a.m)
    return home
  end
  if a.st == 'F' and to == home then replace_facets(touch(home), a, facets)
  else
    local incident = touch(to)
    local goes_on, begins = a.st == 'F', incident.begins
    leave(home, name, a, a.o)
    a.f, a.e = facets, 0
    start_alert(incident, a)
    if goes_on then incident.begins = begins end -- nothing new began
    redis.call('SMOVE', ended_sources_key(a.m), sources_key(a.m), name)
  end
  settle_in(to, name, a)
  return to
end

-- Whatever happened to an alert happened to those that were merged into it.
local function bring_along(name, seen)
  if seen[name] then return end
  seen[name] = true
  for _, source in ipairs(redis.call('SUNION', sources_key(name), ended_sources_key(name))) do
    local home, a = find(source)
    if a and a.m == name then follow(source, home, a, whole(a.f)) end
    bring_along(source, seen)
  end
end

-- An alert that is heard of by its merge, as if it were just over.
local function introduce(name, m)
  local incident = touch_routed(m)
  local a = {st = 'R', e = 0, o = 0, r = now, seen = now, f = m.facets, x = m.opaque, d = m.digest}
  set_start(a, m.starts, m)
  settle_in(incident.id, name, a)
  set_timer(incident, name, now + FORGET_AFTER_MS)
  return incident.id, a
end

local function merge(name, home, a, m)
  local at, target = part_of(name)
  if at == m.observed and target == m.merged then return 'repeat', home or '' end
  if is_over(name, m) or (a and m.observed < a.o) then return 'stale', home or '' end
  local is_new = not a and m.complete and not is_withdrawn(a, m) and over_at(m.merged) < m.observed
  local refusal = is_new and refuse(touch(m.routed), routings[m.at][3])
  if refusal then return refusal, '' end
  remember_part(name, m)
  if is_withdrawn(a, m) then
    link_ended(name, m.merged) -- for those that are part of it
    if not a then return 'unknown', '' end
    local outcome = resolve(touch(home), name, a, m)
    write_alert(home, name, a)
    return outcome, home
  end
  if not m.complete and (not a or a.st == 'R') then -- nothing of it may be published
    link_ended(name, m.merged)
    return 'unknown', home or ''
  end
  if not a then
    if not is_new then return 'unknown', '' end
    home, a = introduce(name, m)
  end
  local was, own, facets = a.st, a.m and a.h or home, whole(a.f)
  unlink(name, a)
  if m.at > 0 and (was == 'R' or m.digest ~= a.d) then own = m.routed end
  if own == m.routed then
    touch_routed(m)
    facets, a.x, a.d = m.facets, m.opaque, m.digest
  end
  a.m, a.k, a.h, a.o, a.seen = m.merged, m.keep, own, m.observed, now
  if was == 'R' then set_start(a, m.starts, m) end
  redis.call('SADD', sources_key(m.merged), name)
  home = follow(name, home, a, facets)
  return a.st == 'F' and 'merged' or was == 'F' and 'resolved' or 'unknown', home
end

-- Nothing counts this alert, and nothing is known of its incident: the store may have been lost since that was
-- published. So it is kept, over as it is, for whoever looks what stands on the page.
local function suspect(m)
  if m.at == 0 or touch(m.routed).exists or not has_room_for_stray() then return end
  touch_routed(m).latest = math.min(m.ends, wall)
end

local function fold_known(name, home, a, m)
  if m.observed < a.o or m.status == 'F' and is_stale(a, m) then return 'stale', home, a end
  if m.status == 'F' then return fire(name, home, a, m) end
  return resolve(touch(home), name, a, m), home, a
end

local function fold_statement(name, home, a, m)
  if m.status == 'R' then remember_end(name, m) elseif is_withdrawn(a, m) then remember_part(name, m) end
  local outcome
  local known = a
  if a then outcome, home, a = fold_known(name, home, a, m)
  elseif m.status == 'R' then
    suspect(m)
    return 'unknown', ''
  elseif m.at == 0 or not m.complete then return 'unknown', ''
  elseif is_over(name, m) then return 'stale', ''
  else
    local refusal = refuse(touch(m.routed), routings[m.at][3])
    if refusal then return refusal, '' end
    outcome, home, a = begin(name, m)
  end
  a.seen = now
  if m.receiver ~= '' then note_receiver(known, home, a, m) end
  write_alert(home, name, a)
  return outcome, home
end

local function fold(name, m)
  local home, a = find(name)
  if may_be_replayed(a, m) then return 'stale', home or '' end
  local is_merge = m.merged ~= ''
  local outcome
  if is_merge then outcome, home = merge(name, home, a, m) else outcome, home = fold_statement(name, home, a, m) end
  if m.observed > 0 then bring_along(name, {}) end
  return outcome, home
end

-- Also as an event without a sender, while nobody had named the alert's.
local function is_repeated(name, event)
  if folded[event] or redis.call('EXISTS', event_key(event)) == 1 then return true end
  local plain, _, a = event_without_sender(event), find(name)
  return plain and a and a.n and redis.call('EXISTS', event_key(plain)) == 1
end

local function fold_once(name, m)
  if m.event == '' then return fold(name, m) end
  if is_repeated(name, m.event) then return 'repeat', home_of(name) or '' end
  local outcome, home = fold(name, m)
  if is_refused(outcome) then return outcome, home end -- it will come again
  folded[m.event] = REMEMBER_MS + math.max(0, m.dated - wall) -- until it is too old to open anything
  return outcome, home
end

local NOTHING, ALERT = {}, 7 -- values each
local names, known_as, outcomes, is_due = {}, {}, {}, 0
local has_senders = ARGV[3]:find('@', 1, true)
for i = 1, #alerts, ALERT do
  names[#names + 1] = alerts[i]
  known_as[#known_as + 1] = alerts[i]
  if has_senders then known_as[#known_as + 1] = plain_of(alerts[i]) end
end
read_alerts(known_as)

local function fold_nth(i)
  local name = names[i]
  local _, status, starts, ends, observed, at, more = unpack(alerts, (i - 1) * ALERT + 1, i * ALERT)
  local to = routings[at] or NOTHING
  local told, receiver = more or NOTHING, to[9] or ''
  if type(more) == 'string' then told, receiver = NOTHING, more end
  if has_senders then
    adopt(name, observed > 0)
    if told[3] then adopt(told[3], true) end
  end
  outcomes[2 * i - 1], outcomes[2 * i] = fold_once(name, {
    status = status, starts = starts, ends = ends, dated = observed, observed = believed_time(observed), at = at,
    routed = to[1] or '', facets = to[5] or '', opaque = to[6] or '', hold = to[7] or 0, backdate = to[8] or math.huge,
    digest = told[1] or '', event = told[2] or '', merged = told[3] or '',
    keep = told[4] ~= false, complete = told[5] ~= false,
    receiver = receiver, position = i - 1,
  })
end

local last = 0
for _, size in ipairs(sizes) do
  for i = last + 1, last + size do fold_nth(i) end
  for id, incident in pairs(changing) do
    end_change(incident)
    changing[id] = nil
  end
  last = last + size
end
save_alerts()
if save_incidents(touched) then is_due = 1 end
for event, ms in pairs(folded) do redis.call('SET', event_key(event), 1, 'PX', ms) end -- once it has its effect
return {now, cmsgpack.pack(outcomes), is_due, conflicts[1] and cmsgpack.pack(conflicts) or ''}
