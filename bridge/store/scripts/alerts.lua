-- The alerts of a call: hashes as it sees them. What it will want is read at once, what it leaves there is written at
-- once, at the end: a command of its own for each alert is most of what ingestion would cost.

local hashes = {}
local SLICE = 2000 -- values a command, in pairs: Lua's unpack gives no more than some thousands

local function hash(key)
  hashes[key] = hashes[key] or {key = key, values = {}, changed = {}}
  return hashes[key]
end

local function in_slices(values, command)
  for first = 1, #values, SLICE do command(unpack(values, first, math.min(first + SLICE - 1, #values))) end
end

local function read_ahead(h, fields)
  for i, value in ipairs(redis.call('HMGET', h.key, unpack(fields))) do h.values[fields[i]] = value end
end

local function get(h, field)
  local changed = h.changed[field]
  if changed ~= nil then return changed end
  if h.values[field] == nil then h.values[field] = redis.call('HGET', h.key, field) end
  return h.values[field]
end

local function set(h, field, value) h.changed[field] = value end -- false: it is not there any more

local function save_hash(h)
  local kept, gone = {}, {}
  for field, value in pairs(h.changed) do
    if value then
      kept[#kept + 1] = field
      kept[#kept + 1] = value
    else
      gone[#gone + 1] = field
    end
  end
  in_slices(kept, function(...) redis.call('HSET', h.key, ...) end)
  in_slices(gone, function(...) redis.call('HDEL', h.key, ...) end)
end

local touched, changing = {}, {} -- the incidents of this call, and of the change that is being made

local function touch(id)
  local incident = touched[id] or load_incident(id)
  touched[id], changing[id] = incident, incident
  return incident
end

-- Where each alert counts, and its record there; both are as of before, or as this call has left them.
local index = hash(INDEX)

local function home_of(name) return get(index, name) end

local function find(name)
  local home = home_of(name)
  local packed = home and get(hash(alerts_key(home)), name)
  return home, packed and unpack_alert(packed) or nil
end

local function write_alert(id, name, a) set(hash(alerts_key(id)), name, pack_alert(a)) end

local function route_of(id) return touched[id] and touched[id].route or redis.call('HGET', incident_key(id), 'route') end

local function move_in(id, name)
  local home = home_of(name)
  if home then cancel_timer(id, name) end -- it may have been here before
  set(index, name, id)
  if home == id then return end
  sum_up(route_of(id), {remembered_alerts = 1})
  if home then sum_up(route_of(home) or '', {remembered_alerts = -1}) end
end

local function move_out(id, name)
  set(hash(alerts_key(id)), name, false)
  cancel_timer(id, name)
end

local function read_alerts(names)
  read_ahead(index, names)
  local at_home = {}
  for _, name in ipairs(names) do
    local home = home_of(name)
    if home then
      at_home[home] = at_home[home] or {}
      table.insert(at_home[home], name)
    end
  end
  for home, here in pairs(at_home) do read_ahead(hash(alerts_key(home)), here) end
end

-- Index first: a server that is full refuses a script at its first growing write only.
local function save_alerts()
  save_hash(index)
  for key, h in pairs(hashes) do
    if key ~= INDEX then save_hash(h) end
  end
end
