-- Delete a session that a move may be bringing here: only the time of the deletion remains, for a while.
-- KEYS: the session's key. ARGV: the time (epoch ms), how long it is kept (ms).
redis.call('DEL', KEYS[1])
redis.pcall('HSET', KEYS[1], 'gone', ARGV[1]) -- a full server refuses this, and whatever would be brought here, too
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
