-- An alert that an operator has muted does not count: it is kept as if it were over, with a mark in its record, and its
-- messages are stored as ever. A release that does not know the mark counts it again with its next message.

local mute = {}

function mute.order(name) return 'mute|' .. name end

-- It is muted no more.
function mute.lift(id, name, a)
  a.muted = nil
  redis.call('HDEL', prefix .. 'incident:' .. id .. ':orders', mute.order(name))
end

-- It fires, and counts from now on.
function mute.count(incident, name, a)
  mute.lift(incident.id, name, a)
  a.ends = 0
  start_alert(incident, a)
end

-- It does not count until then, though it fires.
function mute.begin(incident, name, a, till)
  if a.state == 'F' then stop_alert(incident, a, wall) elseif a.state == 'H' then unhold(incident) end
  a.state, a.ends, a.resolved_at, a.muted = 'R', 0, now, till
  set_timer(incident, name, till)
end
