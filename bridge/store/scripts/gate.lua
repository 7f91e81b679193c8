-- The budgets of what may become public, and what waits for room in them. A budget of a page, and a route's part of it, is
-- a set of tokens, each with the time when it was taken. `open` has one for each incident that is, or may be, open on the
-- page: it follows from what is recorded, and no token of it is ever lost. The tokens of the others age: after an hour
-- they are gone.
--
-- What is withheld waits, by kind (severity and route) and page, with no time when it is due. Room that appears wakes the
-- first of the first kind, which asks the gate; when it got what it wanted, the first kind is asked again, else the next.
-- So one at a time asks, in the order of severity, then of routes in turn, then of age, however many wait.

local HOUR_MS = 3600000
local ASK_AGAIN_MS = 60000 -- room may have appeared in a way that nobody noticed
local AGING = {opens_per_hour = true, mails_per_hour = true}
local WAITING, FULL, TRIPS = prefix .. 'waiting', prefix .. 'full', prefix .. 'trips'
local LIFTED, LIFTS = prefix .. 'lifted', prefix .. 'lifts' -- by page who lifted its budgets until when; the latest of these
local WITHHELD = prefix .. 'withheld' -- how many wait, by page

local function tokens_key(budget, page, route)
  return prefix .. 'spent:' .. budget .. ':' .. page .. (route and '\n' .. route or '')
end
local function waiting_key(page, kind) return WAITING .. ':' .. page .. '\n' .. kind end
local function kinds_key(page) return WAITING .. ':' .. page end -- with when each was last served

local function kind_of(id) return kind_from(unpack(redis.call('HMGET', incident_key(id), 'level', 'route'))) end

-- Who lifted the budgets of a page until when, packed; nil if nobody did, or it is over.
local function is_lifted(page)
  local packed = redis.call('HGET', LIFTED, page)
  return packed and cmsgpack.unpack(packed)['until'] > now and packed or nil
end

-- How many tokens are taken, those of one's own left out.
local function spent(budget, page, route, own)
  local key = tokens_key(budget, page, route)
  for _, old in ipairs(AGING[budget] and redis.call('ZRANGEBYSCORE', key, '-inf', '(' .. now - HOUR_MS) or {}) do
    redis.call('ZREM', key, old)
  end
  local count = #redis.call('ZRANGE', key, 0, -1)
  for _, name in ipairs(own or {}) do
    if redis.call('ZSCORE', key, name) then count = count - 1 end
  end
  return count
end

local function put_token(budget, page, route, name)
  for _, key in ipairs({tokens_key(budget, page), tokens_key(budget, page, route)}) do
    redis.call('ZADD', key, 'NX', now, name)
    if AGING[budget] then redis.call('PEXPIRE', key, HOUR_MS + 60000) end
  end
end

local function remove_token(budget, page, route, name)
  redis.call('ZREM', tokens_key(budget, page, route), name)
  return redis.call('ZREM', tokens_key(budget, page), name) == 1
end

-- The kinds that wait for a page, in the order in which they are served.
local function waiting_kinds(page)
  local kinds = redis.call('ZRANGE', kinds_key(page), 0, -1) -- who was served last comes last, but for the severity
  local place = {}
  for nth, kind in ipairs(kinds) do place[kind] = nth end
  table.sort(kinds, function(one, other)
    local a, b = one:sub(1, 1), other:sub(1, 1)
    if a ~= b then return a > b end
    return place[one] < place[other]
  end)
  return kinds
end

local function stop_waiting(id, page, kind)
  local key = waiting_key(page, kind)
  if redis.call('ZREM', key, id) == 1 and redis.call('HINCRBY', WITHHELD, page, -1) <= 0 then
    redis.call('HDEL', WITHHELD, page)
  end
  if redis.call('EXISTS', key) == 0 then
    redis.call('ZREM', kinds_key(page), kind)
    if redis.call('EXISTS', kinds_key(page)) == 0 then redis.call('ZREM', WAITING, page) end
  end
end

-- Who waits first of a kind, and is there: an older release drops what waits without a word. Who was woken long ago and has
-- not asked is passed over: they may be unable to, and nobody is to wait for that.
local function first_waiting(page, kind)
  for _, id in ipairs(redis.call('ZRANGE', waiting_key(page, kind), 0, 99)) do
    local rev, woken = unpack(redis.call('HMGET', incident_key(id), 'rev', 'woken'))
    if not rev then stop_waiting(id, page, kind)
    elseif tonumber(woken or now) > now - ASK_AGAIN_MS then return id, woken end
  end
end

-- Who holds it settles it as due at once.
local function make_due(id, at)
  if tonumber(redis.call('HGET', incident_key(id), 'lease_until') or 0) > now then
    redis.call('HINCRBY', incident_key(id), 'rev', 1)
  else schedule(id, math.min(at, tonumber(redis.call('ZSCORE', DUE, id) or at))) end
end

-- Room may have appeared on a page: who waits first asks for it; `after` a kind that had none, who comes after that.
local function wake(page, after)
  local is_next = not after
  for _, kind in ipairs(waiting_kinds(page)) do
    local id, woken
    if is_next then id, woken = first_waiting(page, kind) end
    if id then
      if not woken then redis.call('HSET', incident_key(id), 'woken', now) end
      redis.call('ZREM', FULL, kind)
      make_due(id, now)
      return
    end
    if kind == after then is_next = true end
  end
end

