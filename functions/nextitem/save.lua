-- Keep a snapshot if it stands for more of the session's log than the one there. KEYS: the session.
-- ARGV: snapshot field, its chain, the snapshot, time to live (ms), snapshots kept.
-- Returns 1 if it was kept, 0 if not (a newer one is there, its past is no longer the log's, or no session).
local key, field, chain = KEYS[1], ARGV[1], ARGV[2]
local stored = redis.call('HMGET', key, 'log', field)
local log, old = stored[1], stored[2]
if not log then return 0 end
local mine = string.find(log, chain, 1, true)
if not mine then return 0 end
if old then
  local theirs = string.find(log, string.sub(old, 10, 25), 1, true)
  if theirs and theirs >= mine then return 0 end
elseif redis.call('HLEN', key) - 1 - redis.call('HEXISTS', key, 'seen') >= tonumber(ARGV[5]) then
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if string.sub(name, 1, 2) == 'h:' then redis.call('HDEL', key, name) end
  end
end
redis.call('HSET', key, field, ARGV[3])
redis.call('PEXPIRE', key, ARGV[4])
return 1
