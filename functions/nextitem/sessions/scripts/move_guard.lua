-- Comes before a script that brings what was read of a session elsewhere: brings nothing if it was deleted since.
-- KEYS: the session's key. ARGV: that script's, then when it was read (epoch ms). Returns -1 if it was deleted.
local read_at = tonumber(table.remove(ARGV))
if read_at <= tonumber(redis.call('HGET', KEYS[1], 'gone') or 0) then return -1 end
