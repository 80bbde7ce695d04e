-- Delete a session under its old key, unless its log has changed since it was read. KEYS: its old key.
-- ARGV: the log as it was read, or ''. Returns 1 if deleted.
if (redis.call('HGET', KEYS[1], 'log') or '') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
