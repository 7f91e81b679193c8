-- An alert is called <source>/<fingerprint>, or <source>@<sender>/<fingerprint> where its path names the sender. What is
-- known of it without a sender becomes the sender's that next reports it, in the incident where it counts: its record,
-- which then is `adopted`, its place in the index, its timer, its merges, and what is remembered of it.

local function plain_of(name)
  local source, fingerprint = name:match('^([^@/]+)@[^/]+(/.*)$')
  return source and source .. fingerprint
end

-- What that sender calls the alert that was called `plain`.
local function renamed(plain, like) return (plain:gsub('^[^/]+', like:match('^[^/]+'), 1)) end

-- What an event of a sender was called while nobody had named the sender; nil if it has no sender.
local function event_without_sender(event) return event:match('^@[^/]+/(.*)$') end

-- Whether an event of this alert was folded before, also as one without a sender, while nobody had named the alert's.
local function is_folded(name, event)
  if redis.call('EXISTS', event_key(event)) == 1 then return true end
  local plain, _, a = event_without_sender(event), find(name)
  return plain and a and a.adopted and redis.call('EXISTS', event_key(plain)) == 1
end

-- The alerts that were merged into it.
local function adopt_sources(key_of, plain, name, relatives)
  for _, source in ipairs(redis.call('SUNION', key_of(plain))) do
    relatives[#relatives + 1] = renamed(source, name)
    redis.call('SADD', key_of(name), relatives[#relatives])
  end
  redis.call('DEL', key_of(plain))
end

local function adopt_memory(plain, name, relatives)
  adopt_sources(merged_key, plain, name, relatives)
  adopt_sources(ended_with_key, plain, name, relatives)
  redis.call('PEXPIRE', ended_with_key(name), REMEMBER_MS)
  local at, target = last_merge(plain)
  if at > 0 and redis.call('EXISTS', merged_into_key(name)) == 0 then
    if target ~= '' then
      target = renamed(target, name)
      relatives[#relatives + 1] = target
    end
    remember_merge(name, at, target)
  end
  remember_end(name, ended_at(plain))
  redis.call('DEL', ended_key(plain), merged_into_key(plain))
end

local function adopt_record(home, plain, name, a, relatives)
  local due = redis.call('ZSCORE', timers_key(home), plain)
  move_out(home, plain)
  set(index, plain, false)
  if a.merged_into then
    local target = renamed(a.merged_into, name)
    for _, key_of in ipairs({merged_key, ended_with_key}) do
      if redis.call('SREM', key_of(a.merged_into), plain) == 1 then redis.call('SADD', key_of(target), name) end
    end
    a.merged_into = target
    relatives[#relatives + 1] = target
  end
  a.adopted = true
  write_alert(home, name, a)
  set(index, name, home)
  if due then set_timer(touch(home), name, due) end
  redis.call('HDEL', incident_key(home), 'conflict_at')
end

-- The sender and a path that does not name it yet (one of two replicas was told first) report one occurrence: it counts
-- once.
local function drop_copy(home, plain, a, own)
  if a.starts ~= own.starts or a.merged_into then return end
  if a.state == 'F' then stop_alert(touch(home), a, own.ends) elseif a.state == 'H' then unhold(touch(home)) end
  move_out(home, plain)
  set(index, plain, false)
  sum_up(route_of(home) or '', {remembered_alerts = -1})
end

-- `remembers`: the sender has a clock of its own, so that more than the record may be known.
local function adopt(name, remembers)
  local relatives, seen = {name}, {}
  while relatives[1] do
    local new = table.remove(relatives)
    local plain = not seen[new] and plain_of(new)
    seen[new] = true
    if plain then
      local home, a = find(plain)
      local own_home, own = find(new)
      if a and own and own_home == home then drop_copy(home, plain, a, own) end
      if a and not own then adopt_record(home, plain, new, a, relatives) end
      if remembers and not own then adopt_memory(plain, new, relatives) end
    end
  end
end
