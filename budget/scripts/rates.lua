-- rates tells what limits stand at.
-- KEYS 1.. meters.  ARGV 1 drift, ms  2.. the unit of each.  Returns {used, ...}.

local units, reply = {}, {}
for i = 1, #KEYS do
  units[i] = ARGV[1 + i]
end
for i, m in ipairs((meters(1, units, clock(ARGV[1])))) do
  reply[i] = string.format('%.0f', m.used)
end
return reply
