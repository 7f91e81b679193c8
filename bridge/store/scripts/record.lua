-- Writes the reconciler's progress, if it still holds the lease, and extends the lease.
-- ARGV: prefix, id, token, lease_ms, progress, archive ('' or the ended episode), retention_ms, the word
-- it is tallied under, MessagePack {page: the id of its post there}, the pages on which it is open or may be, joined by newlines;
-- whether a page may be over by itself: 0 no, 1 it may, 2 it is, and still shows it; the pages where the gate keeps it back,
-- joined by newlines; MessagePack of the tokens to take, of those to give back, and of what trips; what this record is
-- called, and MessagePack of the entries that it adds to the history, or ''; MessagePack of the orders that are over {name,
-- when it was given, …}.
-- Returns {now} when the lease is lost or another incident holds one of those posts, {now, 'full'}, with nothing written,
-- when the tokens cannot be taken, else {now, snapshot}.

local id, token, lease_ms = ARGV[2], ARGV[3], tonumber(ARGV[4])
if not holds_lease(id, token) then return {now} end
local takes, gives, trips = cmsgpack.unpack(ARGV[13]), cmsgpack.unpack(ARGV[14]), cmsgpack.unpack(ARGV[15])
if not can_take(id, takes) then return {now, 'full'} end
if not claim_remotes(id, cmsgpack.unpack(ARGV[9])) then return {now} end
take_tokens(id, takes)
give_tokens_back(id, gives)
trip(trips)
redis.call('SET', progress_key(id), ARGV[5])
redis.call('HSET', incident_key(id), 'page_ends', ARGV[11])
if ARGV[6] ~= '' and not is_recorded(id, ARGV[16], ARGV[17]) then
  local episode = redis.call('HGET', incident_key(id), 'episode')
  redis.call('SET', prefix .. 'episode:' .. id .. '.' .. episode, ARGV[6], 'PX', ARGV[7])
  list_episode(id, tonumber(episode), ARGV[6], tonumber(ARGV[7]))
  redis.call('HINCRBY', incident_key(id), 'episode', 1)
  redis.call('HDEL', incident_key(id), 'conflict_at')
  archive_history(id, id .. '.' .. episode, ARGV[7])
end
if ARGV[17] ~= '' then tell_recorded(id, ARGV[16], ARGV[17]) end
local over = cmsgpack.unpack(ARGV[18])
for nth = 1, #over, 2 do
  local given = redis.call('HGET', orders.key(id), over[nth])
  if given and cmsgpack.unpack(given).at == over[nth + 1] then
    redis.call('HDEL', orders.key(id), over[nth])
    if over[nth] == 'take-over' then redis.call('SREM', orders.TAKEN_OVER, id) end
  end
end
tally(id, ARGV[8])
redis.call(ARGV[10] ~= '' and 'SADD' or 'SREM', OPEN, id)
count_open(id, ARGV[10])
wait_for(id, ARGV[12])
extend_lease(id, lease_ms)
local route, firing = unpack(redis.call('HMGET', incident_key(id), 'route', 'firing'))
count_stored(id, route, tonumber(firing), true)
save_sums()
return {now, snapshot(id)}
