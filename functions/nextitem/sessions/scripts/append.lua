-- Append events to a session's log and return it with one model version's snapshot: one atomic round trip.
-- The format is codec.py's. KEYS: the session; with the event lake, its stream, which gets each added event.
-- ARGV: codec version, now (ms), time to live (ms), snapshot field, window, seen tags kept (bytes),
--       then time (ms, or ''), tag, action of each event, oldest first. After the tag (8 bytes) there may be a
--       second one that the event may have, too, because the key secret was rotated. With the lake, the id of the
--       answer that the event names, or '', follows the action, and after the events there are the codec version of
--       impressions, the stream's maximum length, and the source of the events (event_stream.py).
-- Returns: a status letter per event (a applied, d duplicate, l late, o too old), the log, the snapshot or nil, and the
-- impression (items recommended) after the session's newest event before these, or nil.
local key, codec, now, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local field, window, seen_bytes = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local HEAD, FIXED = 9, 34
local stream, per_event = KEYS[2], KEYS[2] and 4 or 3
local source, stream_length, impression_codec
if stream then
  source, stream_length, impression_codec = table.remove(ARGV), table.remove(ARGV), table.remove(ARGV)
end

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
local first, changed, statuses, added = 1, math.huge, {}, {}
for arg = 7, #ARGV, per_event do
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
    local entry = { at = time, tag = tag, action = action, status = status, answer = stream and ARGV[arg + 3] }
    table.insert(entries, place, entry)
    added[#added + 1] = entry
    if size >= window then
      seen, first = seen .. entries[first].tag, first + 1
    end
  end
  statuses[#statuses + 1] = status
end

-- The answer before these events: its id, version, variant, ranks of its items, placement and teams; or nil.
local function answer_before()
  if not shown or string.sub(shown, 1, 1) ~= impression_codec then return nil end
  local body = string.sub(shown, HEAD + 1)
  if string.sub(shown, 2, HEAD) ~= string.sub(redis.sha1hex(body), 1, 8) then return nil end
  local readable, answer = pcall(cmsgpack.unpack, string.sub(body, 17))
  if not readable then return nil end
  local ranks = {}
  for rank, item in ipairs(answer[4]) do ranks[item] = rank end
  return { id = answer[1], version = answer[2], variant = answer[3], ranks = ranks, placement = answer[5] or '',
    teams = answer[6] }
end

local function parts_of(action)
  local size = string.byte(action)
  return string.sub(action, 2, size + 1), string.sub(action, size + 2)
end

-- The added event that the answer before is judged by: feedback.py's label, the first that is a next item.
local function label_of()
  local applied = 0
  for _, entry in ipairs(added) do
    if entry.status == 'a' then applied = applied + 1 end
  end
  local kind, item
  if #entries - first + 1 > applied then kind, item = parts_of(entries[#entries - applied].action) end
  for _, entry in ipairs(added) do
    if entry.status == 'a' then
      local its_kind, its_item = parts_of(entry.action)
      if its_item ~= item or its_kind == kind then return entry end
      kind = its_kind
    end
  end
end

-- Before the log is stored: if the server refuses the stream's entry, the event is not acknowledged.
if stream and #added > 0 then
  local answer = answer_before()
  local label = answer and label_of()
  for _, entry in ipairs(added) do
    local rank, clicked, judged = '', '0', answer and entry.status == 'a'
    local _, item = parts_of(entry.action)
    if label == entry then rank = answer.ranks[item] or 0 end
    if judged and entry.answer == answer.id and answer.ranks[item] then clicked = '1' end
    judged = rank ~= '' or clicked == '1'
    local place = judged and answer.ranks[item]
    redis.call('XADD', stream, 'MAXLEN', '~', stream_length, '*', 's', entry.status, 'c', source,
      't', string.format('%.0f', entry.at), 'e', entry.tag, 'a', entry.action, 'r', rank, 'k', clicked,
      'v', judged and answer.version or '', 'w', judged and answer.variant or '', 'p', judged and answer.placement or '',
      'g', place and string.sub(answer.teams, place, place) or '')
  end
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
