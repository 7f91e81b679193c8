-- Stores what an operator wants done with an incident.
-- ARGV: prefix, id, MessagePack of the action {verb, by, reason, …}.
-- Returns {now, outcome, why in words, who was first, revision, the word that the incident is counted under}.

local id = ARGV[2]
local revision, tally = unpack(redis.call('HMGET', incident_key(id), 'rev', 'tally'))
if not revision then return {now, 'not_found', 'there is no such incident', '', 0, ''} end
return {now, 'not_possible', 'this bridge cannot do that yet', '', tonumber(revision), tally or ''}
