-- join says that a gateway has told this server, which may have lost its last moments, of all it knows; and asks whether all have.
-- KEYS 1 members (see beat)  2 joined   hash, gateway -> the server it has told  3 arrived   hash {server, since, newest}: newest is the last
--      beat of anybody that the server before it had seen
-- ARGV 1 gateway  2 server  3 drift, ms  4 how long before newest a gateway may have beaten and be alive, ms
-- Returns {how many are missing, for how long the server is there in ms}.

local now = clock(ARGV[3])
if redis.call('HGET', KEYS[3], 'server') ~= ARGV[2] then
  local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or '0'
  redis.call('HSET', KEYS[3], 'server', ARGV[2], 'since', string.format('%.0f', now), 'newest', newest)
end
local arrived = redis.call('HMGET', KEYS[3], 'since', 'newest')
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
local long_dead = string.format('%.0f', now - 86400000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', long_dead)) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
end
local missing = 0
local alive = string.format('%.0f', tonumber(arrived[2]) - tonumber(ARGV[4]))
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], alive, '+inf')) do
  if redis.call('HGET', KEYS[2], member) ~= ARGV[2] then
    missing = missing + 1
  end
end
return {missing, string.format('%.0f', now - tonumber(arrived[1]))}
