-- Delete a session, also one that a move may be bringing here: then the time of the deletion remains for a while.
-- KEYS: the session's key; with the event lake, its stream, which gets a tombstone: the lake forgets the session, too.
-- ARGV: the time (epoch ms), or '' if no move can be under way; how long it is kept (ms); with the lake, the stream's
-- maximum length and the source of the tombstone.
-- The stream first: if the server refuses the tombstone, nothing is deleted and the request fails.
if KEYS[2] then redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 's', 'x', 'c', ARGV[4]) end
redis.call('DEL', KEYS[1])
if ARGV[1] == '' then return 1 end
redis.pcall('HSET', KEYS[1], 'gone', ARGV[1]) -- a full server refuses this, and whatever would be brought here, too
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
