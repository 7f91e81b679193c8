-- A chore is work that one replica does at a time, and again after a while.
-- ARGV: prefix, the chore, a token, what is asked: 'claim' it, if it is due and nobody has it, for so many milliseconds;
-- 'keep' it for so many; or 'rest' so many until it is due again. For a claim: at most how many milliseconds it rests.
-- Returns {now, 1} or, when it cannot be had, {now, 0, in how many milliseconds to ask again}.

local key, token, ask, ms = prefix .. 'chore:' .. ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local holder, lease_until, due = unpack(redis.call('HMGET', key, 'token', 'lease_until', 'due'))
lease_until, due = tonumber(lease_until) or 0, tonumber(due)
if ask ~= 'claim' then
  if holder ~= token then return {now, 0, 0} end
  if ask == 'keep' then redis.call('HSET', key, 'lease_until', now + ms)
  else redis.call('HSET', key, 'token', '', 'lease_until', 0, 'due', now + ms) end
  return {now, 1}
end
if lease_until > now then return {now, 0, lease_until - now} end
if not due or due > now + ARGV[6] then
  due = now + ARGV[6]
  redis.call('HSET', key, 'due', due)
end
if due > now then return {now, 0, due - now} end
redis.call('HSET', key, 'token', token, 'lease_until', now + ms)
return {now, 1}
