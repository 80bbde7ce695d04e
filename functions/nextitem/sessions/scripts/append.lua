-- Append events to a session's log and return it with one model version's snapshot: one atomic round trip.
-- The format is codec.py's. KEYS: the session.
-- ARGV: codec version, now (ms), time to live (ms), snapshot field, window, seen tags kept (bytes),
--       then time (ms, or ''), tag, action of each event, oldest first. After the tag (8 bytes) there may be a
--       second one that the event may have, too, because the key secret was rotated.
-- Returns: a status letter per event (a applied, d duplicate, l late, o too old), the log, the snapshot or nil, and the
-- impression (items recommended) after the session's newest event before these, or nil.
local key, codec, now, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local field, window, seen_bytes = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local HEAD, FIXED = 9, 34

local function parse(log)
  local body = string.sub(log, HEAD + 1)
  if string.sub(log, 1, 1) ~= codec or string.sub(log, 2, HEAD) ~= string.sub(redis.sha1hex(body), 1, 8) then
    error('unreadable')
  end
  local length, entries, at = struct.unpack('>I4', body), {}, 5
  while at <= #body do
    local time, size, tag, chain = struct.unpack('>dI2c8c16', body, at)
    local action = string.sub(body, at + FIXED, at + FIXED + size - 1)
    local bytes = string.sub(body, at, at + FIXED + size - 1)
    entries[#entries + 1] = { at = time, tag = tag, chain = chain, action = action, bytes = bytes }
    at = at + FIXED + size
  end
  return { length = length, entries = entries }
end

local stored = redis.call('HMGET', key, 'log', 'seen', field, 'shown')
local log, seen, snapshot, shown = stored[1], stored[2] or '', stored[3], stored[4]
local length, entries = 0, {}
if log then
  local readable, parsed = pcall(parse, log)
  if readable then
    length, entries = parsed.length, parsed.entries
  else
    redis.call('DEL', key)
    log, seen, snapshot, shown = false, '', false, false
  end
end

if not entries[#entries] or string.sub(shown or '', 10, 25) ~= entries[#entries].chain then shown = false end

local known = {}
for _, entry in ipairs(entries) do known[entry.tag] = true end

local function is_known(tag) return known[tag] or string.find(seen, tag, 1, true) end

-- `entries[first]` is the window's oldest entry. Trimmed ones stay before it until the chain is computed, once for all
-- events: computed after each, it would cost the square of the number of late events.
local first, changed, statuses = 1, math.huge, {}
for arg = 7, #ARGV, 3 do
  local time, action = tonumber(ARGV[arg]), ARGV[arg + 2]
  local tag, other = string.sub(ARGV[arg + 1], 1, 8), string.sub(ARGV[arg + 1], 9)
  local newest = entries[#entries]
  if not time then time = newest and math.max(now, newest.at) or now end
  local place, after = first, #entries + 1
  while place < after do
    local middle = math.floor((place + after) / 2)
    if entries[middle].at > time then after = middle else place = middle + 1 end
  end
  local size = #entries - first + 1
  local status = place > #entries and 'a' or 'l'
  if is_known(tag) or (other ~= '' and is_known(other)) then
    status = 'd'
  elseif status == 'l' and place == first and size >= window then
    status = 'o'
  else
    known[tag], length, changed = true, length + 1, math.min(changed, place)
    table.insert(entries, place, { at = time, tag = tag, action = action })
    if size >= window then
      seen, first = seen .. entries[first].tag, first + 1
    end
  end
  statuses[#statuses + 1] = status
end

if changed <= #entries then
  for index = changed, #entries do
    local entry, before = entries[index], entries[index - 1]
    entry.chain = string.sub(redis.sha1hex((before and before.chain or '') .. entry.tag .. entry.action), 1, 16)
    entry.bytes = struct.pack('>dI2c8c16', entry.at, #entry.action, entry.tag, entry.chain) .. entry.action
  end
  local parts = { struct.pack('>I4', length) }
  for index = first, #entries do parts[#parts + 1] = entries[index].bytes end
  local body = table.concat(parts)
  log = codec .. string.sub(redis.sha1hex(body), 1, 8) .. body
  redis.call('HSET', key, 'log', log)
  if seen ~= '' then redis.call('HSET', key, 'seen', string.sub(seen, -seen_bytes)) end
end
redis.call('PEXPIRE', key, ttl)
return { table.concat(statuses), log, snapshot, shown }
