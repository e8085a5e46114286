-- renew extends the leases of holds that are still open; others are left alone.
-- KEYS 1 holds  2 leases.  ARGV 1 lease, ms  2 drift, ms  3.. ids.

local ends = string.format('%.0f', clock(ARGV[2]) + tonumber(ARGV[1]))
for i = 3, #ARGV do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    redis.call('ZREM', KEYS[2], ARGV[i]) -- a write that needs no memory comes first, as in settle
    redis.call('ZADD', KEYS[2], ends, ARGV[i])
  end
end
return 0
