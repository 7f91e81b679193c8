-- What is new, and fires, is stored only where there is room: as many alerts as may fire, and as many incidents as may fire
-- or stand on a page; of both, as many of one route. With those that are over and remembered there may be three times as
-- many; past twice as many, a route that has twice its own part gets no more: it leaves what is left to the others.
-- ARGV[7] of ingest.lua says how many.

local most_alerts, most_of_route, most_incidents, most_incidents_of_route, is_full = unpack(cmsgpack.unpack(ARGV[7]))
local MOST_STRAYS = math.max(1, math.floor(most_incidents / 10))
local strays = 0 -- of this call
-- How many more alerts and incidents there is room for, as this call has left it: of all, and of each route; each is read
-- once a call.
local room, room_of = nil, {}

local function has_at_least(sorted, count)
  return count < 1 or redis.call('ZRANGE', sorted, count - 1, count - 1)[1]
end

local function look_for_room(route)
  local fields = {'alerts|', 'incidents|'}
  for _, of in ipairs(SUMS_OF_ROUTE) do fields[#fields + 1] = of .. '|' .. route end
  local sums = redis.call('HMGET', STORED, unpack(fields))
  for i = 1, #fields do sums[i] = tonumber(sums[i]) or 0 end
  room = room or {
    alerts = most_alerts - sums[1], incidents = most_incidents - sums[2],
    remembered_alerts = 3 * most_alerts - redis.call('HLEN', INDEX), remembered_incidents = 3 * most_incidents,
  }
  room_of[route] = {
    alerts = most_of_route - sums[3], incidents = most_incidents_of_route - sums[4],
    remembered_alerts = 2 * most_of_route - sums[5], remembered_incidents = 2 * most_incidents_of_route - sums[6],
  }
end

-- Whether one more may be remembered; the incidents of before this call are not counted, only looked for.
local function can_remember_alert(of_route)
  return room.remembered_alerts > most_alerts or (room.remembered_alerts > 0 and of_route.remembered_alerts > 0)
end

local function can_remember_incident(of_route)
  local most = room.remembered_incidents
  if not has_at_least(DUE, most - most_incidents) then return true end
  return of_route.remembered_incidents > 0 and not has_at_least(DUE, most)
end

local function take_room(of_route, of) room[of], of_route[of] = room[of] - 1, of_route[of] - 1 end

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
  if not can_remember_alert(of_route) then return 'over_alerts' end
  if not is_counted(incident) then
    if room.incidents <= 0 or of_route.incidents <= 0 then return 'over_incidents' end
    if not incident.exists then
      if not can_remember_incident(of_route) then return 'over_incidents' end
      take_room(of_route, 'remembered_incidents')
    end
    take_room(of_route, 'incidents')
  end
  take_room(of_route, 'alerts')
  take_room(of_route, 'remembered_alerts')
end

-- Takes the room for one more incident of which only an end was heard; whether there is some.
local function has_room_for_stray()
  if is_full == 1 or has_at_least(STRAYS, MOST_STRAYS - strays) then return false end
  strays = strays + 1
  return true
end

local function is_refused(outcome) return outcome:sub(1, 5) == 'over_' end
