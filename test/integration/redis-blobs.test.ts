/**
 * Blobs over real Redis when things go wrong: servers that die, freeze, change or hold what
 * is not ours. What the store does when all is well is in the contract.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { RedisStateStore } from '@legacystream/runtime/redis-store/redis-state-store.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { RedisCluster, RedisSentinels, RedisServer } from '../support/redis-server.ts';

const skip = missingProgram('redis-server', 'redis-cli');
const skipSentinels = missingProgram('redis-server', 'redis-cli', 'redis-sentinel');
const clock = new SystemClock();
const ttlMs = 60_000;
/** What calls may take when the store is away, on a machine that is busy with other things. */
const settlesWithinMs = 1_500;
const blobSettlesWithinMs = 3_500;

async function startServer(t: TestContext): Promise<RedisServer> {
  const server = await RedisServer.start();
  t.after(() => server.stop());
  return server;
}

async function open(t: TestContext, url: string): Promise<RedisStateStore> {
  const store = await RedisStateStore.open({ url, clock });
  t.after(() => store.close());
  return store;
}

function put(store: RedisStateStore, name: string, data: Uint8Array): Promise<void> {
  return store.putBlob('live', name, data, { ttlMs });
}

/** The first answer of a store that may be away; any other trouble is thrown. */
function answered<T>(call: () => Promise<T>): Promise<T> {
  const ask = async (): Promise<{ answer: T } | undefined> => {
    try {
      return { answer: await call() };
    } catch (error) {
      if (error instanceof LegacyStreamError && error.code === 'LS_STORE_UNAVAILABLE') return undefined;
      throw error;
    }
  };
  return eventually('the store answers', ask, 15_000).then(({ answer }) => answer);
}

async function assertAway(call: Promise<unknown>, withinMs: number): Promise<void> {
  const sinceMs = performance.now();
  await assert.rejects(call, { code: 'LS_STORE_UNAVAILABLE' });
  const tookMs = performance.now() - sinceMs;
  assert.ok(tookMs <= withinMs, `it took ${Math.round(tookMs)} ms to say so`);
}

test('a store has a connection for blobs alone, from the first of them on', { skip }, async (t) => {
  const server = await startServer(t);
  const connections = async (): Promise<string[]> =>
    (await server.ask('client', 'list')).split('\n').filter((line) => / name=legacystream /.test(line));
  const store = await open(t, server.url);
  await store.acquireLease('mount', 'a', ttlMs);
  assert.equal((await connections()).length, 1);
  const data = randomBytes(64_000);
  await Promise.all(['1', '2', '3'].map((name) => put(store, name, data)));
  assert.equal((await connections()).length, 2);
  const { commands } = store.stats;
  assert.deepEqual(await store.getBlob('live', '2'), new Uint8Array(data));
  assert.equal(store.stats.commands, commands + 1);
  await store.close();
  await eventually('both have gone', async () => (await connections()).length === 0);
});

test('a blob ends in Redis with its time to live', { skip }, async (t) => {
  const server = await startServer(t);
  const store = await open(t, server.url);
  await store.putBlob('/live.mp3', '7.ts', Uint8Array.of(1), { ttlMs: 12_345.6 });
  const leftMs = Number(await server.ask('pttl', 'ls:blob:{/live.mp3}:7.ts'));
  assert.ok(leftMs > 0 && leftMs <= 12_346, `${leftMs}`);
  assert.deepEqual((await server.ask('keys', '*')).split('\n'), ['ls:blob:{/live.mp3}:7.ts']);
});

test('Redis goes and comes back: blobs fail at once, then can be written again', { skip }, async (t) => {
  const server = await startServer(t);
  const store = await open(t, server.url);
  await put(store, '1', Uint8Array.of(1));
  await server.kill();
  await eventually('it is noticed', () => !store.connected);
  const { failures } = store.stats;
  await assertAway(put(store, '2', Uint8Array.of(2)), settlesWithinMs);
  await assertAway(store.getBlob('live', '1'), settlesWithinMs);
  assert.equal(store.stats.failures, failures + 2);
  const late = await open(t, server.url);
  await assertAway(late.getBlob('live', '1'), blobSettlesWithinMs);
  await server.restart();
  await answered(() => put(store, '3', Uint8Array.of(3)));
  assert.deepEqual(await answered(() => late.getBlob('live', '3')), Uint8Array.of(3));
  assert.equal(await store.getBlob('live', '1'), undefined);
});

