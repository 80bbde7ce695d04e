-- Remove a session from where it lived, unless its log has changed since it was read. KEYS: its old key.
-- ARGV: the log as it was read, or ''. Returns 1 if nothing is left here.
if (redis.call('HGET', KEYS[1], 'log') or '') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
