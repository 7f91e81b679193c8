-- What is new, and fires, is stored only where there is room: as many alerts as may fire, and as many incidents as may fire
-- or stand on a page; of both, as many of one route; and twice as many with those that are over and remembered.
-- ARGV[5] of ingest.lua says how many.

local most_alerts, most_of_route, most_incidents, most_incidents_of_route, is_full = unpack(cmsgpack.unpack(ARGV[5]))
local MOST_STRAYS = math.max(1, math.floor(most_incidents / 10))
local strays = 0 -- of this call
-- How many more alerts and incidents there is room for, as this call has left it: of all, and of each route; each is read
-- once a call.
local room, room_of = nil, {}

local function has_at_least(sorted, count)
  return count < 1 or redis.call('ZRANGE', sorted, count - 1, count - 1)[1]
end

local function look_for_room(route)
  local h = redis.call('HMGET', STORED, 'alerts|', 'incidents|', 'alerts|' .. route, 'incidents|' .. route)
  room = room or {
    alerts = math.min(most_alerts - (tonumber(h[1]) or 0), 2 * most_alerts - redis.call('HLEN', INDEX)),
    incidents = most_incidents - (tonumber(h[2]) or 0),
  }
  room_of[route] = {
    alerts = most_of_route - (tonumber(h[3]) or 0), incidents = most_incidents_of_route - (tonumber(h[4]) or 0),
  }
end

-- Whether an incident of which something fires, or that stands on a page, is counted with it already.
local function is_counted(incident)
  return incident.firing > 0 or incident.exists and redis.call('SISMEMBER', OPEN, incident.id) == 1
end

-- Takes the room for an alert that is new in this incident, of this route; says what there is no room for, if it is so.
local function refuse(incident, route)
  if is_full == 1 then return 'over_memory' end
  if not room_of[route] then look_for_room(route) end
  local of_route = room_of[route]
  if room.alerts <= 0 or of_route.alerts <= 0 then return 'over_alerts' end
  if not is_counted(incident) then
    if room.incidents <= 0 or of_route.incidents <= 0 then return 'over_incidents' end
    if not incident.exists and has_at_least(DUE, 2 * most_incidents) then return 'over_incidents' end
    room.incidents, of_route.incidents = room.incidents - 1, of_route.incidents - 1
  end
  room.alerts, of_route.alerts = room.alerts - 1, of_route.alerts - 1
end

-- Takes the room for one more incident of which only an end was heard; whether there is some.
local function has_room_for_stray()
  if is_full == 1 or has_at_least(STRAYS, MOST_STRAYS - strays) then return false end
  strays = strays + 1
  return true
end

local function is_refused(outcome) return outcome:sub(1, 5) == 'over_' end
