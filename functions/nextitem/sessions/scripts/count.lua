-- Count events of items in sorted sets of bounded size, with exponential decay.
-- KEYS: the sets. ARGV: capacity, time to live (ms), then of each count the place of its key, the item, and its weight's
-- binary logarithm. Returns 1.
-- A score is the binary logarithm of a sum of weights, and the weight of an event at time t is 2^(t / half-life): so
-- scores of all times compare, no score changes while time passes, and none overflows.
-- A full set gives up its lowest item for a new one, which inherits its score (Space-Saving, Metwally et al. 2005). So
-- each item with more than 1 / capacity of the whole weight is there, and no count is too high by more than that.
local capacity, ttl = tonumber(ARGV[1]), ARGV[2]
local LN2 = math.log(2)

local function added(a, b)
  local high, low = math.max(a, b), math.min(a, b)
  return high + math.log(1 + 2 ^ (low - high)) / LN2
end

for arg = 3, #ARGV, 3 do
  local key, item, weight = KEYS[tonumber(ARGV[arg])], ARGV[arg + 1], tonumber(ARGV[arg + 2])
  local score = redis.call('ZSCORE', key, item)
  if not score and redis.call('ZCARD', key) >= capacity then score = redis.call('ZPOPMIN', key)[2] end
  if score then weight = added(tonumber(score), weight) end
  redis.call('ZADD', key, weight, item)
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
return 1
