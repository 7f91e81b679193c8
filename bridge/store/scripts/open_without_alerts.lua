-- The incidents that stand open on a page, when last recorded by a release that notes it, although nothing of theirs
-- fires or is held any more. Where somebody has taken over, that is theirs. ARGV: prefix. Returns {now, {its fields, its
-- progress, and so on}, how many are taken over, how many of these stand open without an alert}.

local function is_quiet(firing, held) return firing == '0' and held == '0' end

local is_theirs, taken, clear = {}, 0, 0
for _, id in ipairs(redis.call('SMEMBERS', orders.TAKEN_OVER)) do
  local firing, held, ordered = unpack(redis.call('HMGET', incident_key(id), 'firing', 'held', 'ordered'))
  if ordered and redis.call('HGET', orders.key(id), 'take-over') then
    is_theirs[id], taken = true, taken + 1
    if is_quiet(firing, held) and redis.call('SISMEMBER', OPEN, id) == 1 then clear = clear + 1 end
  else redis.call('SREM', orders.TAKEN_OVER, id) end
end

local quiet = {}
for _, id in ipairs(redis.call('SMEMBERS', OPEN)) do
  local firing, held = unpack(redis.call('HMGET', incident_key(id), 'firing', 'held'))
  if is_quiet(firing, held) and not is_theirs[id] then
    quiet[#quiet + 1] = redis.call('HGETALL', incident_key(id))
    quiet[#quiet + 1] = redis.call('GET', progress_key(id))
  end
end
return {now, quiet, taken, clear}
