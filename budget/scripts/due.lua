-- due lists holds whose lease has ended, oldest first.
-- KEYS 1 leases  2 holds.  ARGV 1 how many at most  2 drift, ms.  Returns {id, record, id, record, ...}.

local now = string.format('%.0f', clock(ARGV[2]))
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', '0', ARGV[1])
local reply = {}
for _, id in ipairs(ids) do
  reply[#reply + 1] = id
  reply[#reply + 1] = redis.call('HGET', KEYS[2], id) or ''
end
return reply
