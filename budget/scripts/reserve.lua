-- reserve takes a hold on every budget it is charged to, or on none.
--
-- KEYS 1 holds    hash, id -> record of each open hold
--      2 seeds    hash, id -> seed of each open hold
--      3 leases   zset, id by the time its lease ends
--      4 closed   what became of this id, if it is closed
--      5 epoch    a mark that is gone if Redis lost its memory
--      6.. counters, one hash {spent, held} per charge, each named once
-- ARGV 1 id  2 want  3 least  4 lease, ms  5 seed  6 drift, ms  7 the epoch known to the caller or ''  8 the epoch to set if none
--      9.. for each counter: its limit, '' if it never refuses; the Unix time at which Redis may forget it, '0' for never
--
-- Returns {verdict, epoch, amount, index of the counter with the least room, spent, held, spent, held, ...}, where the states are
-- those before the call. Verdicts: held; again (it was taken before; the states include it); short; full; closed; lost.

local id, want, least, lease, seed, drift, known, fresh =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local counters = #KEYS - 5

local marks = redis.call('MGET', KEYS[5], KEYS[4])
local epoch, closed = marks[1] or '', marks[2]
if known ~= '' and epoch ~= known then
  return {'lost', epoch}
end
if closed then
  return {'closed', epoch}
end

local reply = {'held', epoch, '0', '0'}
local created = {}
for i = 1, counters do
  local state = redis.call('HMGET', KEYS[5 + i], 'spent', 'held')
  created[i] = not state[1] and not state[2]
  reply[3 + 2 * i] = state[1] or '0'
  reply[4 + 2 * i] = state[2] or '0'
end

local record = redis.call('HGET', KEYS[1], id)
if record then
  reply[1] = 'again'
  reply[3] = unpack_record(record)
  return reply
end

-- The grant is what is wanted, or the least room of all hard budgets if that is less. What costs nothing always fits.
local dollars, nanos = split(want)
for i = 1, counters do
  local spent_dollars, spent_nanos = split(reply[3 + 2 * i])
  local held_dollars, held_nanos = split(reply[4 + 2 * i])
  if spent_dollars + held_dollars > 8000000000 then
    reply[1] = 'full'
    return reply
  end
  local limit = ARGV[7 + 2 * i]
  if limit ~= '' then
    local limit_dollars, limit_nanos = split(limit)
    local room_dollars, room_nanos =
      normal(limit_dollars - spent_dollars - held_dollars, limit_nanos - spent_nanos - held_nanos)
    if less(room_dollars, room_nanos, dollars, nanos) then
      dollars, nanos = room_dollars, room_nanos
      reply[4] = tostring(i)
    end
  end
end
if dollars < 0 then
  dollars, nanos = 0, 0
end
if less(dollars, nanos, split(least)) then
  reply[1] = 'short'
  return reply
end
local amount = join(dollars, nanos)
reply[3] = amount

-- The first write is one that Redis refuses when it is out of memory, and it refuses no later ones: all or nothing here, too.
redis.call('HSET', KEYS[1], id, amount .. '\n' .. table.concat(KEYS, '\n', 6))
if epoch == '' then
  redis.call('SET', KEYS[5], fresh)
  reply[2] = fresh
end
if seed ~= '' then
  redis.call('HSET', KEYS[2], id, seed)
end
redis.call('ZADD', KEYS[3], string.format('%.0f', clock(drift) + tonumber(lease)), id)
for i = 1, counters do
  add(KEYS[5 + i], 'held', amount)
  if created[i] and amount ~= '0' and ARGV[8 + 2 * i] ~= '0' then
    redis.call('EXPIREAT', KEYS[5 + i], ARGV[8 + 2 * i])
  end
end
return reply
