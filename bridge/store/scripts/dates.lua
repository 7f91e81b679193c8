-- What is believed of the dates that senders give, and what is too old to count. `a` is a known alert, `m` a message.

local AHEAD_MS = 60000 -- a sender's clock further ahead than this is not believed

local function believed_time(observed) return observed > wall + AHEAD_MS and wall or observed end

-- A start in the future counts as now, which is the time of its first delivery; one before all that may be published
-- counts as the earliest that may.
local function set_start(a, starts, msg)
  local believed = math.max(math.min(starts, wall), wall - msg.backdate_ms)
  a.starts, a.counts_from = starts, believed ~= starts and believed or nil
end

-- Whether a message is of a later occurrence than the one that is known.
local function is_newer(a, msg)
  if msg.starts == a.starts or msg.starts > wall then return msg.starts > a.starts end
  return msg.starts > math.max(begun(a), a.ends)
end

-- A signed event can be replayed when its name is forgotten: it may still end what fires, and opens nothing.
local function may_be_replayed(a, msg)
  if msg.observed == 0 or msg.observed > wall - REMEMBER_MS then return false end
  return msg.status == 'F' and msg.is_routed or msg.merged_into ~= '' and not (a and a.state == 'F')
end

local function is_acknowledged(facets) return ('\n' .. facets .. '\n'):find('\na\n', 1, true) end

-- At equal times the end wins, then the acknowledgment.
local function is_stale(a, msg)
  if msg.observed == 0 or msg.observed ~= a.observed then return msg.observed < a.observed end
  return a.state == 'R' or a.merged_into or (is_acknowledged(a.facets) and not is_acknowledged(msg.facets))
end

-- Two healthy Alertmanagers can deliver a firing after its resolve, and a genuine re-fire can carry the same start:
-- neither believed nor dropped, it is held until its second resolve must have come.
local function is_doubtful(a, msg)
  return msg.observed == 0 and msg.hold_ms > 0 and now - a.resolved_at < RESOLVE_GUARD_MS and not is_newer(a, msg)
end
