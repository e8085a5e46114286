-- reserve takes a hold from every budget it is charged to and within every limit, or none.
--
-- KEYS 1 holds    hash, id -> record of each open hold
--      2 seeds    hash, id -> seed of each open hold
--      3 leases   zset, id by the time its lease ends
--      4 closed   what became of this id, if it is closed
--      5 epoch    a mark that is gone if Redis lost its memory
--      6.. counters, one hash {spent, held} per charge, each named once
--      then meters, one per limit: first those of tokens, then those of what is under way, then those of requests
-- ARGV 1 id  2 want  3 least  4 lease, ms  5 seed  6 drift, ms  7 the epoch known to the caller or ''  8 the epoch to set if none
--      9 how many meters  10 tokens
--      11.. for each counter: its limit, '' if it never refuses; the Unix time at which Redis may forget it, '0' for never
--      then for each meter: its unit; its limit, '' if it never refuses
--
-- Returns {verdict, epoch, amount, index of the counter with the least room, spent, held, spent, held, ..., used, used, ...}, where the
-- states are those before the call. Verdicts: held; again (it was taken before; the states include it); short; slow (then the third is
-- the wait in ms, the fourth the index of the meter); full; closed; lost.

local id, want, least, lease, seed, drift, known, fresh, limits, tokens =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])
local counters = #KEYS - 5 - limits

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

local units, now, metered, second = {}
if limits > 0 then
  for i = 1, limits do
    units[i] = ARGV[9 + 2 * counters + 2 * i]
  end
  now = clock(drift)
  metered, second = meters(6 + counters, units, now)
  for i = 1, limits do
    reply[4 + 2 * counters + i] = string.format('%.0f', metered[i].used)
  end
end

local record = redis.call('HGET', KEYS[1], id)
if record then
  reply[1] = 'again'
  reply[3] = unpack_header(unpack_record(record), 0)
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
  local limit = ARGV[9 + 2 * i]
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

-- Of the limits without room the one with the longest wait is told of.
local takes, left = {}, 0 -- how many meters the hold must leave again
for i = 1, limits do
  takes[i] = units[i] == 'tokens' and tokens or 1
  if units[i] ~= 'requests' then
    left = i
  end
  local most = tonumber(ARGV[10 + 2 * counters + 2 * i])
  if most and metered[i].used + takes[i] > most then
    local ms = wait(KEYS[5 + counters + i], metered[i], takes[i], most, second, now)
    local longest = reply[1] == 'slow' and tonumber(reply[3])
    if not longest or longest ~= -1 and (ms == -1 or ms > longest) then
      reply[1], reply[3], reply[4] = 'slow', string.format('%.0f', ms), tostring(i)
    end
  end
end
if reply[1] == 'slow' then
  return reply
end

local header = amount
if left > 0 then
  local measured = 0
  while units[measured + 1] == 'tokens' do
    measured = measured + 1
  end
  header = string.format('%s %d %d %.0f %.0f', amount, counters, measured, tokens, second)
end
-- The first write is one that Redis refuses when it is out of memory, and it refuses no later ones: all or nothing here, too.
redis.call('HSET', KEYS[1], id, pack_record(header, 6, 5 + counters + left))
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
  if created[i] and amount ~= '0' and ARGV[10 + 2 * i] ~= '0' then
    redis.call('EXPIREAT', KEYS[5 + i], ARGV[10 + 2 * i])
  end
end
for i = 1, limits do
  count(KEYS[5 + counters + i], metered[i], takes[i], second)
end
return reply
