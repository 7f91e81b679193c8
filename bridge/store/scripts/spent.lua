-- How much of the budgets of a page is spent. ARGV: prefix, page, route, the incident that asks: its own is left out.
-- Returns {now, {open on the page, of the route, opened within an hour on the page, of the route, and mails likewise}}.

local page, route, id = ARGV[2], ARGV[3], ARGV[4]
local found = {}
for _, budget in ipairs({'open', 'opens_per_hour', 'mails_per_hour'}) do
  found[#found + 1] = spent(budget, page, nil, budget == 'open' and id)
  found[#found + 1] = spent(budget, page, route, budget == 'open' and id)
end
return {now, found}
