"""Letting time pass for a Redis, whose clock is the store's only one and cannot be set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.store.builders import PREFIX

if TYPE_CHECKING:
    import redis

# Every instant that the scripts took from TIME moves into the past, and every expiry comes nearer. Instants by the
# senders' clocks (an alert's starts, ends, observed; an incident's outage_started_at, outage_ended_at) stay.
# 32503680000000 is the scripts' "never".
_SHIFT = """
local prefix, by = ARGV[1], tonumber(ARGV[2])

local function shift_fields(key, fields)
  for _, field in ipairs(fields) do
    local at = tonumber(redis.call('HGET', key, field) or 0)
    if at > 0 then redis.call('HSET', key, field, at - by) end
  end
end

local function shift_scores(key)
  local members = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 1, #members, 2 do
    if tonumber(members[i + 1]) < 32503680000000 then redis.call('ZINCRBY', key, -by, members[i]) end
  end
end

local function shift_alerts(key)
  local alerts = redis.call('HGETALL', key)
  for i = 1, #alerts, 2 do
    local a = cmsgpack.unpack(alerts[i + 1])
    a[6] = a[6] - by -- seen
    if a[5] > 0 then a[5] = a[5] - by end -- resolved_at
    local receivers = a[14]
    if receivers and receivers[2] > 0 then receivers[2] = receivers[2] - by end
    redis.call('HSET', key, alerts[i], cmsgpack.pack(a))
  end
end

local function shift_history(key)
  for nth, line in ipairs(redis.call('LRANGE', key, 0, -1)) do
    local entry = cjson.decode(line)
    entry[1] = entry[1] - by
    if entry[4].till then entry[4].till = entry[4].till - by end
    redis.call('LSET', key, nth - 1, cjson.encode(entry))
  end
end

local function shift_storm(key)
  local packed = redis.call('HGET', key, 'history_more')
  if not packed or packed == '' then return end
  local storm = cmsgpack.unpack(packed)
  storm[3], storm[4] = storm[3] - by, storm[4] - by
  redis.call('HSET', key, 'history_more', cmsgpack.pack(storm))
end

local function shift_orders(key)
  local orders = redis.call('HGETALL', key)
  for i = 1, #orders, 2 do
    if orders[i] ~= 'born' and orders[i] ~= 'last' then
      local order = cmsgpack.unpack(orders[i + 1])
      order.at = order.at - by
      if order['until'] then order['until'] = order['until'] - by end
      redis.call('HSET', key, orders[i], cmsgpack.pack(order))
    end
  end
end

local function shift_spans(key)
  for nth = 0, 14 do
    local since, till = (redis.call('HGET', key, 'return:' .. nth) or ''):match('^(%d+) (%d+)$')
    if since then redis.call('HSET', key, 'return:' .. nth, string.format('%.0f %.0f', since - by, till - by)) end
  end
end

local function shift_lifts(key)
  for _, page in ipairs(redis.call('HKEYS', key)) do
    local lift = cmsgpack.unpack(redis.call('HGET', key, page))
    lift.at, lift['until'] = lift.at - by, lift['until'] - by
    redis.call('HSET', key, page, cmsgpack.pack(lift))
  end
end

local function shift_text(key)
  redis.call('SET', key, tonumber(redis.call('GET', key)) - by, 'KEEPTTL')
end

for _, key in ipairs(redis.call('KEYS', prefix .. '*')) do
  local name = string.sub(key, #prefix + 1)
  if name == 'due' or name == 'cleared' or name == 'shown' or name == 'unauthorized' or name == 'waiting'
      or name == 'full' or name == 'begun' or name == 'active' or name == 'looks'
      or string.match(name, ':timers$') or string.match(name, '^openings:') or string.match(name, '^spent:')
      or string.match(name, '^waiting:.*\\n') then
    shift_scores(key)
  elseif name == 'lifted' then shift_lifts(key)
  elseif name == 'pause' then shift_fields(key, {'until'})
  elseif name == 'rate' then shift_text(key)
  elseif name == 'rate:looks' then shift_fields(key, {'free_at', 'asked_at'})
  elseif string.match(name, '^chore:') then shift_fields(key, {'due', 'lease_until'})
  elseif string.match(name, '^history:') then shift_history(key)
  elseif string.match(name, ':alerts$') then shift_alerts(key)
  elseif string.match(name, ':orders$') then shift_orders(key)
  elseif string.match(name, '^incident:[^:]*$') then
    shift_fields(key, {
      'firing_since', 'last_fired_at', 'cleared_at', 'eased_at', 'lease_until', 'was_due', 'conflict_at',
    })
    shift_storm(key)
    shift_spans(key)
  elseif name == 'watchdogs' then shift_fields(key, redis.call('HKEYS', key))
  end
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIRE', key, left - by) end
end
"""


class Clock:
    """The time of one bridge's keys."""

    def __init__(self, db: redis.Redis, *, prefix: str = PREFIX) -> None:
        self._db = db
        self._prefix = prefix

    @property
    def now(self) -> int:
        """Redis' own time in milliseconds."""
        seconds, micros = self._db.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def advance(self, ms: int) -> None:
        """Everything the store remembers happened ``ms`` earlier: the same as if so much time had passed."""
        self._db.eval(_SHIFT, 0, self._prefix, ms)
