-- What only recording uses: the list of ended episodes that are kept, by when they ended.

local EPISODES = prefix .. 'episodes'
local MOST_LISTED = 20000 -- the newest; about 2 MB
local DROPPED_AT_ONCE = 100

-- Lists an episode that is put away now and kept for so long. One may have ended up to that long before it is put away, so the
-- list remembers twice as much; what it lists need not be there any more. `archived` is the last of the incident's episodes up
-- to which all are listed: one that another release puts away leaves a gap, and readers look there for themselves.
local function list_episode(id, episode, archive, kept_ms)
  local ended_at = tonumber(archive:match('"phase_since":(%d+)')) or now
  redis.call('ZADD', EPISODES, ended_at, id .. '.' .. episode)
  local too_old = redis.call('ZRANGEBYSCORE', EPISODES, '-inf', now - 2 * kept_ms, 'LIMIT', 0, DROPPED_AT_ONCE)
  if too_old[1] then redis.call('ZREM', EPISODES, unpack(too_old)) end
  local too_many = redis.call('ZRANGE', EPISODES, 0, -(MOST_LISTED + 1))
  if too_many[1] then redis.call('ZREM', EPISODES, unpack(too_many, 1, math.min(#too_many, DROPPED_AT_ONCE))) end
  redis.call('PEXPIRE', EPISODES, 2 * kept_ms)
  local archived = tonumber(redis.call('HGET', incident_key(id), 'archived')) or 0
  if archived == episode - 1 then redis.call('HSET', incident_key(id), 'archived', episode) end
end
