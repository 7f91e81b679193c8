-- Takes requests out of the outbound budget.
-- ARGV: prefix, requests per minute, how many to take together, their priority, how many are given back for them, how many
-- milliseconds ahead they may be booked.
-- Returns {now, how many milliseconds to wait, 1 if they are taken and may go then, 0 if that is when to ask again}.

local per_minute, count, priority = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local held, ahead_ms = tonumber(ARGV[5]), tonumber(ARGV[6])
local wait, taken
if priority == OBSERVE then wait, taken = take_looks(per_minute, count)
else wait, taken = take_requests(per_minute, priority, count, held, ahead_ms) end
return {now, wait, taken and 1 or 0}
