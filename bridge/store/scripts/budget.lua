-- The outbound budget that all replicas share: a generic cell rate algorithm. Its one number is when all that was taken
-- is paid for. A quarter may go at once, the rest is spread, so that no 60 seconds see more than the whole, or than one
-- group of requests where the whole is smaller still; a sixtieth stays unused, for what is taken may take a second to leave.
--
-- Priorities are `bridge.model.Priority`. The first books ahead: what it takes is taken though its time is still to come,
-- so whoever comes later, of whatever priority, waits for it. The others leave something for those before them.

-- What looks at what stands open ask for has a budget of its own, too: a tenth of the whole. When it has waited for a minute
-- for others, one request is taken as a change's, so that a backlog of openings never ends the looks.

local CHANGE, OBSERVE, AUDIT = 1, 4, 5
local RATE, LOOKS_RATE = prefix .. 'rate', prefix .. 'rate:looks'
local STARVED_MS, AGAIN_AFTER_MS = 60000, 1000

-- How many may go at once, and how many milliseconds pay for one.
local function allowance(per_minute)
  local burst = math.max(1, math.floor(per_minute / 4))
  return burst, 60000 / math.max(1, per_minute - burst - math.floor(per_minute / 60))
end

-- How many of those that may go at once this priority leaves for the ones before it.
local function left_by(priority, burst)
  if priority == 0 then return 0 end
  if priority == AUDIT then return math.max(0, burst - 2) end -- next to nothing may notice an audit
  local share = math.floor(burst / 6)
  return share + (priority - 1) * math.min(2, share) -- two: the others take no more than that together
end

-- Takes so many requests, all or none, in exchange for those that are `held`. Returns how many milliseconds to wait, and
-- whether they are taken: then they may go after that wait, which is at most `ahead_ms`; else the wait is worth a try.
local function take_requests(per_minute, priority, count, held, ahead_ms)
  local burst, interval = allowance(per_minute)
  local free_at = math.max(tonumber(redis.call('GET', RATE) or 0) - held * interval, now)
  local wait = math.max(0, free_at - now - math.max(0, burst - left_by(priority, burst) - count) * interval)
  if wait > (priority == 0 and ahead_ms or 0) then return math.ceil(wait), false end
  free_at = free_at + count * interval
  if free_at > now then redis.call('SET', RATE, free_at, 'PX', math.ceil(free_at - now)) end
  return math.ceil(wait), true
end

-- Gives back requests that were taken and not used, as the milliseconds that pay for them.
local function give_requests_back(ms)
  local free_at = tonumber(redis.call('GET', RATE) or 0) - ms
  if free_at >= now + 1 then redis.call('SET', RATE, free_at, 'PX', math.ceil(free_at - now))
  else redis.call('DEL', RATE) end
end

-- Requests of a look, at the end of a tenth and of the whole. `free_at` is when what looks have taken is paid for, `asked_at`
-- when the first of them asked that others keep waiting.
local function take_looks(per_minute, count)
  local tenth = per_minute / 10
  local burst = math.max(1, math.floor(tenth / 4))
  local interval = 60000 / math.max(tenth - burst, math.min(tenth, 1))
  local free_at, asked_at = unpack(redis.call('HMGET', LOOKS_RATE, 'free_at', 'asked_at'))
  free_at, asked_at = math.max(tonumber(free_at) or 0, now), tonumber(asked_at)
  local wait = math.max(0, free_at - now - math.max(0, burst - count) * interval)
  if wait > 0 then return math.ceil(wait), false end
  local is_starved = asked_at and now >= asked_at + STARVED_MS
  local others_ms, taken = take_requests(per_minute, is_starved and CHANGE or OBSERVE, count, 0, 0)
  if taken then
    redis.call('HSET', LOOKS_RATE, 'free_at', free_at + count * interval)
    redis.call('HDEL', LOOKS_RATE, 'asked_at')
  elseif not asked_at then redis.call('HSET', LOOKS_RATE, 'asked_at', now) end
  redis.call('PEXPIRE', LOOKS_RATE, math.ceil(free_at + count * interval - now) + 2 * STARVED_MS)
  return taken and 0 or math.max(others_ms, AGAIN_AFTER_MS), taken
end