-- Makes all due that wait for a page, in the order of their age; how many. `each` is called with the ids.
local APART_MS = 1 / 1024 -- apart from each other, and all of them due at once
local function wake_all(page, each)
  local count = 0
  for _, kind in ipairs(waiting_kinds(page)) do
    redis.call('ZREM', FULL, kind)
    for nth, id in ipairs(redis.call('ZRANGE', waiting_key(page, kind), 0, -1)) do
      count = count + 1
      if redis.call('HGET', incident_key(id), 'rev') then
        make_due(id, math.min(now, now - 1 + nth * APART_MS))
        if each then each(id) end
      end
    end
  end
  return count
end

-- Wakes who waits for a page whose time has come.
local function wake_in_time()
  local page, at = unpack(redis.call('ZRANGE', WAITING, 0, 0, 'WITHSCORES'))
  if not page or tonumber(at) > now then return end
  redis.call('ZADD', WAITING, now + ASK_AGAIN_MS, page)
  wake(page)
end

local function split(lines)
  local found = {}
  for line in string.gmatch(lines, '[^\n]+') do found[#found + 1] = line end
  return found
end

-- Makes these, one a line, the pages on which the incident is open, or may be.
local function count_open(id, pages)
  local old, route = unpack(redis.call('HMGET', incident_key(id), 'opens', 'route'))
  old = old or ''
  if old == pages or not route then return end
  local kept = {}
  for _, page in ipairs(split(pages)) do
    put_token('open', page, route, id)
    kept[page] = true
  end
  redis.call('HSET', incident_key(id), 'opens', pages)
  for _, page in ipairs(split(old)) do
    if not kept[page] and remove_token('open', page, route, id) then wake(page) end
  end
end

local function start_waiting(id, page, kind, since)
  if redis.call('ZADD', waiting_key(page, kind), since, id) == 1 then redis.call('HINCRBY', WITHHELD, page, 1) end
  redis.call('ZADD', kinds_key(page), 'NX', 0, kind)
  redis.call('ZADD', FULL, now, kind)
  local oldest = redis.call('ZRANGE', tokens_key('opens_per_hour', page), 0, 0, 'WITHSCORES')[2]
  local at = now + (is_lifted(page) and 0 or ASK_AGAIN_MS) -- it was lifted after this one asked
  if oldest then at = math.min(at, math.max(now, oldest + HOUR_MS) + 1) end
  redis.call('ZADD', WAITING, 'LT', at, page)
end

-- Makes these, one a line, the pages for which the incident waits. Who was woken, and is done, wakes the next.
local function wait_for(id, pages)
  local h = redis.call('HMGET', incident_key(id), 'waits', 'woken')
  local old, woken = h[1] and cmsgpack.unpack(h[1]) or {}, h[2]
  if pages == '' and not old[1] then return end
  local since, kind, new, waits = {}, kind_of(id), {}, {}
  for _, page in ipairs(split(pages)) do new[#new + 1], waits[page] = {page, kind}, true end
  for _, each in ipairs(old) do
    since[each[1]] = redis.call('ZSCORE', waiting_key(each[1], each[2]), id)
    if not waits[each[1]] or each[2] ~= kind then stop_waiting(id, each[1], each[2]) end
  end
  for _, each in ipairs(new) do start_waiting(id, each[1], kind, since[each[1]] or now) end
  if new[1] then redis.call('HSET', incident_key(id), 'waits', cmsgpack.pack(new))
  else redis.call('HDEL', incident_key(id), 'waits') end
  if woken then redis.call('HDEL', incident_key(id), 'woken') end
  for _, each in ipairs(old) do
    if not waits[each[1]] then wake(each[1]) elseif woken then wake(each[1], each[2]) end
  end
end

-- What an incident takes: {budget, page, the most of all, the most of its route (-1: whatever, -2: whatever, if
-- the budgets are lifted by now), names}, all or none.
local function can_take(id, takes)
  local route = takes[1] and redis.call('HGET', incident_key(id), 'route')
  for _, take in ipairs(takes) do
    local budget, page, most, most_of_route, names = unpack(take)
    if most == -2 and not is_lifted(page) then return false end
    if most >= 0 and (spent(budget, page, nil, names) + #names > most
        or spent(budget, page, route, names) + #names > most_of_route) then return false end
  end
  return true
end

-- Takes it. A token of `open` is taken when it is recorded what stands open.
local function take_tokens(id, takes)
  local route = takes[1] and redis.call('HGET', incident_key(id), 'route')
  for _, take in ipairs(takes) do
    local budget, page, _, _, names = unpack(take)
    if budget == 'open' then redis.call('ZADD', kinds_key(page), 'XX', now, kind_of(id))
    else for _, name in ipairs(names) do put_token(budget, page, route, name) end end
  end
end

-- Gives back tokens that were taken for nothing: {budget, page, name}.
local function give_tokens_back(id, gives)
  local route = gives[1] and redis.call('HGET', incident_key(id), 'route')
  for _, give in ipairs(gives) do
    local budget, page, name = unpack(give)
    if remove_token(budget, page, route, name) and budget ~= 'mails_per_hour' then wake(page) end
  end
end

-- A budget had no room: {page, budget}. It trips, unless it has already.
local function trip(trips)
  for _, each in ipairs(trips) do
    local name = each[1] .. '\n' .. each[2]
    if not redis.call('HGET', TRIPS, name) then redis.call('HSET', TRIPS, name, -now) end -- negative: untold
  end
end
