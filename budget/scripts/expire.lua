-- expire turns one hold whose lease has ended into spend at the held amount, and puts it into the outbox of orphans.
--
-- KEYS 1 holds  2 seeds  3 leases  4 closed  5 outbox  6 orphans  7.. the counters that the hold is charged to (see settle)
-- ARGV 1 id  2 drift, ms  3 how long a late settle may still correct it, ms
-- Returns 1 if it did, 0 if there is nothing to do any more: settled, renewed or expired by another gateway meanwhile.

local id, drift, late = ARGV[1], ARGV[2], ARGV[3]

local record, lease = redis.call('HGET', KEYS[1], id), redis.call('ZSCORE', KEYS[3], id)
if not record then
  redis.call('ZREM', KEYS[3], id)
  return 0
end
local held, names = unpack_record(record)
if not lease or tonumber(lease) > clock(drift) or names ~= table.concat(KEYS, '\n', 7) then
  return 0
end
local seed = redis.call('HGET', KEYS[2], id) or ''
-- As in settle: a write that needs no memory comes first.
redis.call('HDEL', KEYS[1], id)
redis.call('HDEL', KEYS[2], id)
redis.call('ZREM', KEYS[3], id)
for i = 7, #KEYS do
  add(KEYS[i], 'spent', held)
  subtract(KEYS[i], 'held', held)
end
redis.call('SET', KEYS[4], 'expired\n' .. record, 'PX', late)
redis.call('HSET', KEYS[6], id, held .. '\n' .. seed)
redis.call('ZADD', KEYS[5], '0', id)
return 1
