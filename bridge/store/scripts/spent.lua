-- How much of the budgets of a page is spent. ARGV: prefix, page, route, the incident that asks, and tokens that it has: its
-- own are left out.
-- Returns {now, {open on the page, of the route, opened within an hour on the page, of the route, and mails likewise},
-- whether the budgets are lifted}.

local page, route, own = ARGV[2], ARGV[3], {unpack(ARGV, 4)}
local found = {}
for _, budget in ipairs({'open', 'opens_per_hour', 'mails_per_hour'}) do
  found[#found + 1] = spent(budget, page, nil, own)
  found[#found + 1] = spent(budget, page, route, own)
end
return {now, found, is_lifted(page) and 1 or 0}
