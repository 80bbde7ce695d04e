-- Store a snapshot, an impression or both, each if it covers more of the session's log than the stored one. An
-- impression also replaces one that covers as much: then another model has answered the same events.
-- KEYS: the session. ARGV: time to live (ms), snapshots kept, then field, chain and bytes of each.
-- Returns 1 if all were stored, 0 if not (a newer one is there, its past is no longer the log's, or no session).
local key, all, any = KEYS[1], 1, false
local log = redis.call('HGET', key, 'log') or ''

-- The place of each chain value in the log, entry by entry: an item id may contain one, or be slow to search.
local places, at = {}, 14
while at + 33 <= #log do
  places[string.sub(log, at + 18, at + 33)] = at
  at = at + 34 + struct.unpack('>I2', log, at + 8)
end

local function is_newer(field, chain, bytes, old)
  local mine = places[chain]
  if not mine then return false end
  if not old or string.sub(old, 1, 1) ~= string.sub(bytes, 1, 1) then return true end -- none, or of another codec
  local theirs = places[string.sub(old, 10, 25)]
  return not theirs or theirs < mine or (field == 'shown' and theirs == mine)
end

local function make_room()
  local snapshots = {}
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if string.sub(name, 1, 2) == 'h:' then snapshots[#snapshots + 1] = name end
  end
  if #snapshots >= tonumber(ARGV[2]) then redis.call('HDEL', key, unpack(snapshots)) end
end

for arg = 3, #ARGV, 3 do
  local field, chain, bytes = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2]
  local old = redis.call('HGET', key, field)
  if is_newer(field, chain, bytes, old) then
    if not old and field ~= 'shown' then make_room() end
    redis.call('HSET', key, field, bytes)
    any = true
  else
    all = 0
  end
end
if any then redis.call('PEXPIRE', key, ARGV[1]) end
return all
