-- What is kept of alerts beside their records, for what messages may still come late: of senders with a clock of their own, for
-- REMEMBER_MS, alert or no alert.

-- That an event was folded.
local function event_key(event) return prefix .. 'event:' .. event end
-- When an alert last ended, by its sender's clock.
local function ended_key(name) return prefix .. 'ended:' .. name end
-- When it was last merged, and into which other: MessagePack [when, alert, or '' where it was published nowhere].
local function merged_into_key(name) return prefix .. 'merged_into:' .. name end
-- The alerts that were merged into it and live as part of it, as long as they do.
local function merged_key(name) return prefix .. 'merged:' .. name end
-- The alerts that were merged into it and ended with it.
local function ended_with_key(name) return prefix .. 'ended_with:' .. name end

local function ended_at(name) return tonumber(redis.call('GET', ended_key(name)) or 0) end

-- Such a sender may report the end before the beginning.
local function remember_end(name, at)
  if at > 0 then redis.call('SET', ended_key(name), math.max(ended_at(name), at), 'PX', REMEMBER_MS) end
end

local function last_merge(name)
  local packed = redis.call('GET', merged_into_key(name))
  if not packed then return 0, '' end
  return unpack(cmsgpack.unpack(packed))
end

local function remember_merge(name, at, target)
  if at > last_merge(name) then
    redis.call('SET', merged_into_key(name), cmsgpack.pack({at, target}), 'PX', REMEMBER_MS)
  end
end

local function link_ended(name, target)
  redis.call('SADD', ended_with_key(target), name)
  redis.call('PEXPIRE', ended_with_key(target), REMEMBER_MS)
end

local function unlink(name, a)
  if not a.merged_into then return end
  redis.call('SREM', merged_key(a.merged_into), name)
  redis.call('SREM', ended_with_key(a.merged_into), name)
  a.merged_into = nil
end
