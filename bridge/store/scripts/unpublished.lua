-- Folds groups of alerts that were not published into those that are kept. The latest of a group is its example; beyond
-- the most that are kept, those go that were heard of least recently, of the reason that has most: no flood hides the others.
-- ARGV: prefix; MessagePack [[<reason>|<digest>, what the group is, count, first, last (both how long ago), example], …]; how many
-- groups are kept; for how long; how many alerts belong to no group for want of room. Returns {now}.

local GROUPS, LATEST, CUT = prefix .. 'unpublished', prefix .. 'unpublished:latest', prefix .. 'unpublished:cut'
local groups, most, kept_ms = cmsgpack.unpack(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local function forget(names)
  for _, name in ipairs(names) do
    redis.call('HDEL', GROUPS, name)
    redis.call('ZREM', LATEST, name)
  end
end

local function crowded_out(count)
  local of_reason, gone = {}, {}
  for _, name in ipairs(redis.call('ZRANGE', LATEST, 0, -1, 'REV')) do
    local reason = name:match('^[^|]*')
    of_reason[reason] = of_reason[reason] or {}
    table.insert(of_reason[reason], name)
  end
  for i = 1, count do
    local most_of = {}
    for _, names in pairs(of_reason) do if #names > #most_of then most_of = names end end
    gone[i] = table.remove(most_of)
  end
  return gone
end

for _, group in ipairs(groups) do
  local name, about, count, first_ms, last_ms, example = unpack(group)
  local first, last = wall - first_ms, wall - last_ms
  local known = redis.call('HGET', GROUPS, name)
  if known then
    local _, before, began, ended, shown = unpack(cmsgpack.unpack(known))
    count, first = count + before, math.min(first, began)
    if ended > last then last, example = ended, shown end
  end
  redis.call('HSET', GROUPS, name, cmsgpack.pack({about, count, first, last, example}))
  redis.call('ZADD', LATEST, last, name)
end
forget(redis.call('ZRANGE', LATEST, '-inf', wall - kept_ms, 'BYSCORE'))
local over = redis.call('HLEN', GROUPS) - most
if over > 0 then forget(crowded_out(over)) end
if over > 0 or tonumber(ARGV[5]) > 0 then redis.call('SET', CUT, wall, 'PX', kept_ms) end
for _, key in ipairs({GROUPS, LATEST}) do redis.call('PEXPIRE', key, kept_ms) end
return {now}
