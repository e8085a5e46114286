-- beg tells every gateway that somebody found no room in a counter: until ARGV 3 from now none grows a slice of it, and all give back what
-- lies idle in theirs.
-- KEYS 1 wanted (see slice)  2 idle  3 since    hash, counter -> when this began to be asked without a pause
-- ARGV 1 counter  2 drift, ms  3 for how long, ms.  Returns {for how long it has been asked by now in ms, how many slices may have idle money}.

local now = clock(ARGV[2])
local asked = redis.call('ZSCORE', KEYS[1], ARGV[1])
local since = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or '0')
if not asked or tonumber(asked) < now then
  since = now
  redis.call('HSET', KEYS[3], ARGV[1], string.format('%.0f', now))
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
return {string.format('%.0f', now - since), redis.call('ZCOUNT', KEYS[2], string.format('%.0f', now), '+inf')}
