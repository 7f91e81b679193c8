-- What is believed of the dates that senders give, and what is too old to count. `a` is a known alert, `m` a message.

local AHEAD_MS = 60000 -- a sender's clock further ahead than this is not believed

local function believed_time(observed) return observed > wall + AHEAD_MS and wall or observed end

-- A start in the future counts as now, which is the time of its first delivery; one before all that may be published
-- counts as the earliest that may.
local function set_start(a, starts, m)
  local believed = math.max(math.min(starts, wall), wall - m.backdate)
  a.s, a.b = starts, believed ~= starts and believed or nil
end

-- Whether a message is of a later occurrence than the one that is known.
local function is_newer(a, m)
  if m.starts == a.s or m.starts > wall then return m.starts > a.s end
  return m.starts > math.max(begun(a), a.e)
end

-- A signed event can be replayed when its name is forgotten: it may still end what fires, and opens nothing.
local function may_be_replayed(a, m)
  if m.observed == 0 or m.observed > wall - REMEMBER_MS then return false end
  return m.status == 'F' and m.at > 0 or m.merged ~= '' and not (a and a.st == 'F')
end

local function is_acknowledged(facets) return ('\n' .. facets .. '\n'):find('\na\n', 1, true) end

-- At equal times the end wins, then the acknowledgment.
local function is_stale(a, m)
  if m.observed == 0 or m.observed ~= a.o then return m.observed < a.o end
  return a.st == 'R' or a.m or (is_acknowledged(a.f) and not is_acknowledged(m.facets))
end

-- Two healthy Alertmanagers can deliver a firing after its resolve, and a genuine re-fire can carry the same start:
-- neither believed nor dropped, it is held until its second resolve must have come.
local function is_doubtful(a, m)
  return m.observed == 0 and m.hold > 0 and now - a.r < RESOLVE_GUARD_MS and not is_newer(a, m)
end
