-- Shared by the scripts that change an incident's facts. All keys of a bridge carry one hash tag, so a script may
-- touch any incident; `prefix` is what they start with. Redis' TIME is the only clock; `now` is made of it, below.
--
-- A facet is anything that is counted over the firing alerts (a service's severity, a label's value, "a" for
-- acknowledged); the scripts do not care what it means, but for one thing: where a service or its severity, s|…, loses
-- its last alert, the incident eased, and where one gets its first, something began. A label's value that gives way to
-- another says nothing of that.

local prefix = ARGV[1]
local time = redis.call('TIME')
local wall = time[1] * 1000 + math.floor(time[2] / 1000)

-- Redis' clock goes back when somebody sets it, or with a failover to a host that is behind. Whatever waits would wait that
-- much longer. So `now` never goes back: it runs `offset` ahead of `wall`, which is for others' clocks and dates alone.
local now
do -- a script has no more than 200 local names at once

local CLOCK = prefix .. 'clock'
local SEEN_EVERY_MS = 250
local STEP_MS = 1000 -- a smaller one is no news
local latest, offset = unpack(redis.call('HMGET', CLOCK, 'seen', 'offset'))
latest, offset = tonumber(latest) or 0, tonumber(offset) or 0
now = wall + offset
-- Nothing may fail for it: a server that is full must still let go of what is over.
if now < latest then
  if latest - now >= STEP_MS then redis.pcall('HINCRBY', CLOCK, 'steps', 1) end
  now, offset = latest, latest - wall
  redis.pcall('HSET', CLOCK, 'offset', offset)
elseif now >= latest + SEEN_EVERY_MS then
  redis.pcall('HSET', CLOCK, 'seen', now)
end

end

local RESOLVE_GUARD_MS = 120000  -- a firing this soon after its own resolve may be a late copy of an older message
local FORGET_AFTER_MS = 900000   -- a resolved alert is remembered this long, to recognize such copies
local REMEMBER_MS = 604800000    -- longer than any sender retries
local REMEMBER_ALERTS = 3        -- an incident keeps this many resolved alerts for its reader

local function incident_key(id) return prefix .. 'incident:' .. id end
local function alerts_key(id) return prefix .. 'incident:' .. id .. ':alerts' end
local function facets_key(id) return prefix .. 'incident:' .. id .. ':facets' end
local function public_notes_key(id) return prefix .. 'incident:' .. id .. ':notes' end
local function progress_key(id) return prefix .. 'incident:' .. id .. ':progress' end
local function timers_key(id) return prefix .. 'incident:' .. id .. ':timers' end

