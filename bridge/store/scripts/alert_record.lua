-- How an alert's record is stored: MessagePack of these fields in this order, the last ones left out where there is nothing
-- to say. A new one comes at the end: a release that does not know it keeps it.

local FIELDS = {
  'state', -- F firing, H held, R resolved
  'starts', -- as sent: that tells occurrences apart
  'ends', -- 0: not yet
  'observed', -- by the clock of its sender, 0 if that has none
  'resolved_at', -- by ours, 0 before
  'seen',
  'facets', -- joined by newlines
  'opaque', -- text for the reader
  'digest', -- of its labels
  'counts_from', -- what `starts` counts as, where it is not believed
  'merged_into', -- the alert that it is part of, see merges.lua
  'keep_if_orphaned', -- whether it stays open while nothing is known of that
  'own_incident', -- where it counts without that
  'receivers', -- see conflicts.lua
  'adopted', -- its sender had no name before, see senders.lua
  'told', -- what operators are told of it, see told.lua
  'muted', -- until when it does not count, though it fires: see mute.lua
  'fit', -- which clusters are the truth for it: JSON for the reader, see told.lua
  'healed', -- when the bridge closed it, a space, and why
}

local function unpack_alert(packed)
  local a, values = {}, cmsgpack.unpack(packed)
  for i = 1, #values do a[FIELDS[i] or i] = values[i] or nil end
  return a
end

local function pack_alert(a)
  local values, last = {}, #FIELDS
  for i, name in ipairs(FIELDS) do values[i] = a[name] or false end
  while a[last + 1] ~= nil do
    last = last + 1
    values[last] = a[last]
  end
  while not values[last] do
    values[last] = nil
    last = last - 1
  end
  return cmsgpack.pack(values)
end
