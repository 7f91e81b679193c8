-- Looks for incidents that a reader asked for, the last begun first, in the list of all or of the active ones.
-- ARGV: prefix; 1 for the active ones alone; when one began and its id, after which to go on ('' and '' from the first on);
-- since when they began (below 0: how long before now); how many to find; how many to look at; MessagePack of the routes, the
-- services and the phases of which they have one, an empty list for any, and whether only those in trouble are asked for
-- (true), only others (false) or any (nil).
-- Returns {now, 1 if the lists may be incomplete, because another release has written, {id, when it began, and so on}, when
-- the last one that was looked at began and its id, or '' and '' when there are no more}.

local list = ARGV[2] == '1' and ACTIVE or BEGUN
local after_at, after = tonumber(ARGV[3]), ARGV[4]
local since, wanted, most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local routes, services, phases, in_trouble = unpack(cmsgpack.unpack(ARGV[8]), 1, 4)
local AT_ONCE = 100
if since < 0 then since = now + since end

local function any_of(names)
  if not names[1] then return nil end
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end
local of_routes, of_phases = any_of(routes), any_of(phases)

-- Whether something of it fires for one of the services, or a page shows it for one.
local function has_service(id)
  for _, service in ipairs(services) do
    for _, facet in ipairs(redis.call('HKEYS', facets_key(id))) do
      if facet:sub(1, 2) == 's|' and facet:match('^s|(.*)|%d+$') == service then return true end
    end
  end
  local packed = redis.call('GET', progress_key(id))
  for _, service in ipairs(services) do
    if packed and packed:find(service, 1, true) then
      for _, post in pairs(cmsgpack.unpack(packed).posts or {}) do
        for _, name in ipairs(post.services or {}) do
          if name == service then return true end
        end
      end
    end
  end
  return false
end

local function matches(id)
  local route, word = unpack(redis.call('HMGET', incident_key(id), 'route', 'tally'))
  if not route or of_routes and not of_routes[route] then return false end
  local phase, mark = (word or 'PENDING'):match('^([^+]*)(.*)$')
  if of_phases and not of_phases[phase] then return false end
  if in_trouble ~= nil and in_trouble ~= (mark ~= '') then return false end
  return not services[1] or has_service(id)
end

-- The place of the first one that comes after another, which need not be there any more.
local function place_after(at, id)
  local low, high = 0, redis.call('ZCARD', list)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other, began = unpack(redis.call('ZRANGE', list, middle, middle, 'REV', 'WITHSCORES'))
    began = tonumber(began)
    if began < at or began == at and other < id then high = middle else low = middle + 1 end
  end
  return low
end

local place, found, looked, last_at, last = after_at and place_after(after_at, after) or 0, {}, 0, '', ''
local goes_on = true
while goes_on do
  local part = redis.call('ZRANGE', list, place, place + AT_ONCE - 1, 'REV', 'WITHSCORES')
  goes_on = part[1] ~= nil
  if not goes_on then last_at, last = '', '' end
  for nth = 1, #part, 2 do
    local is_over = tonumber(part[nth + 1]) < since
    if is_over then last_at, last = '', '' end
    if is_over or #found == 2 * wanted or looked == most then
      goes_on = false
      break
    end
    last, last_at, looked = part[nth], part[nth + 1], looked + 1
    if matches(last) then
      found[#found + 1] = last
      found[#found + 1] = last_at
    end
  end
  place = place + AT_ONCE
end
local is_behind = redis.call('ZCARD', BEGUN) ~= redis.call('ZCARD', DUE)
  or redis.call('ZCARD', ACTIVE) ~= redis.call('ZCARD', COUNTED)
return {now, is_behind and 1 or 0, found, last_at, last}
