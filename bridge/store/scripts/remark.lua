-- Keeps words that a person wrote for the public with the incident that counts their alert.
-- ARGV: prefix, alert, event, JSON of the remark, which is kept behind the time of its coming. Returns {now, 'kept' | 'repeat' | 'unknown', incident id}.

local REMARKS_KEPT = 20
local REMEMBER_MS = 604800000
local seen = prefix .. 'e:' .. ARGV[3]

local id = redis.call('HGET', INDEX, ARGV[2])
if not id then return {now, 'unknown', ''} end
if ARGV[3] ~= '' and redis.call('EXISTS', seen) == 1 then return {now, 'repeat', id} end
local incident = load_incident(id)
redis.call('RPUSH', remarks_key(id), now .. ARGV[4])
redis.call('LTRIM', remarks_key(id), -REMARKS_KEPT, -1)
incident.dirty, incident.material = true, true
save_incident(incident)
if ARGV[3] ~= '' then redis.call('SET', seen, 1, 'PX', REMEMBER_MS) end
return {now, 'kept', id}
