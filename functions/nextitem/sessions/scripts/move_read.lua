-- Return a session's remaining time to live (ms) and all its fields. KEYS: the session.
return { redis.call('PTTL', KEYS[1]), redis.call('HGETALL', KEYS[1]) }
