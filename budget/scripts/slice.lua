-- slice puts one slice of a gateway: what was spent of it so far, and what it is to hold now. It is told in full each time, not by
-- differences, so a put that is repeated, or whose predecessors were lost, changes nothing twice. A put with a lower number than the last
-- is one that was overtaken: it changes nothing.
--
-- KEYS 1 holds  2 seeds  3 leases  4 closed (see reserve)  5 epoch
--      6 slice    hash {number, spent, ids} of this slice: ids are the holds whose cost is in spent since the put before
--      7 wanted   zset, counter by the time at which somebody last found no room in it
--      8 idle     zset, slice by the time until which money may come back from it soon
--      9.. counters
-- ARGV 1 id  2 number  3 spent so far  4 what it must go on holding  5 what is needed beyond what it holds, '0' to ask for nothing
--      6 what would be welcome beyond that  7 '1': give back all but 4  8 lease, ms  9 seed  10 drift, ms  11 the epoch known to the caller
--      or ''  12 the epoch to set if none  13 ids  14 how long the slice is remembered, ms  15 for how long what is idle counts, ms
--      16.. for each counter: its limit, '' if it never refuses; the Unix time at which Redis may forget it, '0' for never
--
-- Returns {verdict, epoch, held, spent, spent, held, spent, held, ...}: the slice, then the states after the call. Verdicts: ok; near (too
-- near to a limit for a slice); stale; expired; closed; full; lost.

local id, keep, need, more, give, drift, known, fresh = ARGV[1], ARGV[4], ARGV[5], ARGV[6], ARGV[7] == '1', ARGV[10], ARGV[11], ARGV[12]
local counters = #KEYS - 8

-- SHARE bounds a slice: it grows by no more than this part of the room, so slices shrink as the limit comes near.
local SHARE = 8

local function plus(d1, n1, d2, n2) return normal(d1 + d2, n1 + n2) end
local function minus(d1, n1, d2, n2) return normal(d1 - d2, n1 - n2) end

-- change moves a field of a counter from one amount to another.
local function change(counter, field, d1, n1, d2, n2)
  if less(d1, n1, d2, n2) then
    add(counter, field, join(minus(d2, n2, d1, n1)))
  else
    subtract(counter, field, join(minus(d1, n1, d2, n2)))
  end
end

local epoch = redis.call('GET', KEYS[5]) or ''
if known ~= '' and epoch ~= known then
  return {'lost', epoch}
end

local reply = {'ok', epoch, '0', '0'}
for i = 1, counters do
  local state = redis.call('HMGET', KEYS[8 + i], 'spent', 'held')
  reply[3 + 2 * i] = state[1] or '0'
  reply[4 + 2 * i] = state[2] or '0'
end

local before = redis.call('HMGET', KEYS[6], 'number', 'spent')
local record = redis.call('HGET', KEYS[1], id)
reply[4] = before[2] or '0'
if not record then
  local closed = redis.call('GET', KEYS[4])
  if closed or before[1] then
    reply[1] = closed and string.sub(closed, 1, 8) == 'expired\n' and 'expired' or 'closed'
    return reply
  end
else
  reply[3] = unpack_record(record)
end
if before[1] and tonumber(before[1]) >= tonumber(ARGV[2]) then
  reply[1] = 'stale'
  return reply
end

-- What is spent now is not held any more, but what open holds need stays held in any case.
local held_d, held_n = split(reply[3])
local spent_d, spent_n = split(ARGV[3])
local told_d, told_n = split(reply[4])
local keep_d, keep_n = split(keep)
local base_d, base_n = minus(held_d, held_n, minus(spent_d, spent_n, told_d, told_n))
if give or less(base_d, base_n, keep_d, keep_n) then
  base_d, base_n = keep_d, keep_n
end

if need ~= '0' then
  local need_d, need_n = split(need)
  local more_d, more_n = plus(need_d, need_n, split(more))
  local now = clock(drift)
  for i = 1, counters do
    local s_d, s_n = split(reply[3 + 2 * i])
    local h_d, h_n = split(reply[4 + 2 * i])
    if s_d + h_d > 8000000000 then
      reply[1] = 'full'
      return reply
    end
    local limit = ARGV[14 + 2 * i]
    if limit ~= '' then
      local l_d, l_n = split(limit)
      local room_d, room_n = minus(l_d, l_n, plus(s_d, s_n, h_d, h_n))
      if room_d < 0 then
        room_d, room_n = 0, 0
      end
      local part_d = math.floor(room_d / SHARE)
      local part_n = math.floor(((room_d - part_d * SHARE) * BILLION + room_n) / SHARE)
      if less(part_d, part_n, more_d, more_n) then
        more_d, more_n = part_d, part_n
      end
      local asked = redis.call('ZSCORE', KEYS[7], KEYS[8 + i])
      if asked and tonumber(asked) > now then
        more_d, more_n = 0, 0
      end
    end
  end
  if less(more_d, more_n, need_d, need_n) then
    reply[1] = 'near'
  else
    base_d, base_n = plus(base_d, base_n, more_d, more_n)
  end
end

if reply[1] == 'near' and not record and ARGV[3] == '0' and keep == '0' then
  return reply -- a slice that would begin with nothing
end

-- As in reserve: the first write is one that Redis refuses when it is out of memory.
local held = join(base_d, base_n)
redis.call('HSET', KEYS[1], id, held .. '\n' .. table.concat(KEYS, '\n', 9))
if epoch == '' then
  redis.call('SET', KEYS[5], fresh)
  reply[2] = fresh
end
if not record and ARGV[9] ~= '' then
  redis.call('HSET', KEYS[2], id, ARGV[9])
end
local now = clock(drift)
redis.call('ZADD', KEYS[3], string.format('%.0f', now + tonumber(ARGV[8])), id)
redis.call('HSET', KEYS[6], 'number', ARGV[2], 'spent', ARGV[3], 'ids', ARGV[13])
redis.call('PEXPIRE', KEYS[6], ARGV[14])
if less(0, 0, base_d, base_n) then
  redis.call('ZADD', KEYS[8], string.format('%.0f', now + tonumber(ARGV[15])), id)
else
  redis.call('ZREM', KEYS[8], id)
end
for i = 1, counters do
  local counter = KEYS[8 + i]
  local created = reply[3 + 2 * i] == '0' and reply[4 + 2 * i] == '0' and redis.call('EXISTS', counter) == 0
  change(counter, 'spent', told_d, told_n, spent_d, spent_n)
  change(counter, 'held', held_d, held_n, base_d, base_n)
  if created and ARGV[15 + 2 * i] ~= '0' then
    redis.call('EXPIREAT', counter, ARGV[15 + 2 * i])
  end
  local state = redis.call('HMGET', counter, 'spent', 'held')
  reply[3 + 2 * i], reply[4 + 2 * i] = state[1] or '0', state[2] or '0'
end
reply[3], reply[4] = held, ARGV[3]
return reply
