-- settle replaces a hold by what the call truly cost, exactly once.
--
-- KEYS 1 holds  2 seeds  3 leases  4 closed (see reserve)
--      5 outbox   zset, id of each orphan by the time it may be handed out (again); 0 if it never was
--      6 orphans  hash, id -> amount and seed of each orphan
--      7.. the keys of the hold's record: the counters that it is charged to, then the meters that it must leave; if they are not these,
--          nothing is done and the reply names them
-- ARGV 1 id  2 actual, negative for what is given back without a hold  3 how long to remember the id, ms  4 '1': charge the counters if there is no such hold  5 the true tokens or -1
--      6.. if so, for each counter: the Unix time at which Redis may forget it, '0' for never
--
-- Returns {verdict, held, actual, orphaned}, verdicts: settled; late; charged; full; unknown; or what an earlier settle did, as
-- {'again', verdict, held, actual, orphaned}; or {'counters', names}.

local id, actual, remember, charge = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'

local function close(verdict, held, orphaned)
  redis.call('SET', KEYS[4], table.concat({verdict, held, actual, orphaned}, '\n'), 'PX', remember)
  return {verdict, held, actual, orphaned}
end

local record = redis.call('HGET', KEYS[1], id)
if record then
  local header, names = unpack_record(record)
  if names ~= table.concat(KEYS, '\n', 7) then
    return {'counters', names}
  end
  -- A write that needs no memory comes first: after it Redis refuses nothing, so change is returned even when it is full.
  redis.call('HDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  local held, counters, measured, tokens, second = unpack_header(header, #KEYS - 6)
  for i = 7, 6 + counters do
    subtract(KEYS[i], 'held', held)
    add(KEYS[i], 'spent', actual)
  end
  if measured then
    leave(7 + counters, measured, tokens, second, tonumber(ARGV[5]))
  end
  return close('settled', held, '0')
end

local closed = redis.call('GET', KEYS[4])
if closed and string.sub(closed, 1, 8) == 'expired\n' then
  local held, names = unpack_record(string.sub(closed, 9))
  if names ~= table.concat(KEYS, '\n', 7) then
    return {'counters', names}
  end
  -- An orphan that nobody was given needs no ledger row: the settler writes the true one.
  local orphaned = '1'
  redis.call('DEL', KEYS[4])
  if tonumber(redis.call('ZSCORE', KEYS[5], id) or '1') == 0 then
    orphaned = '0'
    redis.call('ZREM', KEYS[5], id)
    redis.call('HDEL', KEYS[6], id)
  end
  for i = 7, #KEYS do
    add(KEYS[i], 'spent', actual)
    subtract(KEYS[i], 'spent', held)
  end
  return close('late', held, orphaned)
end

if closed then
  local reply = {'again'}
  for field in string.gmatch(closed, '[^\n]+') do
    reply[#reply + 1] = field
  end
  return reply
end

if charge then
  for i = 7, #KEYS do
    if split(redis.call('HGET', KEYS[i], 'spent') or '0') > 8000000000 then
      return {'full'}
    end
  end
  for i = 7, #KEYS do
    local created = redis.call('EXISTS', KEYS[i]) == 0
    if string.sub(actual, 1, 1) ~= '-' then
      add(KEYS[i], 'spent', actual)
    elseif not created then -- of a window that is over nothing is given back
      subtract(KEYS[i], 'spent', string.sub(actual, 2))
    end
    if created and actual ~= '0' and ARGV[i - 1] ~= '0' then
      redis.call('EXPIREAT', KEYS[i], ARGV[i - 1])
    end
  end
  return close('charged', '0', '0')
end

-- A cancel may overtake the reserve it cancels: remember it, so that the reserve is refused when it arrives.
if actual == '0' then
  close('cancelled', '0', '0')
end
return {'unknown', '0', actual, '0'}
