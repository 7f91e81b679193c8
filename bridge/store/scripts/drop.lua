-- Removes an incident and every trace of it, if the lease holds and nothing fires.
-- ARGV: prefix, id, token, what to give back of the budget.
-- Returns {now, 1} or, when it may not go, {now, 0}.

local id, token = ARGV[2], ARGV[3]
local incident = load_incident(id)
if not holds_lease(id, token) or incident.firing > 0 or incident.held > 0 then return {now, 0} end
if tonumber(ARGV[4]) > 0 then give_requests_back(tonumber(ARGV[4])) end
for _, name in ipairs(redis.call('HKEYS', alerts_key(id))) do
  forget(name, incident)
end
tally(id, '')
count_stored(id, incident.route, 0, false)
sum_up(incident.route, {remembered_incidents = -1})
save_sums()
claim_remotes(id, {})
count_open(id, '')
wait_for(id, '')
local listed = redis.call('HGET', incident_key(id), 'listed')
if listed and listed ~= '' then unlist(id, prefix .. listed) end
redis.call(
  'DEL', incident_key(id), alerts_key(id), facets_key(id), timers_key(id), public_notes_key(id), progress_key(id),
  history.key(id), orders.key(id)
)
for _, list in ipairs({DUE, BEGUN, ACTIVE}) do redis.call('ZREM', list, id) end
redis.call('ZREM', UNAUTHORIZED, id)
redis.call('ZREM', CLEARED, id)
redis.call('ZREM', SHOWN, id)
redis.call('SREM', OPEN, id)
redis.call('SREM', orders.TAKEN_OVER, id)
redis.call('SREM', prefix .. 'outdated', id)
return {now, 1}
