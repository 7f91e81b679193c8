-- What operators have ordered of an incident, as act.lua stores it.

local orders = {}

orders.TAKEN_OVER = prefix .. 'taken_over' -- the incidents that somebody may have taken over: their orders decide

function orders.key(id) return prefix .. 'incident:' .. id .. ':orders' end

-- All of them, if there was ever any: `ordered` among the incident's fields says so, whichever release forgot it meanwhile.
function orders.of(id, fields)
  for nth = 1, #fields, 2 do
    if fields[nth] == 'ordered' then return redis.call('HGETALL', orders.key(id)) end
  end
  return {}
end
