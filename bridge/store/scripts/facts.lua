-- What becomes of the alerts of a call, as entries of the histories of their incidents: of each kind one entry a call, that
-- names the first few and counts the others. A repeat tells nothing.

local note_fact, save_facts
do -- a script has no more than 200 local names at once

local facts = {} -- entries, by incident

-- `told` is what is known of the alert: see told.lua.
function note_fact(id, what, by, name, told, detail)
  local list, entry = facts[id] or {}, {now, what, by, detail or {}}
  facts[id] = list
  for _, other in ipairs(list) do
    if history.goes_on(other, entry) then entry = other end
  end
  local its = entry[4]
  if not its.alerts then
    its.alerts = {}
    list[#list + 1] = entry
  end
  if #its.alerts < history.NAMED then its.alerts[#its.alerts + 1] = {name, told} -- named when it is written
  else its.more = (its.more or 0) + 1 end
end

-- Writes them. `incident_of` gives the incident of an id, whose fields are written later if anything else of it changed.
function save_facts(incident_of)
  for id, entries in pairs(facts) do
    local incident = incident_of(id)
    if incident.exists then
      local bytes, more = history.add(id, rawget(incident, 'history_bytes'), incident.history_more, entries)
      local fields = incident.dirty and incident.fields or {}
      fields[#fields + 1], fields[#fields + 2] = 'history_bytes', bytes
      fields[#fields + 1], fields[#fields + 2] = 'history_more', more
      if not incident.dirty then redis.call('HSET', incident_key(id), unpack(fields)) end
    end
  end
end

end
