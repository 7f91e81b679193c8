-- Gives back, due now, what is leased in a bridge's name though the bridge does not have it in hand.
-- ARGV: prefix, how long a lease lasts at most, what the name's tokens begin with, the tokens in hand.
-- Returns {now, how many were given back}.

local name, working, count = ARGV[3], {}, 0
for i = 4, #ARGV do working[ARGV[i]] = true end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', DUE, now, now + ARGV[2])) do -- what is leased is due when its lease ends
  local token = redis.call('HGET', incident_key(id), 'lease')
  if token and token:sub(1, #name) == name and not working[token] then
    redis.call('HDEL', incident_key(id), 'lease', 'lease_until', 'was_due')
    schedule(id, now)
    count = count + 1
  end
end
return {now, count}