test('a server that freezes: no call hangs, nor does the first for a blob', { skip }, async (t) => {
  const server = await startServer(t);
  const [store, unused] = [await open(t, server.url), await open(t, server.url)];
  await put(store, '1', Uint8Array.of(1));
  server.freeze();
  await Promise.all([
    assertAway(put(store, '2', randomBytes(4 * 1024 * 1024)), blobSettlesWithinMs),
    assertAway(store.getBlob('live', '1'), blobSettlesWithinMs),
    assertAway(unused.getBlob('live', '1'), blobSettlesWithinMs),
    // Leases do not wait for as long as blobs may.
    assertAway(store.readLease('mount'), settlesWithinMs),
  ]);
  assert.ok(store.stats.timeouts >= 1);
  server.thaw();
  assert.deepEqual(await answered(() => store.getBlob('live', '1')), Uint8Array.of(1));
  assert.deepEqual(await answered(() => unused.getBlob('live', '1')), Uint8Array.of(1));
});

test('what somebody else wrote is no blob, is counted where it is too large, and is replaced', {
  skip,
}, async (t) => {
  const server = await startServer(t);
  const store = await open(t, server.url);
  await server.ask('rpush', 'ls:blob:{live}:list', 'x');
  await server.ask('setrange', 'ls:blob:{live}:large', String(4 * 1024 * 1024), 'x');
  for (const name of ['list', 'large']) assert.equal(await store.getBlob('live', name), undefined);
  assert.equal(store.stats.malformed, 1);
  for (const name of ['list', 'large']) {
    await put(store, name, Uint8Array.of(1));
    assert.deepEqual(await store.getBlob('live', name), Uint8Array.of(1));
  }
});

test('many blobs at once are all answered, or refused before they fill the memory', { skip }, async (t) => {
  const server = await startServer(t);
  const store = await open(t, server.url);
  const data = randomBytes(64_000);
  await put(store, '1', data);
  const reads = await Promise.all(Array.from({ length: 200 }, () => store.getBlob('live', '1')));
  assert.ok(reads.every((read) => read && Buffer.compare(read, data) === 0));
  const crowd = Array.from({ length: 300 }, () => store.getBlob('live', '1'));
  const refused = (await Promise.allSettled(crowd)).filter(({ status }) => status === 'rejected');
  assert.equal(refused.length, 300 - 256);
  assert.ok(await store.getBlob('live', '1'));
});

test('the blobs of a group are on one node of a cluster, and groups are spread', { skip }, async (t) => {
  const cluster = await RedisCluster.start();
  t.after(() => cluster.stop());
  const store = await open(t, cluster.url);
  const nodesOf = async (group: string): Promise<number[]> => {
    for (const name of ['1', '2', '{3}', '4:5']) {
      await store.putBlob(group, name, Uint8Array.of(1), { ttlMs });
    }
    const keys = await Promise.all(
      cluster.nodes.map((node) => node.ask('--scan', '--pattern', `*{${group}}*`)),
    );
    return keys.flatMap((found, node) => (found === '' ? [] : [node]));
  };
  const used = new Set<number>();
  for (let i = 0; i < 20; i++) {
    const nodes = await nodesOf(`group-${i}`);
    assert.equal(nodes.length, 1);
    used.add(nodes[0]!);
  }
  assert.ok(used.size > 1);
});

test('a primary that dies: blobs that a replica has are read from the next one', {
  skip: skipSentinels,
}, async (t) => {
  const redis = await RedisSentinels.start();
  t.after(() => redis.stop());
  const store = await open(t, redis.url);
  const data = randomBytes(200_000);
  await put(store, '1', data);
  for (const server of redis.servers) {
    await eventually(
      'every replica has it',
      async () => (await server.ask('exists', 'ls:blob:{live}:1')) === '1',
    );
  }
  await (await redis.primary()).kill();
  await assertAway(put(store, '2', data), blobSettlesWithinMs);
  await answered(() => put(store, '2', data));
  for (const name of ['1', '2']) {
    const read = await answered(() => store.getBlob('live', name));
    assert.ok(read && Buffer.compare(read, data) === 0, name);
  }
});
