-- orphans hands out orphans whose ledger row is not known to be durable. Who was given one keeps it: should its acknowledgement be lost,
-- the row may be in that gateway's ledger, and another's row would count the money twice.
-- KEYS 1 outbox  2 orphans  3 own      zset like outbox, of the orphans that this gateway was given; the outbox itself for a nameless one
-- ARGV 1 how many at most  2 drift, ms  3 after how long one is handed out again, ms.  Returns {id, amount and seed, ...}.

local now = clock(ARGV[2])
local reply = {}
local function hand_out(from)
  local ids = redis.call('ZRANGEBYSCORE', from, '-inf', string.format('%.0f', now), 'LIMIT', '0', tonumber(ARGV[1]) - #reply / 2)
  for _, id in ipairs(ids) do
    redis.call('ZREM', from, id) -- a write that needs no memory comes first, as in settle
    redis.call('ZADD', KEYS[3], string.format('%.0f', now + tonumber(ARGV[3])), id)
    reply[#reply + 1] = id
    reply[#reply + 1] = redis.call('HGET', KEYS[2], id) or '0\n'
  end
end
hand_out(KEYS[3])
if KEYS[3] ~= KEYS[1] then
  hand_out(KEYS[1])
end
return reply
