-- The budgets at a glance, what waits for them, and which have tripped.
-- ARGV: prefix, MessagePack of {page, {budget: {at how many tokens of all, and of any route, a trip is over}}} for each
-- page, and of the routes; 1 if the groups of what waits are wanted.
-- Returns {now, {for each page: {tokens of all, of each route in order} for each budget}, {how many wait for each page},
-- {page, budget, how many wait, the groups of the first hundred, and so on: trips that are to be told, once},
-- {for each page: who lifted its budgets, packed, or ''}, {for each page: the groups of the first hundred that wait}}.

local SAMPLE = 100
local TOLD_AFTER_MS = 2000 -- by then there is more to tell of what they have in common
local pages, routes = cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[3])

-- An older release counts nothing: what it ended is found here.
local function put_right(page)
  for _, id in ipairs(redis.call('ZRANGE', tokens_key('open', page), 0, -1)) do
    if redis.call('SISMEMBER', OPEN, id) == 0 then
      local exists = redis.call('EXISTS', incident_key(id)) == 1
      if exists then count_open(id, '') end
      for _, route in ipairs(routes) do remove_token('open', page, route, id) end
      redis.call('ZREM', tokens_key('open', page), id)
    end
  end
end

local function sample(page)
  local groups = {}
  for _, kind in ipairs(waiting_kinds(page)) do
    local left = SAMPLE - #groups
    for _, id in ipairs(left > 0 and redis.call('ZRANGE', waiting_key(page, kind), 0, left - 1) or {}) do
      groups[#groups + 1] = select(2, fields_of(id, 'group:'))
    end
  end
  return groups
end

local function is_over(budget, row, at, count)
  local most_of_route = 0
  for which = 2, #row do most_of_route = math.max(most_of_route, row[which]) end
  return row[1] <= at[1] and most_of_route <= at[2] and (budget == 'mails_per_hour' or count == 0)
end

local used, counts, told, lifted, samples = {}, {}, {}, {}, {}
for nth, each in ipairs(pages) do
  local page, over_at = unpack(each)
  put_right(page)
  local count = tonumber(redis.call('HGET', WITHHELD, page) or 0)
  counts[nth], used[nth] = count, {}
  lifted[nth] = is_lifted(page) or ''
  samples[nth] = ARGV[4] == '1' and count > 0 and sample(page) or {}
  for _, budget in ipairs({'open', 'opens_per_hour', 'mails_per_hour'}) do
    local row = {spent(budget, page)}
    for _, route in ipairs(routes) do row[#row + 1] = spent(budget, page, route) end
    used[nth][#used[nth] + 1] = row
    local name = page .. '\n' .. budget
    local at = tonumber(redis.call('HGET', TRIPS, name))
    if at and at < 0 and now + at >= TOLD_AFTER_MS then
      redis.call('HSET', TRIPS, name, now)
      for _, part in ipairs({page, budget, count, sample(page)}) do told[#told + 1] = part end
    elseif at and at >= 0 and is_over(budget, row, over_at[budget], count) then
      redis.call('HDEL', TRIPS, name)
    end
  end
end
return {now, used, counts, told, lifted, samples}
