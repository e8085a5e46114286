-- orphans hands out orphans whose ledger row is not known to be durable, and keeps each from other gateways for a while.
-- KEYS 1 outbox  2 orphans.  ARGV 1 how many at most  2 drift, ms  3 for how long, ms.  Returns {id, amount and seed, ...}.

local now = clock(ARGV[2])
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', '0', ARGV[1])
local reply = {}
for _, id in ipairs(ids) do
  redis.call('ZREM', KEYS[1], id) -- a write that needs no memory comes first, as in settle
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[3])), id)
  reply[#reply + 1] = id
  reply[#reply + 1] = redis.call('HGET', KEYS[2], id) or '0\n'
end
return reply
