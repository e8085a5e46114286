-- beat says that a gateway is alive, and returns the counters that somebody finds no room in.
-- KEYS 1 members  zset, gateway by its last beat  2 wanted (see slice)  3 idle  4 since (see beg).  ARGV 1 gateway  2 drift, ms

local now = string.format('%.0f', clock(ARGV[2]))
redis.call('ZADD', KEYS[1], now, ARGV[1])
for _, counter in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. now)) do
  redis.call('ZREM', KEYS[2], counter)
  redis.call('HDEL', KEYS[4], counter)
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. now)
return redis.call('ZRANGE', KEYS[2], 0, -1)
