-- expire turns one hold whose lease has ended into spend at the held amount, and puts it into the outbox of orphans. What it takes at a time
-- is free again; its tokens stay counted for their minute.
--
-- KEYS 1 holds  2 seeds  3 leases  4 closed  5 outbox  6 orphans  7.. the keys of the hold's record (see settle)
-- ARGV 1 id  2 drift, ms  3 how long a late settle may still correct it, ms
-- Returns 1 if it did, 0 if there is nothing to do any more: settled, renewed or expired by another gateway meanwhile.

local id, drift, late = ARGV[1], ARGV[2], ARGV[3]

local record, lease = redis.call('HGET', KEYS[1], id), redis.call('ZSCORE', KEYS[3], id)
if not record then
  redis.call('ZREM', KEYS[3], id)
  return 0
end
local header, names = unpack_record(record)
if not lease or tonumber(lease) > clock(drift) or names ~= table.concat(KEYS, '\n', 7) then
  return 0
end
local seed = redis.call('HGET', KEYS[2], id) or ''
-- As in settle: a write that needs no memory comes first.
redis.call('HDEL', KEYS[1], id)
redis.call('HDEL', KEYS[2], id)
redis.call('ZREM', KEYS[3], id)
local held, counters, measured, tokens, second = unpack_header(header, #KEYS - 6)
for i = 7, 6 + counters do
  add(KEYS[i], 'spent', held)
  subtract(KEYS[i], 'held', held)
end
if measured then
  leave(7 + counters, measured, tokens, second, -1)
end
redis.call('SET', KEYS[4], 'expired\n' .. pack_record(held, 7, 6 + counters), 'PX', late)
redis.call('HSET', KEYS[6], id, held .. '\n' .. seed)
redis.call('ZADD', KEYS[5], '0', id)
return 1
