-- reassert takes a hold again that a restarted Redis may have forgotten. It was granted before, so no limit is asked.
-- KEYS 1 holds  2 seeds  3 leases  4 closed (see reserve)  5.. counters
-- ARGV 1 id  2 amount  3 lease, ms  4 seed  5 drift, ms  6.. for each counter: the Unix time at which Redis may forget it, '0' for never
-- Returns 1 if it had been forgotten.

local id, amount = ARGV[1], ARGV[2]
if redis.call('HEXISTS', KEYS[1], id) == 1 or redis.call('EXISTS', KEYS[4]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], id, amount .. '\n' .. table.concat(KEYS, '\n', 5))
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], id, ARGV[4])
end
redis.call('ZADD', KEYS[3], string.format('%.0f', clock(ARGV[5]) + tonumber(ARGV[3])), id)
for i = 5, #KEYS do
  local created = redis.call('EXISTS', KEYS[i]) == 0
  add(KEYS[i], 'held', amount)
  if created and amount ~= '0' and ARGV[i + 1] ~= '0' then
    redis.call('EXPIREAT', KEYS[i], ARGV[i + 1])
  end
end
return 1
