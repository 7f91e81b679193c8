-- One request out of the outbound budget that all replicas share (a generic cell rate algorithm).
-- ARGV: prefix, requests per minute. A quarter may go at once, the rest is spread, so that no 60 seconds see more than
-- the whole. Returns {now, how many milliseconds to wait: 0 when the request may go}.

local per_minute = tonumber(ARGV[2])
local burst = math.max(1, math.floor(per_minute / 4))
local interval = 60000 / math.max(1, per_minute - burst)
local key = prefix .. 'rate'
local free_at = math.max(tonumber(redis.call('GET', key) or 0), now)
local wait = free_at - now - (burst - 1) * interval
if wait > 0 then return {now, math.ceil(wait)} end
redis.call('SET', key, free_at + interval, 'PX', 120000)
return {now, 0}
