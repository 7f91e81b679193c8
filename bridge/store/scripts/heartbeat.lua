-- Notes that the watchdogs of these routes were heard of just now, by the clock of Redis' host. ARGV: prefix, the routes. Returns {now}.

for i = 2, #ARGV do redis.call('HSET', prefix .. 'watchdogs', ARGV[i], wall) end
return {now}
