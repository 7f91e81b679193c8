-- Lets the next claim of a paused bridge probe at once; claims that go on meanwhile are not stopped again.
-- ARGV: prefix, when the next probe may be. Returns {now}.

local PAUSE = prefix .. 'pause'
if redis.call('EXISTS', PAUSE) == 1 then redis.call('HSET', PAUSE, 'until', ARGV[2]) end
return {now}
