-- Lifts the budgets of pages for a while, or ends that. While they are lifted, everything takes its tokens, and nothing is
-- withheld or made quiet for lack of them. What waits for these pages is due at once.
-- ARGV: prefix, MessagePack of the pages, who, why, for how long (0: it ends now), and a key: one with a key that is known
-- changes nothing.
-- Returns {now, until when, how many are due, the pages where it changed anything}.

local REMEMBERED = 100
local pages, by, reason, for_ms, key = cmsgpack.unpack(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local known = key ~= '' and prefix .. 'acted:budgets/' .. key
if known and redis.call('EXISTS', known) == 1 then return {now, 0, 0, {}} end
local given = {by = by, reason = reason, at = now, ['until'] = now + for_ms}
local changed, count = {}, 0
for _, page in ipairs(pages) do
  if for_ms > 0 or is_lifted(page) then
    changed[#changed + 1] = page
    if for_ms > 0 then redis.call('HSET', LIFTED, page, cmsgpack.pack(given)) else redis.call('HDEL', LIFTED, page) end
  end
  if for_ms > 0 then count = count + wake_all(page) end
end
if changed[1] then
  given.pages = changed
  redis.call('RPUSH', LIFTS, cmsgpack.pack(given))
  redis.call('LTRIM', LIFTS, -REMEMBERED, -1)
end
if known then redis.call('SET', known, 1, 'PX', REMEMBER_MS) end
return {now, given['until'], count, changed}
