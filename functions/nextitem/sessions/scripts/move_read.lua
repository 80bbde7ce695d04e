-- Return all of a session, and how long it has to live (ms). KEYS: the session.
return { redis.call('PTTL', KEYS[1]), redis.call('HGETALL', KEYS[1]) }
