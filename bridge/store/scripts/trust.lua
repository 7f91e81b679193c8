-- Lets held alerts count at once: what the bridge had closed is listed by its sender again. ARGV: prefix, alert, …
-- Returns {now, how many}.

local count = 0
for nth = 2, #ARGV do
  local name = ARGV[nth]
  local id = redis.call('HGET', INDEX, name)
  local packed = id and redis.call('HGET', alerts_key(id), name)
  local a = packed and unpack_alert(packed)
  if a and a.state == 'H' and a.healed and a.healed:match('^%d+') == string.format('%.0f', a.resolved_at) then
    redis.call('ZADD', timers_key(id), now, name) -- who claims the incident lets it fire
    schedule(id, now, 'LT')
    count = count + 1
  end
end
return {now, count}
