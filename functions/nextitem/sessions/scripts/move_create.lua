-- Create a session with all its fields, unless the key exists. KEYS: its new key.
-- ARGV: time to live (ms), then fields and values. Returns 1 if created, 0 if the key existed.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
