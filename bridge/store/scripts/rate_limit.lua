-- Takes requests out of the outbound budget.
-- ARGV: prefix, requests per minute, how many to take together, their priority, how many are given back for them, how many
-- milliseconds ahead they may be booked.
-- Returns {now, how many milliseconds to wait, 1 if they are taken and may go then, 0 if that is when to ask again}.

local wait, taken = take_requests(tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[6]))
return {now, wait, taken and 1 or 0}