-- The fields of an incident whose names begin with `kind`, which is left out: {name: value}, and flat, {name, value, …}.
local function fields_of(id, kind)
  local named, flat, h = {}, {}, redis.call('HGETALL', incident_key(id))
  for i = 1, #h, 2 do
    if h[i]:sub(1, #kind) == kind then
      local name = h[i]:sub(#kind + 1)
      named[name], flat[#flat + 1], flat[#flat + 2] = h[i + 1], name, h[i + 1]
    end
  end
  return named, flat
end

local DUE, INDEX, TALLIES, REMOTES = prefix .. 'due', prefix .. 'index', prefix .. 'tallies', prefix .. 'remotes'
local OPEN, UNAUTHORIZED = prefix .. 'open', prefix .. 'unauthorized'
local CLEARED, SHOWN, OPENINGS = prefix .. 'cleared', prefix .. 'shown', prefix .. 'openings'
local STRAYS, COUNTED, STORED = prefix .. 'strays', prefix .. 'counted', prefix .. 'stored'
local BEGUN, ACTIVE = prefix .. 'begun', prefix .. 'active'
local STRAY_MS = 3600000 -- until a stray, see `schedule_stray`, is due like any other

-- A delivery is one change of facts: an incident's clocks follow what it adds up to before and after, never a moment between
-- two of its alerts. So these are what one change is made of, until `end_change`: how many fired before it, the earliest
-- start and the latest end of the alerts in it.
local function begin_change(incident)
  incident.fired, incident.earliest, incident.latest = incident.firing, math.huge, 0
end

local SUMS = {
  'rev', 'firing', 'held', 'firing_since', 'last_fired_at', 'cleared_at', 'eased_at', 'outage_started_at',
  'outage_ended_at',
}

-- What an incident is asked for that it has not: a sum, or the end of its lease, as Redis has it. Most alerts look at
-- three sums only, and those are read at once.
local READ_LATER = {__index = function(incident, name)
  incident.was[name] = tonumber(redis.call('HGET', incident_key(incident.id), name))
  incident[name] = incident.was[name] or 0
  return incident[name]
end}

local function load_incident(id)
  local rev, firing, started_at, route, history_bytes, history_more = unpack(redis.call(
    'HMGET', incident_key(id), 'rev', 'firing', 'outage_started_at', 'route', 'history_bytes', 'history_more'
  ))
  local was = {rev = tonumber(rev), firing = tonumber(firing), outage_started_at = tonumber(started_at)}
  local incident = {
    id = id, exists = rev ~= false, was = was, deltas = {}, fields = {},
    dirty = false, material = false, timed = false, begins = false,
    rev = was.rev, firing = was.firing, outage_started_at = was.outage_started_at, route = route,
    history_bytes = tonumber(history_bytes or nil), history_more = history_more or '',
  }
  if not incident.exists then -- nobody has leased it, and all of its sums are to be written
    incident.lease_until = 0
    for _, name in ipairs(SUMS) do incident[name] = 0 end
  end
  begin_change(incident)
  return setmetatable(incident, READ_LATER)
end

local function count_facets(incident, facets, step)
  for facet in string.gmatch(facets, '[^\n]+') do
    incident.deltas[facet] = (incident.deltas[facet] or 0) + step
  end
end

-- When an alert began, where its age decides; its public start, b, may be later.
local function begun(a) return math.min(a.starts, a.counts_from or a.starts) end

local function start_alert(incident, a)
  incident.firing = incident.firing + 1
  incident.earliest = math.min(incident.earliest, a.counts_from or a.starts)
  incident.begins, incident.dirty = true, true
  count_facets(incident, a.facets, 1)
  a.state = 'F'
end

-- An end in the future, or before the start, counts as now.
local function stop_alert(incident, a, ends)
  if ends > wall or (ends > 0 and ends < begun(a)) then ends = wall end
  incident.firing = incident.firing - 1
  incident.latest = math.max(incident.latest, ends)
  incident.dirty = true
  count_facets(incident, a.facets, -1)
end

local end_change
do -- a script has no more than 200 local names at once

-- An incident that begins to fire again keeps when it fired before: that is a field of its own, return:0 to return:14,
-- as releases before know none of it. `returns` counts them, and so says which is the oldest.
local KEPT_RETURNS = 15

local function keep_span(incident)
  if incident.firing_since == 0 then return end
  local nth, fields = incident.returns, incident.fields
  fields[#fields + 1] = 'return:' .. nth % KEPT_RETURNS
  fields[#fields + 1] = string.format('%.0f %.0f', incident.firing_since, incident.cleared_at)
  fields[#fields + 1] = 'returns'
  fields[#fields + 1] = nth + 1
  incident.returns = nth + 1
end

function end_change(incident)
  local fired, fires, is_new = incident.fired > 0, incident.firing > 0, not incident.was.rev
  if fires and not fired then
    keep_span(incident)
    incident.firing_since, incident.outage_started_at, incident.outage_ended_at = now, incident.earliest, 0
  else
    if fires then incident.outage_started_at = math.min(incident.outage_started_at, incident.earliest) end
    if incident.latest > 0 then incident.outage_ended_at = math.max(incident.outage_ended_at, incident.latest) end
  end
  if not fires and (fired or is_new) then incident.cleared_at = now end
  if incident.begins and incident.firing > incident.fired then incident.last_fired_at = now end
  if fires ~= fired then incident.material = true end
  begin_change(incident)
end

end

local has_timers = {} -- by incident: most have none, and that is asked once, not for each alert

-- At that time the alert must be looked at again: then it is held no longer, or forgotten.
local function set_timer(incident, name, at)
  redis.call('ZADD', timers_key(incident.id), at, name)
  has_timers[incident.id] = true
  incident.dirty, incident.timed = true, true
end

local function cancel_timer(id, name)
  if has_timers[id] == nil then has_timers[id] = redis.call('EXISTS', timers_key(id)) == 1 end
  if has_timers[id] then redis.call('ZREM', timers_key(id), name) end
end

local function unhold(incident)
  incident.held = incident.held - 1
  incident.dirty, incident.material = true, true
end

-- When an alert of this incident must be looked at again by time alone, or nil.
local function next_timer(id)
  return tonumber(redis.call('ZRANGE', timers_key(id), 0, 0, 'WITHSCORES')[2])
end

-- What is still to be opened is served by kind: the number of its severity and its route.
local function openings_key(kind) return OPENINGS .. ':' .. kind end

local function kind_from(level, route) return (level or '1') .. '|' .. (route or '') end

-- Takes an incident off the list that it is on.
local function unlist(id, listed)
  redis.call('ZREM', listed, id)
  if listed:sub(1, #OPENINGS + 1) == OPENINGS .. ':' and redis.call('EXISTS', listed) == 0 then
    redis.call('ZREM', OPENINGS, listed:sub(#OPENINGS + 2))
  end
end

-- Says when an incident is due; with LT, unless it is sooner. It is listed, too: one that stands open on a page among the
-- CLEARED when nothing of it fires any more, or nothing that one of its pages shows, else among the SHOWN; another of which
-- something fires, or is held, among the openings of its kind. What is due is served in this order, and the rest after it.
-- Those lists are hints: DUE is what counts, and none may say later than it.
local function schedule(id, at, condition, is_new)
  local function put(list)
    if condition then redis.call('ZADD', list, condition, at, id) else redis.call('ZADD', list, at, id) end
  end
  put(DUE)
  local firing, held, listed, page_ends, level, route =
    unpack(redis.call('HMGET', incident_key(id), 'firing', 'held', 'listed', 'page_ends', 'level', 'route'))
  local fires, list = firing ~= '0', ''
  listed = (listed or '') ~= '' and prefix .. listed or ''
  if not is_new and redis.call('SISMEMBER', OPEN, id) == 1 then
    list = (not fires or page_ends == '2') and CLEARED or SHOWN
  elseif fires or held ~= '0' then
    list = openings_key(kind_from(level, route))
    if list ~= listed then redis.call('ZADD', OPENINGS, 'NX', 0, kind_from(level, route)) end
  end
  if list ~= '' then put(list) end
  if list == listed then return end
  if listed ~= '' then unlist(id, listed) end
  for _, other in ipairs(is_new and {} or {CLEARED, SHOWN}) do -- another release lists it there, and keeps no note of that
    if other ~= list then redis.call('ZREM', other, id) end
  end
  redis.call('HSET', incident_key(id), 'listed', list:sub(#prefix + 1))
end

-- One of which nothing has fired, as far as is known, waits until nothing else is due: anybody can tell of the end of what
-- never was.
local function schedule_stray(id)
  redis.call('ZADD', STRAYS, 'NX', now, id)
  schedule(id, now + STRAY_MS, 'LT', true)
end

-- What limits bound: COUNTED has the incidents that fire or stand on a page, as <id>|<route>, by how many of their alerts
-- fire; STORED the sums of that, incidents|<route> and alerts|<route>, and without a route those of all. Whoever changes
-- one of them counts it anew, and says so with `save_sums` at the end; what another release changed, recount.lua finds.
-- STORED also has how many of each route are remembered, over or not: remembered_incidents|<route>, remembered_alerts|<route>.
-- Nobody counts these anew, so they say only which route has most of what INDEX and DUE hold.
--
-- What readers list: BEGUN has all incidents, ACTIVE those that COUNTED has. Both go by when an incident was last stored or
-- counted anew: it keeps its place as long as it fires or stands on a page, and after that until it begins again. What
-- another release begins or ends, recount.lua finds.
local SUMS_OF_ROUTE = {'alerts', 'incidents', 'remembered_alerts', 'remembered_incidents'}
local counted = {} -- how many more, by route
local newly = {} -- what begins to be counted, as it is listed

local function sum_up(route, steps)
  local sum = counted[route] or {}
  for of, step in pairs(steps) do sum[of] = (sum[of] or 0) + step end
  counted[route] = sum
end

local function count_stored(id, route, firing, exists)
  local entry = id .. '|' .. route
  local is_counted = exists and (firing > 0 or redis.call('SISMEMBER', OPEN, id) == 1)
  local was = tonumber(redis.call('ZSCORE', COUNTED, entry) or nil)
  if is_counted and was ~= firing then redis.call('ZADD', COUNTED, firing, entry) end
  if is_counted and not was then
    newly[#newly + 1] = now
    newly[#newly + 1] = id
  elseif was and not is_counted then
    redis.call('ZREM', COUNTED, entry)
    redis.call('ZREM', ACTIVE, id)
  end
  sum_up(route, {
    alerts = (is_counted and firing or 0) - (was or 0), incidents = (is_counted and 1 or 0) - (was and 1 or 0),
  })
  return is_counted
end

-- So many more fire than when it was counted. As long as others do, nothing else changes.
local function count_more(id, route, firing, step)
  local is_now = firing > 0 and firing ~= step and redis.call('ZADD', COUNTED, 'XX', 'INCR', step, id .. '|' .. route)
  if is_now then sum_up(route, {alerts = step}) end
  if not is_now or tonumber(is_now) ~= firing then count_stored(id, route, firing, true) end
end

local function save_sum(field, step)
  if step ~= 0 and redis.call('HINCRBY', STORED, field, step) <= 0 then redis.call('HDEL', STORED, field) end
end

local function save_sums()
  local alerts, incidents = 0, 0
  for route, sum in pairs(counted) do
    for _, of in ipairs(SUMS_OF_ROUTE) do save_sum(of .. '|' .. route, sum[of] or 0) end
    alerts, incidents = alerts + (sum.alerts or 0), incidents + (sum.incidents or 0)
  end
  save_sum('alerts|', alerts)
  save_sum('incidents|', incidents)
  if newly[1] then
    for _, list in ipairs({BEGUN, ACTIVE}) do redis.call('ZADD', list, unpack(newly)) end
  end
  counted, newly = {}, {}
end

-- The revision moves, and the incident is due, only when something changed that a reader of the sums could see: the
-- ten-thousandth alert of one kind is stored, but wakes nobody. Returns whether it is due now.
local function save_incident(incident)
  end_change(incident)
  local level = 0
  for facet, delta in pairs(incident.deltas) do
    if delta ~= 0 then
      local count = redis.call('HINCRBY', facets_key(incident.id), facet, delta)
      local is_service = (count == delta or count <= 0) and facet:sub(1, 2) == 's|'
      if count == delta then
        incident.material = true
        if is_service then level = math.max(level, tonumber(facet:match('|(%d+)$')) or 0) end
        if is_service and incident.begins then incident.last_fired_at = now end
      end
      if count <= 0 then
        redis.call('HDEL', facets_key(incident.id), facet)
        incident.material = true
        if is_service then
          incident.eased_at = now
          -- what eased may have been all that a page showed: recording says
          if redis.call('HGET', incident_key(incident.id), 'page_ends') == '1' then
            redis.call('HSET', incident_key(incident.id), 'page_ends', 2)
          end
        end
      end
    end
  end
  if incident.material then incident.rev = incident.rev + 1 end
  local changed = incident.fields
  if level > 0 then -- at least; who claims it sees what it is
    local known = (incident.was.firing or 0) > 0 and tonumber(redis.call('HGET', incident_key(incident.id), 'level')) or 0
    if level > known then
      changed[#changed + 1] = 'level'
      changed[#changed + 1] = level
    end
  end
  for _, name in ipairs(SUMS) do
    local value = rawget(incident, name)
    if value and value ~= incident.was[name] then
      changed[#changed + 1] = name
      changed[#changed + 1] = value
    end
  end
  if changed[1] then redis.call('HSET', incident_key(incident.id), unpack(changed)) end
  if not incident.was.rev and incident.firing == 0 then redis.call('ZADD', BEGUN, now, incident.id) end
  if not (incident.material or incident.timed) then return false end
  if incident.lease_until > now then return false end -- who settles it compares revisions and timers
  local is_new, ripens = not incident.was.rev, not incident.material and next_timer(incident.id)
  if is_new and incident.firing == 0 and incident.held == 0 then schedule_stray(incident.id)
  elseif incident.material then schedule(incident.id, now, 'LT', is_new)
  elseif ripens and redis.call('ZADD', DUE, 'LT', 'CH', ripens, incident.id) == 1 then
    schedule(incident.id, ripens, 'LT')
  end
  return incident.material
end

-- Writes back what changed of each. Returns whether one of them is due now.
local function save_incidents(incidents)
  local is_due = false
  for _, incident in pairs(incidents) do
    if incident.dirty then
      is_due = save_incident(incident) or is_due
      local step = incident.firing - (incident.was.firing or 0)
      if step ~= 0 then count_more(incident.id, incident.route, incident.firing, step) end
    end
  end
  save_sums()
  return is_due
end
