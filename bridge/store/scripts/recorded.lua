-- What the reconciler tells with the progress that it records, and what becomes of the history as an episode ends.

-- Whether this record was written before, and only its answer was lost: then the episode has ended, once.
local function is_recorded(id, number, packed)
  return packed ~= '' and redis.call('HGET', incident_key(id), 'recorded') == number
end

-- Entries as they come: [[what, by, detail, whether once], …]. `number` names the record: repeated, it tells nothing more.
local function tell_recorded(id, number, packed)
  local recorded, bytes = unpack(redis.call('HMGET', incident_key(id), 'recorded', 'history_bytes'))
  if recorded == number then return end
  local known, entries = nil, {}
  for _, each in ipairs(cmsgpack.unpack(packed)) do
    local what, by, detail, once = unpack(each)
    local entry, is_new = {now, what, by, detail}, true
    if once then
      known = known or redis.call('LRANGE', history.key(id), 0, -1)
      for _, line in ipairs(known) do is_new = is_new and not history.is_same(cjson.decode(line), entry) end
    end
    if is_new then entries[#entries + 1] = entry end
  end
  bytes = entries[1] and history.append(id, tonumber(bytes or nil), entries) or bytes
  redis.call('HSET', incident_key(id), 'recorded', number)
  if bytes then redis.call('HSET', incident_key(id), 'history_bytes', bytes) end
end

local ENDS = {alerts_ended = true, alerts_withdrawn = true, alerts_merged = true, alerts_left = true}

-- The ended episode keeps its history as long as itself; what began the next one is the next one's. Its own end may be of the
-- same millisecond.
local function archive_history(id, ended, kept_ms)
  local key = history.key(id)
  local since, known, storm =
    unpack(redis.call('HMGET', incident_key(id), 'firing_since', 'history_bytes', 'history_more'))
  since = tonumber(since or 0)
  history.put_down(id, tonumber(known or nil), storm)
  local lines, old, bytes = redis.call('LRANGE', key, 0, -1), history.key(ended), 0
  local first = #lines + 1
  while lines[first - 1] and cjson.decode(lines[first - 1])[1] >= since do first = first - 1 end
  while lines[first] and ENDS[cjson.decode(lines[first])[2]] do first = first + 1 end
  redis.call('DEL', key)
  if first > 1 then
    redis.call('RPUSH', old, unpack(lines, 1, first - 1))
    redis.call('PEXPIRE', old, kept_ms)
  end
  for nth = first, #lines do bytes = bytes + #lines[nth] end
  if lines[first] then redis.call('RPUSH', key, unpack(lines, first)) end
  redis.call('HSET', incident_key(id), 'history_bytes', bytes, 'history_more', '')
end
