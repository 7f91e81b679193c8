-- The history of an incident: a list of JSON entries [at, what, by, detail], the newest last, which the scripts that cause
-- what it tells append to, so that it is true. bridge/core/history says what there may be. It is bounded by count and bytes:
-- the oldest go, facts before the rest, for a storm must not push out what was written on the page.
-- Facts that go on are one entry once the list is full.
-- The field `history_bytes` of the incident has their sum: where it is missing, what the list has is of an incident before.
-- A storm that goes on after the newest entry has named its first few alerts is but counted, in the field `history_more`:
-- MessagePack [what, by, since when, till when, how many are named, how many more]. Whoever appends anything else puts that down first.

local history = {}
do -- a script has no more than 200 local names at once

local MOST_ENTRIES, MOST_BYTES = 100, 7000 -- with what Redis needs itself no more than 8 KiB
local KEPT_ENTRIES, KEPT_BYTES, KEPT_FACTS = 80, 5600, 30 -- of a full one
local NAMED, NAME_BYTES = 3, 60
local FOLD_MS = 60000 -- so soon after, more of the same facts are no entry of their own
local LEFT_OUT = 'left_out'

local function history_key(id) return prefix .. 'history:' .. id end

-- Text of others, cut where a character ends.
local function cut(text, most)
  most = most or NAME_BYTES
  if #text <= most then return text end
  local last = most - 3
  while last > 0 and text:byte(last + 1) >= 128 and text:byte(last + 1) < 192 do last = last - 1 end
  return text:sub(1, last) .. '…'
end

-- What an entry calls an alert: by its name, if it is known (see told.lua), else by its fingerprint.
local function called(name, told)
  local own = told and told ~= '' and cjson.decode(told)[1]
  return cut(type(own) == 'string' and own ~= '' and own or name:match('/(.*)$') or name)
end

local function is_fact(entry) return entry[2]:sub(1, 7) == 'alerts_' end

local VOLATILE = {ms = true, times = true, till = true}

local function is_same(one, other)
  if one[2] ~= other[2] or one[3] ~= other[3] then return false end
  for _, pair in ipairs({{one[4], other[4]}, {other[4], one[4]}}) do
    for key, value in pairs(pair[1]) do
      local its = pair[2][key]
      if type(value) == 'table' then value, its = cjson.encode(value), type(its) == 'table' and cjson.encode(its) end
      if not VOLATILE[key] and value ~= its then return false end
    end
  end
  return true
end

-- More of the same facts: the first few are named, the others counted.
local function add_facts(before, entry)
  local was, more = before[4], entry[4]
  for _, name in ipairs(more.alerts) do
    if #was.alerts < NAMED then was.alerts[#was.alerts + 1] = name else was.more = (was.more or 0) + 1 end
  end
  was.more = (was.more or 0) + (more.more or 0)
  if was.more == 0 then was.more = nil end
  local till = more.till or entry[1]
  was.till = till > before[1] and till or nil
end

local OF_ITS_OWN = {'to', 'from', 'into', 'counts', 'limit', 'evidence'}

local function is_plain(entry)
  for _, key in ipairs(OF_ITS_OWN) do
    if entry[4][key] then return false end
  end
  return true
end

local function goes_on(before, entry)
  if not before or not is_fact(entry) or before[2] ~= entry[2] or before[3] ~= entry[3] then return false end
  for _, key in ipairs(OF_ITS_OWN) do
    if before[4][key] ~= entry[4][key] then return false end
  end
  return entry[1] - (before[4].till or before[1]) <= FOLD_MS or entry[2] == 'alerts_refused'
end

local function is_outcome(last, entry)
  return last and last[2] == 'write_begun' and entry[2] ~= 'write_begun' and entry[2]:sub(1, 6) == 'write_'
    and last[4].page == entry[4].page
end

