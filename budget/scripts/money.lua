-- Exact money. A Lua number is a double, exact only to 2^53 nano-dollars (9 million dollars), and budgets are larger. So amounts
-- are decimal texts: they are added by HINCRBY (int64) and compared here, split into dollars and nano-dollars.
-- (This part is put in front of every script that needs it.)

local BILLION = 1000000000

-- normal carries, so that 0 <= nanos < 1e9; a negative amount then has negative dollars.
local function normal(dollars, nanos)
  local carry = math.floor(nanos / BILLION)
  return dollars + carry, nanos - carry * BILLION
end

local function split(text)
  local negative = string.sub(text, 1, 1) == '-'
  local digits = negative and string.sub(text, 2) or text
  local dollars, nanos = 0, tonumber(string.sub(digits, -9), 10)
  if #digits > 9 then
    dollars = tonumber(string.sub(digits, 1, -10), 10)
  end
  if negative then
    return normal(-dollars, -nanos)
  end
  return dollars, nanos
end

-- join is the text of an amount that is not negative.
local function join(dollars, nanos)
  if dollars == 0 then
    return string.format('%.0f', nanos)
  end
  return string.format('%.0f%09.0f', dollars, nanos)
end

local function less(dollars1, nanos1, dollars2, nanos2)
  if dollars1 == dollars2 then
    return nanos1 < nanos2
  end
  return dollars1 < dollars2
end

-- add changes one field of a counter by an amount, or by its negative. A counter never falls below zero: if it would, Redis has
-- lost part of its data (an evicting policy), and a negative counter would be free money.
local function add(counter, field, amount)
  if amount ~= '0' then
    redis.call('HINCRBY', counter, field, amount)
  end
end

local function subtract(counter, field, amount)
  if amount ~= '0' and redis.call('HINCRBY', counter, field, '-' .. amount) < 0 then
    redis.call('HSET', counter, field, '0')
  end
end

-- clock is the server's time in milliseconds: gateways' clocks may differ. Tests drift it.
local function clock(drift)
  local time = redis.call('TIME')
  return tonumber(time[1], 10) * 1000 + math.floor(tonumber(time[2], 10) / 1000) + tonumber(drift)
end

-- A hold's record is its amount and the counters it is charged to, one per line.
local function unpack_record(record)
  local line = string.find(record, '\n', 1, true)
  return string.sub(record, 1, line - 1), string.sub(record, line + 1)
end
