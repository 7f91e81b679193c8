-- Folds groups of alerts that were not published into those that are kept. The latest of a group is its example; beyond
-- the most that are kept, the ones that were heard of least recently go.
-- ARGV: prefix; MessagePack [[digest, what the group is, count, first, last (both how long ago), example], …]; how many
-- groups are kept; for how long; how many alerts belong to no group for want of room. Returns {now}.

local GROUPS, LATEST, CUT = prefix .. 'unpublished', prefix .. 'unpublished:latest', prefix .. 'unpublished:cut'
local groups, most, kept_ms = cmsgpack.unpack(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local function forget(digests)
  for _, digest in ipairs(digests) do
    redis.call('HDEL', GROUPS, digest)
    redis.call('ZREM', LATEST, digest)
  end
end

for _, group in ipairs(groups) do
  local digest, about, count, first_ms, last_ms, example = unpack(group)
  local first, last = wall - first_ms, wall - last_ms
  local known = redis.call('HGET', GROUPS, digest)
  if known then
    local _, before, began, ended, shown = unpack(cmsgpack.unpack(known))
    count, first = count + before, math.min(first, began)
    if ended > last then last, example = ended, shown end
  end
  redis.call('HSET', GROUPS, digest, cmsgpack.pack({about, count, first, last, example}))
  redis.call('ZADD', LATEST, last, digest)
end
forget(redis.call('ZRANGE', LATEST, '-inf', wall - kept_ms, 'BYSCORE'))
local over = redis.call('HLEN', GROUPS) - most
if over > 0 then forget(redis.call('ZRANGE', LATEST, 0, over - 1)) end
if over > 0 or tonumber(ARGV[5]) > 0 then redis.call('SET', CUT, wall, 'PX', kept_ms) end
for _, key in ipairs({GROUPS, LATEST}) do redis.call('PEXPIRE', key, kept_ms) end
return {now}
