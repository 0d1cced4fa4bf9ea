/**
 * The steps of a lease in Redis, each a script.
 *
 * A lease is a text, `<epoch> LF <holder as JSON>`, that ends with its time to live. The
 * epoch has a key of its own that stays when the lease is gone. A new epoch is larger than
 * that one and than the one of the lease, and not below the clocks of the server and of the
 * caller: when a failover or a flush loses both keys, the wall clock still carries it on.
 * A lease that is no such text, or that would never end, is not ours and counts as free.
 */
import { nowMsLua, type RedisScript } from './redis-script.ts';

/** Keys: lease, epoch. Arguments: holder, TTL, '1' to steal, least epoch, TTL of the epoch. */
export const acquireLease: RedisScript = {
  name: 'lsAcquireLease',
  numberOfKeys: 2,
  lua: `
local held = redis.call('get', KEYS[1])
local heldEpoch, holder = string.match(held or '', '^(%d+)\\n(.+)$')
if heldEpoch and holder ~= ARGV[1] and ARGV[3] ~= '1' then
  local leftMs = redis.call('pttl', KEYS[1])
  if leftMs >= 0 then return {0, heldEpoch, holder, leftMs} end
end
${nowMsLua}
local epoch = math.max(nowMs, tonumber(ARGV[4]))
for _, text in ipairs({heldEpoch or '', redis.call('get', KEYS[2]) or ''}) do
  local earlier = tonumber(string.match(text, '^%d+$'))
  if earlier and earlier < 2^53 - 1 then epoch = math.max(epoch, earlier + 1) end
end
local epochText = string.format('%.0f', epoch)
redis.call('set', KEYS[1], epochText .. '\\n' .. ARGV[1], 'px', ARGV[2])
redis.call('set', KEYS[2], epochText, 'px', ARGV[5])
return {1, epochText}`,
};

/** Keys: lease, epoch. Arguments: the lease's text, TTL, TTL of the epoch. */
export const renewLease: RedisScript = {
  name: 'lsRenewLease',
  numberOfKeys: 2,
  lua: `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('pexpire', KEYS[2], ARGV[3])
return redis.call('pexpire', KEYS[1], ARGV[2])`,
};

/** Keys: lease. Arguments: the lease's text. */
export const releaseLease: RedisScript = {
  name: 'lsReleaseLease',
  numberOfKeys: 1,
  lua: `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('del', KEYS[1])`,
};

/** Keys: lease. Gives the lease's text and what is left of its time, or nothing. */
export const readLease: RedisScript = {
  name: 'lsReadLease',
  numberOfKeys: 1,
  lua: `
local held = redis.call('get', KEYS[1])
if not held then return {} end
return {held, redis.call('pttl', KEYS[1])}`,
};

export const leaseScripts: readonly RedisScript[] = [acquireLease, renewLease, releaseLease, readLease];
