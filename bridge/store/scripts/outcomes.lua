-- What the outcome of a message tells the histories of the incidents that it touches.

local note_outcome, note_follower
do -- a script has no more than 200 local names at once

local LEVELS = {'MINOR', 'MEDIUM', 'MAJOR', 'CRITICAL'}

-- What an alert of these facets counts as.
local function counts_as(facets)
  local services = {}
  for service, level in facets:gmatch('s|([^\n]*)|(%d)') do
    services[#services + 1] = service .. ' ' .. LEVELS[tonumber(level)]
  end
  return history.cut(table.concat(services, ', '))
end

local function note_move(name, told, home, to)
  note_fact(home, 'alerts_left', 'sender', name, told, {to = to})
  note_fact(to, 'alerts_joined', 'sender', name, told, {from = home})
end

-- Who made it count otherwise: who acknowledged it; its sender, with other labels; or else the configuration.
local function who_changed(a, was, msg)
  local function has_a(facets) return ('\n' .. facets .. '\n'):find('\na\n', 1, true) ~= nil end
  if has_a(a.facets) ~= has_a(was.facets) then return 'person' end
  return msg.digest ~= (was.digest or '') and 'sender' or 'operator'
end

local BEGINNINGS = {opened = 'alerts_began', added = 'alerts_began', held = 'alerts_held'}

-- `was` is the record before, in `before`; `home` counts the alert now, whose record is `a`, if the caller has it.
function note_outcome(name, msg, outcome, before, was, home, a)
  if outcome == 'repeat' or outcome == 'stale' or outcome == 'unknown' then return end
  if is_refused(outcome) then
    if is_full == 1 then return end -- a refused delivery comes again and again, and must not fill what is left for ends
    local is_known = touch(msg.routed).exists
    if is_known then note_fact(msg.routed, 'alerts_refused', 'sender', name, msg.text, {limit = outcome:sub(6)}) end
    return
  end
  a = a or select(2, find(name))
  local told = a and a.told
  if BEGINNINGS[outcome] then note_fact(home, BEGINNINGS[outcome], 'sender', name, told)
  elseif outcome == 'moved' then note_move(name, told, before, home)
  elseif outcome == 'resolved' then
    local fires_nowhere = msg.status == 'F' and msg.merged_into == ''
    if msg.why then return note_fact(home, 'alerts_healed', 'bridge', name, told, {evidence = msg.why}) end
    note_fact(home, fires_nowhere and 'alerts_withdrawn' or 'alerts_ended', 'sender', name, told)
  elseif outcome == 'merged' then
    note_fact(home, 'alerts_merged', 'sender', name, told, {into = history.called(msg.merged_into)})
    if before and before ~= home and was.state == 'F' then note_move(name, told, before, home) end
  elseif outcome == 'changed' then
    note_fact(home, 'alerts_changed', who_changed(a, was, msg), name, told, {counts = counts_as(a.facets)})
  end
end

-- One that was merged into another followed that.
function note_follower(name, home, to, state, a)
  if state == a.state then
    if a.state == 'F' and to ~= home then note_move(name, a.told, home, to) end
  elseif a.state == 'F' then note_fact(to, 'alerts_began', 'sender', name, a.told)
  else note_fact(home, 'alerts_ended', 'sender', name, a.told) end
end

end
