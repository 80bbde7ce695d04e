-- Let a session live here with all that it has, unless there is one already. KEYS: its new key.
-- ARGV: time to live (ms), then fields and values. Returns 1 if it lives here now, 0 if another did before.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
