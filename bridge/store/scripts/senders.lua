-- An alert is called <source>/<fingerprint>, or <source>@<sender>/<fingerprint> where its path names the sender. What is
-- known of it without a sender becomes the sender's that next reports it, in the incident where it counts: its record,
-- which then has n, its place in the index, its timer, its merges, and what is remembered of it.

local function plain_of(name)
  local source, fingerprint = name:match('^([^@/]+)@[^/]+(/.*)$')
  return source and source .. fingerprint
end

-- What that sender calls the alert that was called `plain`.
local function renamed(plain, like) return (plain:gsub('^[^/]+', like:match('^[^/]+'), 1)) end

-- What an event of a sender was called while nobody had named the sender; nil if it has no sender.
local function event_without_sender(event) return event:match('^@[^/]+/(.*)$') end

local function memory_key(kind, name) return prefix .. kind .. ':' .. name end

-- The alerts that were merged into it, which live (m) or ended (w) with it.
local function adopt_sources(kind, plain, name, relatives)
  for _, source in ipairs(redis.call('SUNION', memory_key(kind, plain))) do
    relatives[#relatives + 1] = renamed(source, name)
    redis.call('SADD', memory_key(kind, name), relatives[#relatives])
  end
  redis.call('DEL', memory_key(kind, plain))
end

local function adopt_memory(plain, name, relatives)
  adopt_sources('m', plain, name, relatives)
  adopt_sources('w', plain, name, relatives)
  redis.call('PEXPIRE', memory_key('w', name), REMEMBER_MS)
  local over = tonumber(redis.call('GET', memory_key('o', plain)) or 0)
  if over > tonumber(redis.call('GET', memory_key('o', name)) or 0) then
    redis.call('SET', memory_key('o', name), over, 'PX', REMEMBER_MS)
  end
  local part = redis.call('GET', memory_key('p', plain))
  if part and redis.call('EXISTS', memory_key('p', name)) == 0 then
    local at, target = unpack(cmsgpack.unpack(part))
    if target ~= '' then
      target = renamed(target, name)
      relatives[#relatives + 1] = target
    end
    redis.call('SET', memory_key('p', name), cmsgpack.pack({at, target}), 'PX', REMEMBER_MS)
  end
  redis.call('DEL', memory_key('o', plain), memory_key('p', plain))
end

local function adopt_record(home, plain, name, a, relatives)
  local due = redis.call('ZSCORE', timers_key(home), plain)
  move_out(home, plain)
  set(index, plain, false)
  if a.m then
    local target = renamed(a.m, name)
    for _, kind in ipairs({'m', 'w'}) do
      if redis.call('SREM', memory_key(kind, a.m), plain) == 1 then redis.call('SADD', memory_key(kind, target), name) end
    end
    a.m = target
    relatives[#relatives + 1] = target
  end
  a.n = true
  write_alert(home, name, a)
  set(index, name, home)
  if due then set_timer(touch(home), name, due) end
  redis.call('HDEL', incident_key(home), 'conflict')
end

-- The sender and a path that does not name it yet (one of two replicas was told first) report one occurrence: it counts
-- once.
local function drop_copy(home, plain, a, own)
  if a.s ~= own.s or a.m then return end
  if a.st == 'F' then stop_alert(touch(home), a, own.e) elseif a.st == 'H' then unhold(touch(home)) end
  move_out(home, plain)
  set(index, plain, false)
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
