-- Keeps words that a person wrote for the public with the incident that counts their alert.
-- ARGV: prefix, alert, event, JSON of the remark, which is kept behind the time of its coming, when it was written.
-- Returns {now, 'kept' | 'repeat' | 'stale' | 'unknown', incident id}.

local REMARKS_KEPT = 20
local dated = tonumber(ARGV[5])
local seen = prefix .. 'e:' .. ARGV[3]

local id = redis.call('HGET', INDEX, ARGV[2])
if not id then return {now, 'unknown', ''} end
if ARGV[3] ~= '' and redis.call('EXISTS', seen) == 1 then return {now, 'repeat', id} end
if dated <= now - REMEMBER_MS then return {now, 'stale', id} end -- of a replay the store may have forgotten the name
local incident = load_incident(id)
redis.call('RPUSH', remarks_key(id), now .. ARGV[4])
redis.call('LTRIM', remarks_key(id), -REMARKS_KEPT, -1)
incident.dirty, incident.material = true, true
save_incident(incident)
if ARGV[3] ~= '' then redis.call('SET', seen, 1, 'PX', REMEMBER_MS + math.max(0, dated - now)) end
return {now, 'kept', id}
