-- What operators are told of an alert, and nobody else: JSON [its name, its labels, …], which is for the reader. Its link
-- begins with one of the bases in LINKS, each as its id and the address. What healing needs of it comes along: JSON [hash of
-- the configuration that says so, clusters that are the truth for it, …].

local LINKS = prefix .. 'links'
local MOST_BASES = 256 -- the last ones that were delivered

-- A statement that no route takes says nothing of that.
local function tell(a, msg)
  if not msg.text then return end
  a.told = msg.text ~= '' and msg.text or nil
  a.fit = msg.fit ~= '' and msg.fit or nil
end

-- Nothing may fail for it: a server that is full must still let go of what is over.
local function list_bases(bases)
  for _, base in ipairs(bases) do
    local is_new = redis.pcall('ZADD', LINKS, now, base) == 1
    local last = is_new and redis.call('ZRANGE', LINKS, 0, -MOST_BASES - 1) or {}
    if last[1] then redis.call('ZREM', LINKS, unpack(last)) end
  end
end
