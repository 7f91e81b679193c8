-- What is new, and fires, is stored only where there is room: as many alerts as may fire, and as many incidents as may fire
-- or stand on a page; of both, as many of one route; and twice as many with those that are over and remembered.
-- ARGV[5] of ingest.lua says how many.

local most_alerts, most_of_route, most_incidents, most_incidents_of_route, is_full = unpack(cmsgpack.unpack(ARGV[5]))
local MOST_STRAYS = math.max(1, math.floor(most_incidents / 10))
local strays = 0 -- of this call
local room = {} -- how many more, as this call has left it, by what is asked of STORED

local function has_at_least(sorted, count)
  return count < 1 or redis.call('ZRANGE', sorted, count - 1, count - 1)[1]
end

local function has_room(field, most)
  room[field] = room[field] or most - tonumber(redis.call('HGET', STORED, field) or 0)
  return room[field] > 0
end

-- Whether an incident of which something fires, or that stands on a page, is counted with it already.
local function is_counted(incident)
  return incident.firing > 0 or incident.exists and redis.call('SISMEMBER', OPEN, incident.id) == 1
end

-- Takes the room for an alert that is new in this incident, of this route; says what there is no room for, if it is so.
local function refuse(incident, route)
  if is_full == 1 then return 'over_memory' end
  local alerts, of_route = 'alerts|', 'alerts|' .. route
  if not (has_room(alerts, most_alerts) and has_room(of_route, most_of_route)) then return 'over_alerts' end
  if redis.call('HLEN', INDEX) >= 2 * most_alerts then return 'over_alerts' end
  if not is_counted(incident) then
    local incidents, incidents_of_route = 'incidents|', 'incidents|' .. route
    if not (has_room(incidents, most_incidents) and has_room(incidents_of_route, most_incidents_of_route)) then
      return 'over_incidents'
    end
    if not incident.exists and has_at_least(DUE, 2 * most_incidents) then return 'over_incidents' end
    room[incidents], room[incidents_of_route] = room[incidents] - 1, room[incidents_of_route] - 1
  end
  room[alerts], room[of_route] = room[alerts] - 1, room[of_route] - 1
end

-- Takes the room for one more incident of which only an end was heard; whether there is some.
local function has_room_for_stray()
  if is_full == 1 or has_at_least(STRAYS, MOST_STRAYS - strays) then return false end
  strays = strays + 1
  return true
end

local function is_refused(outcome) return outcome:sub(1, 5) == 'over_' end
