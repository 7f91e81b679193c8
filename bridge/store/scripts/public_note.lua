-- Keeps words that a person wrote for the public with the incident that counts their alert.
-- ARGV: prefix, alert, event, JSON of the public note, which is kept behind the time of its coming, when it was written.
-- Returns {now, 'kept' | 'repeat' | 'stale' | 'unknown', incident id}.

local NOTES_KEPT = 20
local dated = tonumber(ARGV[5])

adopt(ARGV[2], true)
local id = home_of(ARGV[2])
local outcome = 'kept'
if not id then outcome = 'unknown'
elseif ARGV[3] ~= '' and is_folded(ARGV[2], ARGV[3]) then outcome = 'repeat'
elseif dated <= wall - REMEMBER_MS then outcome = 'stale' end -- of a replay the store may have forgotten the name
if outcome == 'kept' then
  local incident = touch(id)
  redis.call('RPUSH', public_notes_key(id), now .. ARGV[4])
  redis.call('LTRIM', public_notes_key(id), -NOTES_KEPT, -1)
  incident.dirty, incident.material = true, true
end
save_alerts()
if outcome == 'kept' then history.append_at_once(id, {{now, 'note_written', 'person', {alert = history.called(ARGV[2])}}}) end
save_incidents(touched)
if outcome == 'kept' and ARGV[3] ~= '' then
  redis.call('SET', event_key(ARGV[3]), 1, 'PX', REMEMBER_MS + math.max(0, dated - wall))
end
return {now, outcome, id or ''}
