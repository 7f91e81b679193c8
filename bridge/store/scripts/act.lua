-- Stores what an operator wants done with an incident, and makes it due: whoever works on it carries it out. What is stored
-- is an order, by its verb: who, when, why, until when. Whether it is in force follows from that and the facts
-- (core/actions.py), so nothing needs to end it in time.
-- ARGV: prefix, id, MessagePack of the action {verb, by, reason, revision, key, for_ms, alert, …}. What somebody posts on
-- the page may be an action, too: then it has `posted_at`.
-- Returns {now, outcome, why in words, who was first, revision, the word that the incident is counted under}.

local NOTES_KEPT = 20 -- as in public_note.lua
local REASON_BYTES = 200 -- that the history keeps, which is bounded
local MOST_MUTED_MS = 2592000000 -- 30 days: nothing is kept for ever
local id, action = ARGV[2], cmsgpack.unpack(ARGV[3])
local verb = action.verb
local rev, tally, firing, firing_since, cleared_at, lease_until, ordered = unpack(redis.call('HMGET', incident_key(id),
  'rev', 'tally', 'firing', 'firing_since', 'cleared_at', 'lease_until', 'ordered'))
if not rev then return {now, 'not_found', 'there is no such incident', '', 0, ''} end
rev, firing, firing_since, cleared_at =
  tonumber(rev), tonumber(firing), tonumber(firing_since or 0), tonumber(cleared_at or 0)

local function answer(outcome, why, by) return {now, outcome, why or '', by or '', rev, tally or ''} end

-- The same key is the same action, however often it comes; what else comes under it was not meant to be one with that.
local acted_key = (action.key or '') ~= '' and prefix .. 'acted:' .. id .. '/' .. action.key
local asked = redis.sha1hex(table.concat({verb, action.alert or '', action.text or ''}, '\n'))
local acted = acted_key and redis.call('GET', acted_key)
if acted and acted ~= asked and acted ~= '1' then -- another release may have kept no more than that
  return answer('conflict', 'this key was used for another action')
end
if acted then return answer('repeat') end

if not ordered then redis.call('DEL', orders.key(id)) end -- of an incident that an older release forgot

local function order(name)
  local packed = redis.call('HGET', orders.key(id), name)
  return packed and cmsgpack.unpack(packed)
end

local function give(name, more)
  local given = {by = action.by, at = now, reason = action.reason}
  for field, value in pairs(more or {}) do given[field] = value end
  redis.call('HSET', orders.key(id), name, cmsgpack.pack(given))
end

local function take_back(...) return redis.call('HDEL', orders.key(id), ...) > 0 end

local fires = firing > 0
-- Whether it was given in the outage that goes on.
local function is_of_this_outage(given)
  if fires then return given.at >= firing_since end
  return given.at >= cleared_at
end

local is_visible = redis.call('SISMEMBER', OPEN, id) == 1
local taken_over = order('take-over')
local till = action.for_ms and now + action.for_ms or nil

-- Whether every page that knows of it shows an end that somebody ordered or wrote, and nothing began to fire since.
local function is_ended_by_hand()
  local packed = redis.call('GET', progress_key(id))
  local last_fired_at = tonumber(redis.call('HGET', incident_key(id), 'last_fired_at') or 0)
  local posts, is_ended = packed and cmsgpack.unpack(packed).posts or {}, false
  for _, post in pairs(posts) do
    if not post.closed_at or post.closed_at < math.max(firing_since, last_fired_at) then return false end
    is_ended = true
  end
  return is_ended
end

-- What an operator decides on what they saw. Each gives the outcome, and why, where it is not done.
local decisions = {}

function decisions.publish()
  if not fires then return 'not_possible', 'nothing of it fires' end
  if taken_over then return 'not_possible', 'it is taken over: hand it back first', taken_over.by end
  if is_visible and not (tally or ''):find('+withheld', 1, true) then return 'too_late', 'it is on the page already' end
  if is_ended_by_hand() then return 'not_possible',
    'a person ended it: it stays so until all its alerts are over and one fires anew' end
  take_back('dismiss')
  give('publish', {quiet = action.quiet or nil})
end

function decisions.dismiss()
  if is_visible then return 'too_late', 'it is on the page already: use resolve' end
  if not fires then return 'not_possible', 'nothing of it fires' end
  take_back('publish')
  give('dismiss')
end

function decisions.resolve()
  if not is_visible then return 'not_possible', 'it is not open on a page: dismiss is meant' end
  if taken_over then return 'not_possible', 'it is taken over: hand it back first', taken_over.by end
  give('resolve')
end

-- What is done whatever else has changed.
local deeds = {}

