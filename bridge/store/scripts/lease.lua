-- What only those use who lease an incident, to bring it as far as it goes.

-- Counts incidents by a word that the caller gives each (its phase, say); '' takes it out of the count.
local function tally(id, word)
  local old = redis.call('HGET', incident_key(id), 'tally')
  if old == word then return end
  if old and redis.call('HINCRBY', TALLIES, old, -1) <= 0 then redis.call('HDEL', TALLIES, old) end
  if word == '' then return end
  redis.call('HINCRBY', TALLIES, word, 1)
  redis.call('HSET', incident_key(id), 'tally', word)
end

-- Makes these its incidents on the pages: {page: id there}. When another holds one of them, nothing changes and the answer
-- is false.
local function claim_remotes(id, remotes)
  local old, changes = fields_of(id, 'remote:'), false
  for page, remote in pairs(remotes) do
    local owner = redis.call('HGET', REMOTES, remote)
    if owner and owner ~= id then return false end
    changes = changes or old[page] ~= remote
  end
  for page, remote in pairs(old) do
    if remotes[page] ~= remote then
      changes = true -- what goes here may stay on another page
      redis.call('HDEL', REMOTES, remote)
      redis.call('HDEL', incident_key(id), 'remote:' .. page)
    end
  end
  if not changes then return true end
  for page, remote in pairs(remotes) do
    redis.call('HSET', REMOTES, remote, id)
    redis.call('HSET', incident_key(id), 'remote:' .. page, remote)
  end
  return true
end

-- What a reconciler sees of an incident: its fields, its facets, its notes, its progress and its orders; and what `wall` is
-- now.
local function snapshot(id)
  local fields = redis.call('HGETALL', incident_key(id))
  return {fields, redis.call('HGETALL', facets_key(id)), redis.call('LRANGE', public_notes_key(id), 0, -1),
    redis.call('GET', progress_key(id)), orders.of(id, fields), wall}
end

local function holds_lease(id, token)
  local h = redis.call('HMGET', incident_key(id), 'lease', 'lease_until')
  return h[1] == token and tonumber(h[2]) > now
end

local function extend_lease(id, lease_ms)
  redis.call('HSET', incident_key(id), 'lease_until', now + lease_ms)
  schedule(id, now + lease_ms)
end

-- The incident remembers this alert no more.
local function forget(name, incident)
  if redis.call('HGET', INDEX, name) ~= incident.id then return end
  redis.call('HDEL', INDEX, name)
  sum_up(incident.route, {remembered_alerts = -1})
end
