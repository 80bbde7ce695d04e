-- Remove a session while one may be on its way here: what remains for a moment is when that was, nothing of the session.
-- KEYS: the session's key. ARGV: the time (epoch ms), how long it is kept (ms).
redis.call('DEL', KEYS[1])
redis.pcall('HSET', KEYS[1], 'gone', ARGV[1]) -- a full server refuses this, and whatever would be brought here, too
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
