-- Requests out of the outbound budget that all replicas share (a generic cell rate algorithm).
-- ARGV: prefix, requests per minute, how many requests to take together. A quarter may go at once, the rest is spread,
-- so that no 60 seconds see more than the whole, or than one such group where the whole is smaller still.
-- Returns {now, how many milliseconds to wait: 0 when they may go}.

local per_minute, count = tonumber(ARGV[2]), tonumber(ARGV[3])
local burst = math.max(1, math.floor(per_minute / 4))
local interval = 60000 / math.max(1, per_minute - burst)
local key = prefix .. 'rate'
local free_at = math.max(tonumber(redis.call('GET', key) or 0), now)
local wait = free_at - now - math.max(0, burst - count) * interval
if wait > 0 then return {now, math.ceil(wait)} end
free_at = free_at + count * interval
redis.call('SET', key, free_at, 'PX', math.ceil(free_at - now))
return {now, 0}
