-- Limits. One per minute counts in a hash with a slot for each second that the last 60 can touch: fields '0' to '60', newest, the second that
-- was counted last, and used, the sum. One at a time counts in a number. Counts stay far below 2^53, so Lua's numbers are exact.
-- (This part is put in front of every script that needs it.)

local SLOTS = 61

local function slot(second) return string.format('%.0f', second % SLOTS) end

-- meters reads what the limits of KEYS from first on stand at, and changes nothing. A second never comes before one that was counted:
-- clocks are put back at times. One that is a minute ahead of us was counted by a wrong clock, and is as good as over.
local function meters(first, units, now)
  local all, second = {}, math.floor(now / 1000)
  for i = 1, #units do
    if units[i] == 'concurrent' then
      all[i] = {used = tonumber(redis.call('GET', KEYS[first + i - 1]) or '0')}
    else
      local head = redis.call('HMGET', KEYS[first + i - 1], 'used', 'newest')
      all[i] = {used = tonumber(head[1] or '0'), newest = tonumber(head[2] or '0')}
      if all[i].newest > second and all[i].newest - second < SLOTS then
        second = all[i].newest
      end
    end
  end
  for i = 1, #units do
    local m = all[i]
    if m.newest and (second - m.newest >= SLOTS or m.newest > second) then
      m.used, m.over = 0, 'all'
    elseif m.newest and m.newest < second then
      m.over = {}
      for at = m.newest + 1, second do
        m.over[#m.over + 1] = slot(at)
      end
      for _, n in ipairs(redis.call('HMGET', KEYS[first + i - 1], unpack(m.over))) do
        m.used = m.used - tonumber(n or '0')
      end
    end
  end
  return all, second
end

-- wait is how many milliseconds it takes until n more fit below most: -1 for never, 0 if nobody knows.
local function wait(key, m, n, most, second, now)
  if n > most then
    return -1
  elseif not m.newest then
    return 0
  end
  local slots, excess = {}, m.used + n - most
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    slots[fields[i]] = tonumber(fields[i + 1])
  end
  for at = second - SLOTS + 1, second do
    if at <= m.newest then
      excess = excess - (slots[slot(at)] or 0)
    end
    if excess <= 0 then
      return math.max(0, (at + SLOTS) * 1000 - now)
    end
  end
  return SLOTS * 1000
end

-- count takes n of a limit.
local function count(key, m, n, second)
  if not m.newest then
    redis.call('INCR', key)
    return
  end
  if m.over == 'all' then
    redis.call('DEL', key)
  elseif m.over then
    redis.call('HDEL', key, unpack(m.over))
  end
  redis.call('HSET', key, 'used', string.format('%.0f', m.used + n), 'newest', string.format('%.0f', second))
  redis.call('HINCRBY', key, slot(second), string.format('%.0f', n))
  if m.over then
    redis.call('EXPIRE', key, 2 * SLOTS)
  end
end

-- pack_record makes the record of a hold that is charged to KEYS from first to last.
local function pack_record(header, first, last)
  return header .. '\n' .. (last < first and '' or table.concat(KEYS, '\n', first, last))
end

-- The first line of a hold's record is its amount. If it has tokens to correct or a place to leave, there follow how many of its keys are
-- counters of money, how many are meters of tokens (the rest count what is under way), the tokens held, and the second.
local function unpack_header(header, keys)
  local amount, counters, measured, tokens, second = string.match(header, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  if not amount then
    return header, keys
  end
  return amount, tonumber(counters), tonumber(measured), tonumber(tokens), tonumber(second)
end

-- leave ends what a hold takes at a time, and corrects its tokens to the true count, unless that is -1. Its keys stand from first on.
local function leave(first, measured, held, second, tokens)
  for i = first, #KEYS do
    if i >= first + measured then
      if redis.call('DECR', KEYS[i]) <= 0 then
        redis.call('DEL', KEYS[i])
      end
    elseif tokens >= 0 and tokens ~= held then
      local newest = tonumber(redis.call('HGET', KEYS[i], 'newest') or '-1')
      if newest >= second and newest - second < SLOTS then
        local change = string.format('%.0f', tokens - held)
        redis.call('HINCRBY', KEYS[i], slot(second), change)
        redis.call('HINCRBY', KEYS[i], 'used', change)
      end
    end
  end
end
