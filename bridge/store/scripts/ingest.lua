-- Folds alerts into the incidents that routing chose, or into those that already count them.
-- ARGV: prefix; where they are routed to, MessagePack [[id, route, group: JSON [field, value, …], facets, opaque,
-- hold_refire_ms, backdate_ms, receiver where that makes a difference], …]; the alerts, MessagePack [name, 'F' or 'R',
-- starts, ends, observed, which of those (0: none), which of the texts below (0: none), false or, from a sender with a
-- clock of its own, [digest of the labels, event, name of the alert it merged into, keep open if that is unknown,
-- complete], or of an unrouted one its receiver, and the same of the next, …]: one list, since each list of its own takes as
-- long as a command; where the bridge itself says it, that list goes on with since when nothing may have arrived, until when
-- this holds, and why; how many of them each delivery has, MessagePack [count, …]; what to tell operators of them, MessagePack
-- [JSON, …]; the bases of the links in that, MessagePack [id and address, …]; what limits them, MessagePack [how many alerts
-- may fire, how many of one route, how many incidents may fire or stand on a page, how many of one route, 1 if Redis is
-- almost full]; with each text what healing needs of such alerts, MessagePack [JSON, …], or '' where there is no healing.
-- Returns now, MessagePack [outcome, incident id, …] of the alerts, 1 if an incident is due now that changed, and
-- MessagePack [position from 0, …] of the alerts whose receivers are in conflict, or ''.

local routings, alerts, sizes = cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[3]), cmsgpack.unpack(ARGV[4])
local texts, bases = cmsgpack.unpack(ARGV[5]), cmsgpack.unpack(ARGV[6])
local fits = ARGV[8] ~= '' and cmsgpack.unpack(ARGV[8])
local folded = {} -- events

-- Nothing counts this alert, and nothing is known of its incident: the store may have been lost since that was
-- published. So it is kept, over as it is, for whoever looks what stands on the page.
local function note_unknown_resolve(msg)
  if not msg.is_routed or touch(msg.routed).exists or not has_room_for_stray() then return end
  touch_routed(msg).latest = math.min(msg.ends, wall)
end

local function fold_known(name, home, a, msg)
  if msg.observed < a.observed or msg.status == 'F' and is_stale(a, msg) then return 'stale', home, a end
  if msg.status == 'F' then return fire(name, home, a, msg) end
  return resolve(touch(home), name, a, msg), home, a
end

local function fold_statement(name, home, a, msg)
  if msg.status == 'R' then remember_end(name, msg.observed)
  elseif is_withdrawn(a, msg) then remember_merge(name, msg.observed, msg.merged_into) end
  local outcome
  local known = a
  if a then outcome, home, a = fold_known(name, home, a, msg)
  elseif msg.status == 'R' then
    note_unknown_resolve(msg)
    return 'unknown', ''
  elseif not msg.is_routed or not msg.complete then return 'unknown', ''
  elseif is_over(name, msg) then return 'stale', ''
  else
    local refusal = refuse(touch(msg.routed), msg.route)
    if refusal then return refusal, '' end
    outcome, home, a = begin(name, msg)
  end
  a.seen = now
  if msg.receiver ~= '' then note_receiver(known, home, a, msg) end
  write_alert(home, name, a)
  return outcome, home, a
end

-- The bridge closes what it has evidence for: as long as nothing else has been heard of it.
local function has_no_evidence(a, msg)
  return msg.why and (not a or a.state == 'R' or a.seen >= msg.quiet_since or now > msg.holds_until)
end

local function fold(name, msg)
  local home, a = find(name)
  if may_be_replayed(a, msg) or has_no_evidence(a, msg) then return 'stale', home or '' end
  local is_merge = msg.merged_into ~= ''
  local before, was = home, a and {state = a.state, facets = a.facets, digest = a.digest}
  local outcome, as_it_is
  if is_merge then outcome, home = merge(name, home, a, msg)
  else outcome, home, as_it_is = fold_statement(name, home, a, msg) end
  note_outcome(name, msg, outcome, before, was, home, as_it_is)
  if msg.observed > 0 then propagate(name, {}) end
  return outcome, home
end

local function fold_once(name, msg)
  if msg.event == '' then return fold(name, msg) end
  if folded[msg.event] or is_folded(name, msg.event) then return 'repeat', home_of(name) or '' end
  local outcome, home = fold(name, msg)
  if is_refused(outcome) then return outcome, home end -- it will come again
  folded[msg.event] = REMEMBER_MS + math.max(0, msg.dated - wall) -- until it is too old to open anything
  return outcome, home
end

local NOTHING, ALERT = {}, 8 -- values each
local names, known_as, outcomes, is_due = {}, {}, {}, 0
local has_senders = ARGV[3]:find('@', 1, true)
for i = 1, #alerts, ALERT do
  names[#names + 1] = alerts[i]
  known_as[#known_as + 1] = alerts[i]
  if has_senders then known_as[#known_as + 1] = plain_of(alerts[i]) end
end
read_alerts(known_as)

local function fold_nth(i)
  local name = names[i]
  local _, status, starts, ends, observed, at, text, more = unpack(alerts, (i - 1) * ALERT + 1, i * ALERT)
  local to = routings[at] or NOTHING
  local told, receiver = more or NOTHING, to[8] or ''
  if type(more) == 'string' then told, receiver = NOTHING, more end
  if has_senders then
    adopt(name, observed > 0)
    if told[3] then adopt(told[3], true) end
  end
  outcomes[2 * i - 1], outcomes[2 * i] = fold_once(name, {
    status = status, starts = starts, ends = ends, dated = observed, observed = believed_time(observed),
    is_routed = at > 0, routed = to[1] or '', route = to[2], group = to[3], facets = to[4] or '', opaque = to[5] or '',
    hold_ms = to[6] or 0, backdate_ms = to[7] or math.huge,
    digest = told[1] or '', event = told[2] or '', merged_into = told[3] or '',
    keep_if_orphaned = told[4] ~= false, complete = told[5] ~= false,
    receiver = receiver, position = i - 1, text = at > 0 and (texts[text] or ''), fit = fits and fits[text] or '',
    quiet_since = told[6], holds_until = told[7], why = told[8],
  })
end

local last = 0
for _, size in ipairs(sizes) do
  for i = last + 1, last + size do fold_nth(i) end
  for id, incident in pairs(changing) do
    end_change(incident)
    changing[id] = nil
  end
  last = last + size
end
save_alerts()
list_bases(bases)
save_facts(touch)
if save_incidents(touched) then is_due = 1 end
for event, ms in pairs(folded) do redis.call('SET', event_key(event), 1, 'PX', ms) end -- once it has its effect
return {now, cmsgpack.pack(outcomes), is_due, conflicts[1] and cmsgpack.pack(conflicts) or ''}
