-- Two senders that nobody has named report the same alert, and are told apart by nothing but their receivers: then one
-- takes the other's outage for a repeat, and ends it. What shows is an alert whose receivers, by turns, route it to
-- different incidents (or to none). A receiver that is renamed does that once.
-- receivers of a record: [the last receiver, when another came before it, {receiver: where it is routed}].

local CONFLICT_MS = 21600000 -- longer than Alertmanager's default repeat_interval of four hours
local MOST_RECEIVERS = 8

local conflicts = {} -- positions in the call

local function note_receiver(known, home, a, msg)
  local last, flipped_at, routes = unpack((known or a).receivers or {msg.receiver, 0, {}})
  local flips = last ~= msg.receiver and routes[last] ~= msg.routed
  if flips then
    if now - flipped_at >= CONFLICT_MS then routes = {[last] = routes[last]}
    elseif routes[msg.receiver] == msg.routed then
      conflicts[#conflicts + 1] = msg.position
      for _, id in ipairs({home, msg.routed, routes[last]}) do
        if id ~= '' and touch(id).exists then redis.call('HSET', incident_key(id), 'conflict_at', now) end
      end
    end
    flipped_at = now
  end
  local count = 0
  for _ in pairs(routes) do count = count + 1 end
  if count >= MOST_RECEIVERS then routes = {} end
  routes[msg.receiver] = msg.routed
  a.receivers = {msg.receiver, flipped_at, routes}
end
