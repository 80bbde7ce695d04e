-- Prefix of the scripts of a move: stops them if the session was deleted after the move had read it.
-- KEYS: the session's new key. ARGV: the script's, then the time of the reading (epoch ms). Returns -1 if it stops.
local read_at = tonumber(table.remove(ARGV))
if read_at <= tonumber(redis.call('HGET', KEYS[1], 'gone') or 0) then return -1 end