-- Words of an operator are kept like those that people write at a sender.
function deeds.say()
  if not is_visible then return 'not_possible', 'it is not open on a page' end
  if taken_over then return 'not_possible', 'it is taken over: hand it back first', taken_over.by end
  if action.text == '' then return 'not_possible', 'nothing of the text can be published' end
  redis.call('RPUSH', public_notes_key(id), now .. cjson.encode({
    source = 'operator', fingerprint = '', text = action.text, observed_at = wall, event_id = 'operator/' .. rev + 1,
    status = action.status, notify = action.notify or nil,
  }))
  redis.call('LTRIM', public_notes_key(id), -NOTES_KEPT, -1)
end

deeds['take-over'] = function()
  if not (fires or is_visible) then return 'not_possible', 'nothing of it fires, or stands open on a page' end
  if action.posted_at then -- on the page: what was there before it was handed back takes nothing over
    local handed_back = order('hand-back')
    if taken_over then return 'repeat' end
    if handed_back and handed_back.at >= action.posted_at then return 'not_possible', 'it was handed back since' end
  end
  if taken_over and taken_over.by == action.by then return end
  give('take-over')
  redis.call('SADD', orders.TAKEN_OVER, id)
end

deeds['hand-back'] = function()
  if not take_back('take-over') then return 'not_possible', 'nobody has taken it over' end
  give('hand-back')
  redis.call('SREM', orders.TAKEN_OVER, id)
end

function deeds.hold()
  take_back('publish')
  give('hold', {['until'] = till})
end

function deeds.release()
  if not take_back('hold') then return 'not_possible', 'it is not on hold' end
end

function deeds.retry() give('retry') end

-- An alert of the incident by its name, or by the end of that if no other has it; and its record.
local function find_alert(wanted)
  local found = {}
  for _, name in ipairs(redis.call('HKEYS', alerts_key(id))) do
    if name == wanted then found = {name} break end
    if name:sub(-#wanted - 1) == '/' .. wanted then found[#found + 1] = name end
  end
  if wanted == '' or #found ~= 1 then return nil end
  return found[1], unpack_alert(redis.call('HGET', alerts_key(id), found[1]))
end

-- Changes an alert's record, and with it what the incident counts.
local function change(name, a, how, ...)
  local incident = load_incident(id)
  how(incident, name, a, ...)
  redis.call('HSET', alerts_key(id), name, pack_alert(a))
  save_incidents({incident})
end

function deeds.mute()
  local name, a = find_alert(action.alert)
  if not name then return 'not_found', 'the incident has no alert with this fingerprint' end
  if a.state == 'R' and not a.muted then return 'not_possible', 'the alert is over' end
  till = till or now + MOST_MUTED_MS
  change(name, a, mute.begin, till)
  give(mute.order(name), {['until'] = till})
end

function deeds.unmute()
  local name, a = find_alert(action.alert)
  if not name then return 'not_found', 'the incident has no alert with this fingerprint' end
  if not a.muted then return 'not_possible', 'the alert is not muted' end
  change(name, a, mute.count)
  redis.call('ZREM', timers_key(id), name)
end

-- Who was first, where somebody else decided the same, or did anything since the operator looked.
local function first_of_two()
  local last = order('last')
  if action.revision and last and last.rev > action.revision then
    return last.by, last.by .. ' was first: ' .. last.verb
  end
  local same = order(verb)
  if same and same.by ~= action.by and (verb == 'take-over' or decisions[verb] and is_of_this_outage(same))
      and not (action.revision and action.revision >= rev) then
    return same.by, same.by .. ' was first: ' .. verb
  end
end

local act = decisions[verb] or deeds[verb]
if not act then return answer('not_possible', 'this bridge cannot do that yet') end
local by, was_first = first_of_two()
if by then return answer('conflict', was_first, by) end
if decisions[verb] and action.revision and action.revision < rev then
  return answer('conflict', 'it has changed since revision ' .. action.revision)
end
local outcome, why, whose = act()
if outcome then return answer(outcome, why, whose) end

rev = redis.call('HINCRBY', incident_key(id), 'rev', 1) -- who holds it settles it as due at once
if not ordered then redis.call('HSET', incident_key(id), 'ordered', now) end
redis.call('HSET', orders.key(id), 'born', ordered or now, 'last', cmsgpack.pack({by = action.by, verb = verb, rev = rev}))
history.append_at_once(id, {{now, 'action', action.posted_at and 'person' or 'operator:' .. action.by, {
  verb = verb, reason = history.cut(action.reason or '', REASON_BYTES), ['until'] = till,
}}})
if tonumber(lease_until or 0) <= now then schedule(id, now, 'LT') end
if acted_key then redis.call('SET', acted_key, asked, 'PX', REMEMBER_MS) end
return answer('done')
