/**
 * The steps of documents in Redis, each a script.
 *
 * A document is a text, see document-text.ts, that begins with its epoch. The index of a
 * kind is a sorted set of the encoded ids with the times, in milliseconds of the server's
 * clock, when the documents end. Index and documents of a kind share a hash slot, so that a
 * document and its place in the index change in one step, in a cluster too. What has ended
 * leaves the index with the next write of its kind, and an index in which everything ends
 * ends with the last of it.
 */
import { nowMsLua, type RedisScript } from './redis-script.ts';

/** A longer beginning of a document holds no epoch. */
const epochHeadBytes = 40;

const fenceLua = (epoch: string): string => `
if ${epoch} ~= '' then
  local head = redis.call('getrange', KEYS[1], 0, ${epochHeadBytes - 1})
  local fence = tonumber(string.match(head, '^(-?%d[%d.e+-]*)\\n'))
  if fence and fence > tonumber(${epoch}) then return 0 end
end`;

const tidyIndexLua = `
redis.call('zremrangebyscore', KEYS[2], '-inf', string.format('%.0f', nowMs))
local last = redis.call('zrange', KEYS[2], -1, -1, 'withscores')[2]
if last == 'inf' then redis.call('persist', KEYS[2])
elseif last then redis.call('pexpireat', KEYS[2], string.format('%.0f', tonumber(last))) end`;

/** Keys: document, index. Arguments: text, epoch or '', TTL or '', member. */
export const putDocument: RedisScript = {
  name: 'lsPutDocument',
  numberOfKeys: 2,
  lua: `${fenceLua('ARGV[2]')}
${nowMsLua}
if ARGV[3] == '' then
  redis.call('set', KEYS[1], ARGV[1])
  redis.call('zadd', KEYS[2], '+inf', ARGV[4])
else
  local endsMs = string.format('%.0f', nowMs + tonumber(ARGV[3]))
  redis.call('set', KEYS[1], ARGV[1], 'pxat', endsMs)
  redis.call('zadd', KEYS[2], endsMs, ARGV[4])
end
${tidyIndexLua}
return 1`,
};

/**
 * Keys: document, index. Arguments: the text of none, epoch, TTL, member. Gives the text, with
 * whatever epoch; nothing where there was none.
 */
export const claimDocument: RedisScript = {
  name: 'lsClaimDocument',
  numberOfKeys: 2,
  lua: `
local text = redis.call('mget', KEYS[1])[1]
if text then
  local head, rest = string.match(text, '^([^\\n]*)(\\n.*)$')
  local fence = head and tonumber(head)
  if head and not (fence and fence > tonumber(ARGV[2])) then
    redis.call('set', KEYS[1], ARGV[2] .. rest, 'keepttl')
  end
  return text
end
${nowMsLua}
local endsMs = string.format('%.0f', nowMs + tonumber(ARGV[3]))
redis.call('set', KEYS[1], ARGV[1], 'pxat', endsMs)
redis.call('zadd', KEYS[2], endsMs, ARGV[4])
${tidyIndexLua}
return false`,
};

/** Keys: document, index. Arguments: epoch or '', member. */
export const removeDocument: RedisScript = {
  name: 'lsRemoveDocument',
  numberOfKeys: 2,
  lua: `${fenceLua('ARGV[1]')}
redis.call('zrem', KEYS[2], ARGV[2])
return redis.call('del', KEYS[1])`,
};

/** Keys: document, index. Arguments: text, the number, member. Gives the larger number. */
export const raisePeak: RedisScript = {
  name: 'lsRaisePeak',
  numberOfKeys: 2,
  lua: `
local stored = string.match(redis.call('get', KEYS[1]) or '', '^[^\\n]*\\n[^\\n]*\\n(-?%d[%d.eE+-]*)$')
local number = stored and tonumber(stored)
if number and number >= tonumber(ARGV[2]) then return stored end
${nowMsLua}
redis.call('set', KEYS[1], ARGV[1])
redis.call('zadd', KEYS[2], '+inf', ARGV[3])
${tidyIndexLua}
return ARGV[2]`,
};

/** Keys: index. Arguments: how many at most. Gives the members that live, the longest first. */
export const listMembers: RedisScript = {
  name: 'lsListMembers',
  numberOfKeys: 1,
  lua: `${nowMsLua}
return redis.call('zrevrangebyscore', KEYS[1], '+inf', '(' .. string.format('%.0f', nowMs), 'limit', 0, ARGV[1])`,
};

/** Keys: index, documents. Arguments: their members. Drops those from the index that are not there. */
export const forgetMissing: RedisScript = {
  name: 'lsForgetMissing',
  lua: `
for place, member in ipairs(ARGV) do
  if redis.call('exists', KEYS[place + 1]) == 0 then redis.call('zrem', KEYS[1], member) end
end
return 1`,
};

export const documentScripts: readonly RedisScript[] = [
  putDocument,
  claimDocument,
  removeDocument,
  raisePeak,
  listMembers,
  forgetMissing,
];