-- Adds an entry behind the newest ones: it may take the place of the last, or be another one of that.
local function follow_up(tail, entry)
  if is_outcome(tail[#tail], entry) then tail[#tail] = nil end
  local last = tail[#tail]
  if last and entry[2] ~= 'action' and is_same(last, entry) then -- what a person did twice was done twice
    last[4].times, last[4].till, last.line = (last[4].times or 1) + 1, entry[1], nil
  else tail[#tail + 1] = entry end
end

-- Entries as they are stored, each with its line until it changes.
local function read(lines)
  local entries = {}
  for nth, line in ipairs(lines) do
    entries[nth] = cjson.decode(line)
    entries[nth].line = line
  end
  return entries
end

local function write(entries)
  local lines, size = {}, 0
  for nth, entry in ipairs(entries) do
    lines[nth] = entry.line or cjson.encode(entry)
    size = size + #lines[nth]
  end
  return lines, size
end

-- The same facts in a row become one entry.
local function fold(entries)
  local folded, gone = {}, 0
  for _, entry in ipairs(entries) do
    local last = folded[#folded]
    if entry[2] == LEFT_OUT then gone = entry[4].entries
    elseif goes_on(last, entry) then
      add_facts(last, entry)
      last.line = nil
    else folded[#folded + 1] = entry end
  end
  return folded, gone
end

-- The list, made shorter: its bytes.
local function shorten(key)
  local entries, gone = fold(read(redis.call('LRANGE', key, 0, -1)))
  local lines, size = write(entries)
  local facts, count, at, dropped, kept = 0, #lines, now, {}, {}
  for _, entry in ipairs(entries) do
    if is_fact(entry) then facts = facts + 1 end
  end
  for round = 1, 2 do
    for nth = 1, #entries - 1 do
      local is_one = is_fact(entries[nth])
      local may_go = round == 2 or (is_one and facts > KEPT_FACTS)
      if may_go and not dropped[nth] and (count > KEPT_ENTRIES or size > KEPT_BYTES) then
        dropped[nth], gone, count, size, at = true, gone + 1, count - 1, size - #lines[nth], entries[nth][1]
        if is_one then facts = facts - 1 end
      end
    end
  end
  if gone > 0 then
    kept[1] = cjson.encode({at, LEFT_OUT, 'bridge', {entries = gone}})
    size = size + #kept[1]
  end
  for nth, line in ipairs(lines) do
    if not dropped[nth] then kept[#kept + 1] = line end
  end
  redis.call('DEL', key)
  redis.call('RPUSH', key, unpack(kept))
  return size
end

-- Adds lines to the list, whose bytes were `bytes`, or nil if what it has is not of this incident; the bytes then.
local function push(key, bytes, lines, size)
  local count = redis.call('RPUSH', key, unpack(lines))
  if not bytes and count > #lines then redis.call('LTRIM', key, -#lines, -1) end
  bytes = (bytes or 0) + size
  return (count > MOST_ENTRIES or bytes > MOST_BYTES) and shorten(key) or bytes
end

-- Puts down what was counted of a storm; the bytes then.
local function put_down(id, bytes, storm)
  if not bytes or not storm or storm == '' then return bytes end
  local what, by, since, till, _, more = unpack(cmsgpack.unpack(storm))
  if more == 0 then return bytes end
  local detail = {alerts = {}, more = more, till = till > since and till or nil}
  return push(history_key(id), bytes, write({{since, what, by, detail}}))
end

-- The facts of an entry, counted with those of the newest one: that field's value then; nil if they do not go on there.
local function count_on(storm, entry)
  if not storm or storm == '' or not is_plain(entry) then return nil end
  local what, by, since, till, named, more = unpack(cmsgpack.unpack(storm))
  if what ~= entry[2] or by ~= entry[3] or named < NAMED or now - till > FOLD_MS then return nil end
  local sum = more + #entry[4].alerts + (entry[4].more or 0)
  return cmsgpack.pack({what, by, more > 0 and since or now, now, named, sum})
end

-- How many alerts of the same kind the newest entries name, if this one goes on where they end.
local function named_before(storm, entry)
  if not storm or storm == '' then return 0 end
  local what, by, _, till, named, more = unpack(cmsgpack.unpack(storm))
  return more == 0 and what == entry[2] and by == entry[3] and now - till <= FOLD_MS and named or 0
end

-- Adds facts, with one command at most, for deliveries are many. Returns the bytes, and the value of `history_more`.
local function add(id, bytes, storm, entries)
  local last = entries[#entries]
  local more = bytes and #entries == 1 and count_on(storm, last)
  if more then return bytes, more end
  for _, entry in ipairs(entries) do
    for nth, alert in ipairs(entry[4].alerts) do entry[4].alerts[nth] = called(alert[1], alert[2]) end
  end
  local named = (bytes and named_before(storm, last) or 0) + #last[4].alerts
  bytes = push(history_key(id), put_down(id, bytes, storm), write(entries))
  return bytes, is_plain(last) and cmsgpack.pack({last[2], last[3], now, now, named, 0}) or ''
end

-- Appends entries, which may go on where the newest ones end.
local function append(id, bytes, entries)
  local key, old = history_key(id), {}
  local storm = redis.call('HGET', incident_key(id), 'history_more')
  if storm and storm ~= '' then
    bytes = put_down(id, bytes, storm)
    redis.call('HDEL', incident_key(id), 'history_more')
  end
  if bytes then old = redis.call('LRANGE', key, -2, -1) end
  local tail, lines, size = read(old), {}, 0
  for _, entry in ipairs(entries) do follow_up(tail, entry) end
  local all, same = write(tail), 0
  while old[same + 1] and all[same + 1] == old[same + 1] do same = same + 1 end
  if old[same + 1] then redis.call('LTRIM', key, 0, same - #old - 1) end
  for nth = same + 1, #old do bytes = bytes - #old[nth] end
  for nth = same + 1, #all do lines[#lines + 1], size = all[nth], size + #all[nth] end
  return lines[1] and push(key, bytes, lines, size) or bytes
end

-- The same, for who does not write the incident's fields anyway.
local function append_at_once(id, entries)
  local bytes = tonumber(redis.call('HGET', incident_key(id), 'history_bytes') or nil)
  redis.call('HSET', incident_key(id), 'history_bytes', append(id, bytes, entries))
end

history.key, history.cut, history.called, history.is_same = history_key, cut, called, is_same
history.goes_on, history.add, history.append, history.append_at_once = goes_on, add, append, append_at_once
history.put_down = put_down
history.NAMED = NAMED

end
