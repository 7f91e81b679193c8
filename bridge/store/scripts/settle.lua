-- Gives an incident back. ARGV: prefix, id, token, the revision that was worked on, when to look again (-1: only when
-- something changes or an alert timer ripens), whether the page refused the key: then it has been waiting since it was
-- due first; what to give back of the budget of requests; the pages on which it is open or may be; a digest of the
-- configuration by which it was decided, or ''. If the facts moved meanwhile, it is due at once. Where another configuration
-- is in force by now, who takes that up looks at it anew.
-- Returns {now, 1} or, when the lease is lost, {now, 0}.

local id, token, due = ARGV[2], ARGV[3], tonumber(ARGV[5])
if not holds_lease(id, token) then return {now, 0} end
if tonumber(ARGV[7]) > 0 then give_requests_back(tonumber(ARGV[7])) end
local FAR = 32503680000000 -- the year 3000: nothing to do, yet listed
if due < 0 then due = FAR end
due = math.min(due, next_timer(id) or FAR)
local rev, woken = unpack(redis.call('HMGET', incident_key(id), 'rev', 'woken'))
if tonumber(rev) ~= tonumber(ARGV[4]) then due = now
elseif woken then wait_for(id, '') end -- there was room, and it had nothing to ask for
if ARGV[6] == '1' then redis.call('ZADD', UNAUTHORIZED, 'NX', redis.call('HGET', incident_key(id), 'was_due'), id)
else redis.call('ZREM', UNAUTHORIZED, id) end
if ARGV[9] ~= '' and redis.call('GET', prefix .. 'config') ~= ARGV[9] then redis.call('SADD', prefix .. 'outdated', id) end
count_open(id, ARGV[8])
redis.call('HDEL', incident_key(id), 'lease', 'lease_until', 'was_due')
schedule(id, due)
return {now, 1}
