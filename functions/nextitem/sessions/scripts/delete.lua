-- Delete a session, also one that a move may be bringing here: then the time of the deletion remains for a while.
-- KEYS: the session's key; with the event lake, the tombstones of its bucket: the lake forgets the session, too.
-- ARGV: the time (epoch ms), or '' if no move can be under way; how long it is kept (ms); with the lake, how many
-- tombstones may wait and the session's pseudonym.
-- The tombstone first: without one nothing is deleted and the request fails.
if KEYS[2] then
  if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[3]) then return { err = 'LAKEBEHIND tombstones' } end
  redis.call('XADD', KEYS[2], '*', 's', ARGV[4])
end
redis.call('DEL', KEYS[1])
if ARGV[1] == '' then return 1 end
redis.pcall('HSET', KEYS[1], 'gone', ARGV[1]) -- a full server refuses this, and whatever would be brought here, too
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
