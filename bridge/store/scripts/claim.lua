-- Leases the most important incident that is due, the most overdue of its kind, and lets its alert timers ripen: a held
-- alert whose time is over fires, a resolved one is forgotten. First come those that are over, on some page at least, but
-- for being told so, then others that stand open on a page, then openings: the highest severity first, then routes in turn,
-- then the most overdue. Those of a kind for which there was no room just now come after the other kinds, without requests:
-- they will hardly need any. Then comes the rest, which needs no page, and at last strays.
-- An incident comes with requests out of the budget: so nothing waits in hand that could not act, and what is over has what
-- it needs before anything else is begun.
-- ARGV: prefix, token, lease_ms, how long the next try waits while writes are paused, requests per minute (0: no limit), 1 to
-- claim nothing but what is over.
-- Returns {now, next due or -1, paused 0/1} or, when an incident was leased, {now, -1, paused 0/1, id, snapshot, how many
-- requests it comes with, how many milliseconds of the budget each takes, in how many they may go}: the claim of a paused bridge
-- is a probe, and comes with none.

local END, OPENING, LOOK = 0, 2, 3 -- as in bridge.model.Priority
local REQUESTS = 2 -- a look, and a write

-- The most overdue of a list of hints; puts right on the way what they had wrong.
local function first_of(list)
  while true do
    local id, at = unpack(redis.call('ZRANGE', list, 0, 0, 'WITHSCORES'))
    if not id or tonumber(at) > now then return nil end
    local due = redis.call('ZSCORE', DUE, id)
    if due and tonumber(due) <= now then return {id, due} end
    if due then redis.call('ZADD', list, due, id) else redis.call('ZREM', list, id) end
  end
end

-- The stray that has waited longest, and since when. What is due like any other by now is none.
local function first_stray()
  while true do
    local id, at = unpack(redis.call('ZRANGE', STRAYS, 0, 0, 'WITHSCORES'))
    local due = id and redis.call('ZSCORE', DUE, id)
    if not id or due and tonumber(due) > now then return id and {id, at} end
    redis.call('ZREM', STRAYS, id)
  end
end

local ROOM_IS_OLD_MS = 5000

-- The opening whose turn it is, and whether there was room for its kind: of those of one rank that of the kind which was
-- served least recently, and of these the most overdue.
local function first_opening()
  local best
  local kinds = redis.call('ZRANGE', OPENINGS, 0, -1, 'WITHSCORES')
  for nth = 1, #kinds, 2 do
    local kind, served = kinds[nth], tonumber(kinds[nth + 1])
    local full_at = redis.call('ZSCORE', FULL, kind)
    local is_full = full_at and tonumber(full_at) > now - ROOM_IS_OLD_MS
    local rank = tonumber(kind:sub(1, 1)) - (is_full and 10 or 0)
    if not best or rank > best.rank or (rank == best.rank and served == best.served) then
      local found = first_of(openings_key(kind))
      if found and (not best or rank > best.rank or tonumber(found[2]) < tonumber(best.found[2])) then
        best = {rank = rank, served = served, kind = kind, found = found}
      end
    end
  end
  if not best then return nil, false end
  redis.call('ZADD', OPENINGS, now, best.kind)
  return best.found, best.rank > 0
end

-- The severity that the incident has now, of all its services.
local function note_level(id, facets)
  local level = 0
  for nth = 1, #facets, 2 do
    if facets[nth]:sub(1, 2) == 's|' then level = math.max(level, tonumber(facets[nth]:match('|(%d+)$')) or 0) end
  end
  if level > 0 then redis.call('HSET', incident_key(id), 'level', level) end
end

local token, lease_ms, probe_ms, per_minute = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local PAUSE = prefix .. 'pause'

wake_in_time()
local first = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
if not first[1] then return {now, -1, 0} end
local stray = tonumber(first[2]) > now and first_stray()
if stray then first = stray
elseif tonumber(first[2]) > now then return {now, tonumber(first[2]), 0} end

local resumes = redis.call('HGET', PAUSE, 'until')
local priority
if resumes then
  if tonumber(resumes) > now then return {now, tonumber(resumes), 1} end
  redis.call('HSET', PAUSE, 'until', now + probe_ms) -- a probe goes by age alone: no incident may have all of them
else
  local over = first_of(CLEARED)
  if ARGV[6] == '1' and not over then return {now, -1, 0} end
  local shown = not over and first_of(SHOWN)
  local opening, has_room
  if not (over or shown) then opening, has_room = first_opening() end
  if over then priority = END elseif shown then priority = CHANGE elseif stray then priority = LOOK
  elseif has_room or not opening then priority = OPENING end
  first = over or shown or opening or first
end

local id = first[1]
local incident = load_incident(id)
if not incident.exists then
  redis.call('ZREM', DUE, id)
  return {now, now, 0}
end

local requests, request_ms, go_in_ms = 0, '0', 0
if priority and per_minute > 0 then
  local ahead_ms, taken = lease_ms / 15
  go_in_ms, taken = take_requests(per_minute, priority, REQUESTS, 0, ahead_ms)
  if not taken then return {now, now + go_in_ms - (priority == END and math.floor(ahead_ms) or 0), 0} end
  requests, request_ms = REQUESTS, string.format('%.6f', select(2, allowance(per_minute)))
end

for _, name in ipairs(redis.call('ZRANGEBYSCORE', timers_key(id), '-inf', now, 'LIMIT', 0, 1000)) do
  local packed = redis.call('HGET', alerts_key(id), name)
  local a = packed and unpack_alert(packed)
  redis.call('ZREM', timers_key(id), name)
  if a and a.state == 'H' then
    unhold(incident)
    a.ends = 0
    start_alert(incident, a)
    redis.call('HSET', alerts_key(id), name, pack_alert(a))
    note_fact(id, 'alerts_trusted', 'bridge', name, a.told)
  elseif a and a.state == 'R' and a.muted then
    mute.count(incident, name, a)
    redis.call('HSET', alerts_key(id), name, pack_alert(a))
    note_fact(id, 'alerts_unmuted', 'bridge', name, a.told)
  elseif a and a.state == 'R' and redis.call('HLEN', alerts_key(id)) > REMEMBER_ALERTS then
    redis.call('HDEL', alerts_key(id), name)
    forget(name, incident)
  end
end
save_facts(function() return incident end)
save_incidents({incident})
redis.call('ZREM', STRAYS, id)
local seen = snapshot(id)
note_level(id, seen[2])
redis.call('HSET', incident_key(id), 'lease', token, 'was_due', first[2])
extend_lease(id, lease_ms)
return {now, -1, resumes and 1 or 0, id, seen, requests, request_ms, go_in_ms}
