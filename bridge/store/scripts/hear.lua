-- Notes that the watchdogs of these routes were heard of just now. ARGV: prefix, the routes. Returns {now}.

for i = 2, #ARGV do redis.call('HSET', prefix .. 'watchdogs', ARGV[i], now) end
return {now}
