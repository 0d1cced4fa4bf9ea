/**
 * The store over real Redis when things go wrong: servers that die, freeze, forget, refuse or
 * hold what is not ours. What it does when all is well is in the contract.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Json, StateStore } from '@legacystream/core/ports/state-store.ts';
import { createRedisClient } from '@legacystream/runtime/redis-store/redis-client.ts';
import { RedisConnection, type StoreStatus } from '@legacystream/runtime/redis-store/redis-connection.ts';
import {
  RedisStateStore,
  type RedisStateStoreOptions,
} from '@legacystream/runtime/redis-store/redis-state-store.ts';
import { parseStoreUrl } from '@legacystream/runtime/redis-store/store-url.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { ProgramProcess } from '../support/program-process.ts';
import {
  RedisCluster,
  RedisSentinels,
  RedisServer,
  type RedisServerOptions,
} from '../support/redis-server.ts';

const skip = missingProgram('redis-server', 'redis-cli');
const skipSentinels = missingProgram('redis-server', 'redis-cli', 'redis-sentinel');
const skipTls = missingProgram('redis-server', 'redis-cli', 'openssl');
const clock = new SystemClock();
const ttlMs = 60_000;
/** What a call may take when the store is away, on a machine that is busy with other things. */
const settlesWithinMs = 1_500;
const password = 'Redis-Pw-4711';

async function startServer(t: TestContext, options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  t.after(() => server.stop());
  return server;
}

async function open(
  t: TestContext,
  url: string,
  options: Partial<RedisStateStoreOptions> = {},
): Promise<RedisStateStore> {
  const store = await RedisStateStore.open({ url, clock, ...options });
  t.after(() => store.close());
  return store;
}

async function grant(store: StateStore, name: string, holder: string, steal = false): Promise<number> {
  const answer = await store.acquireLease(name, holder, ttlMs, { steal });
  assert.ok(answer.granted, JSON.stringify(answer));
  return answer.epoch;
}

/** Undefined while the store is away; any other trouble is thrown. */
async function unlessAway<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof LegacyStreamError && error.code === 'LS_STORE_UNAVAILABLE') return undefined;
    throw error;
  }
}

/** The first answer of a store that may be away for a moment once more. */
async function answered<T>(call: () => Promise<T>): Promise<T> {
  const ask = async () => unlessAway(call().then((answer) => ({ answer })));
  return (await eventually('the store answers', ask, 15_000)).answer;
}

async function assertAway(
  call: () => Promise<unknown>,
  withinMs = settlesWithinMs,
): Promise<LegacyStreamError> {
  const sinceMs = performance.now();
  let found: unknown;
  await assert.rejects(call(), (error) => {
    found = error;
    return true;
  });
  const tookMs = performance.now() - sinceMs;
  assert.ok(found instanceof LegacyStreamError, inspect(found));
  assert.equal(found.code, 'LS_STORE_UNAVAILABLE', found.message);
  assert.ok(tookMs <= withinMs, `it took ${Math.round(tookMs)} ms to say so`);
  return found;
}

/** A certificate of its own for the servers of a test, and what they and `redis-cli` are told of it. */
async function tlsSettings(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'legacystream-tls-'));
  t.after(() => rm(folder, { recursive: true }));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  await ProgramProcess.run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate],
  ]);
  const settings = [
    ['tls-cert-file', certificate],
    ['tls-key-file', key],
    ['tls-ca-cert-file', certificate],
    ['tls-auth-clients', 'no'],
  ] as const;
  const cliArgs = ['--tls', '--cacert', certificate];
  return { ca: await readFile(certificate, 'utf8'), settings, cliArgs };
}

const everyCall = (store: StateStore): readonly (() => Promise<unknown>)[] => [
  () => store.acquireLease('m', 'a', ttlMs),
  () => store.renewLease('m', 'a', 1, ttlMs),
  () => store.releaseLease('m', 'a', 1),
  () => store.readLease('m'),
  () => store.putDocument('pod', 'p', 1, { ttlMs }),
  () => store.getDocument('pod', 'p'),
  () => store.listDocuments('pod'),
  () => store.removeDocument('pod', 'p'),
  () => store.raisePeak('p', 1),
];

test('two stores that race for a lease: one holder at any time, and epochs that only rise', {
  skip,
}, async (t) => {
  const server = await startServer(t);
  const epochs: number[] = [];
  let holding = 0;
  const race = async (holder: string): Promise<void> => {
    const store = await open(t, server.url);
    for (let won = 0; won < 40; ) {
      const answer = await store.acquireLease('race', holder, ttlMs);
      if (!answer.granted) continue;
      won++;
      holding++;
      assert.equal(holding, 1, `${holder} was granted what another holds`);
      epochs.push(answer.epoch);
      assert.equal((await store.readLease('race'))?.holder, holder);
      assert.equal(await store.renewLease('race', holder, answer.epoch, ttlMs), true);
      holding--;
      assert.equal(await store.releaseLease('race', holder, answer.epoch), true);
    }
  };
  await Promise.all([race('a'), race('b')]);
  assert.equal(epochs.length, 80);
  assert.ok(
    epochs.every((epoch, place) => place === 0 || epoch > epochs[place - 1]!),
    epochs.join(' '),
  );
});

test('a primary that dies: the store goes on with the next one, and epochs do not go back', {
  skip: skipSentinels,
}, async (t) => {
  const redis = await RedisSentinels.start();
  t.after(() => redis.stop());
  const statuses: StoreStatus[] = [];
  const store = await open(t, redis.url, { onStatus: (status) => statuses.push(status) });
  const other = await open(t, redis.url);
  const epoch = await grant(store, 'mount', 'a');
  assert.equal(store.stats.unreplicated, 0);
  const old = await redis.primary();
  await old.kill();
  await assertAway(() => store.renewLease('mount', 'a', epoch, ttlMs));
  const sinceMs = performance.now();
  await eventually(
    'the lease can be renewed',
    () => unlessAway(store.renewLease('mount', 'a', epoch, ttlMs)),
    15_000,
  );
  t.diagnostic(`renewed ${Math.round(performance.now() - sinceMs)} ms after the primary was killed`);
  assert.notEqual(await redis.primary(), old);
  assert.equal((await answered(() => store.readLease('mount')))?.epoch, epoch);
  const next = await eventually(
    'another steals it',
    () => unlessAway(grant(other, 'mount', 'b', true)),
    15_000,
  );
  assert.ok(next > epoch, `${next} after ${epoch}`);
  const told = statuses.map(({ connected }) => connected);
  assert.deepEqual([...told.slice(0, 2), told.at(-1)], [true, false, true]);
  assert.ok(store.stats.reconnects >= 1);

  // The old primary comes back without what it knew, and is a replica now.
  await old.restart();
  assert.equal(await answered(() => store.renewLease('mount', 'a', epoch, ttlMs)), false);
  assert.equal((await answered(() => store.readLease('mount')))?.holder, 'b');
});

test('a primary that freezes: no call hangs, and the store goes on with the next one', {
  skip: skipSentinels,
}, async (t) => {
  const redis = await RedisSentinels.start();
  t.after(() => redis.stop());
  const store = await open(t, redis.url);
  const idle = await open(t, redis.url);
  const epoch = await grant(store, 'mount', 'a');
  const old = await redis.primary();
  old.freeze();
  const sinceMs = performance.now();
  await Promise.all(everyCall(store).map((call) => assertAway(call)));
  assert.ok(store.stats.timeouts >= 1);
  assert.equal(store.connected, false);
  await eventually(
    'the lease can be renewed',
    async () => {
      const askedMs = performance.now();
      const renewed = await unlessAway(store.renewLease('mount', 'a', epoch, ttlMs));
      assert.ok(performance.now() - askedMs < settlesWithinMs, 'a call took too long');
      return renewed;
    },
    15_000,
  );
  t.diagnostic(`renewed ${Math.round(performance.now() - sinceMs)} ms after the primary froze`);
  await eventually('the idle store is connected again', () => idle.connected, 10_000);
  assert.ok((await answered(() => grant(idle, 'mount', 'b', true))) > epoch);

  // The old primary wakes up and believes for a while that it still is one.
  old.thaw();
  assert.equal(await answered(() => store.renewLease('mount', 'a', epoch, ttlMs)), false);
  assert.equal((await answered(() => store.readLease('mount')))?.holder, 'b');
});

test('a Sentinel that dies is not missed, and nothing is printed past the log', {
  skip: skipSentinels,
}, async (t) => {
  const redis = await RedisSentinels.start();
  t.after(() => redis.stop());
  const printed = t.mock.method(console, 'error', () => {});
  const before = await open(t, redis.url);
  await redis.stopSentinel(0);
  const after = await open(t, redis.url);
  for (const store of [before, after]) {
    for (let i = 0; i < 20; i++) await store.readLease('mount');
  }
  await grant(after, 'mount', 'a');
  assert.deepEqual(
    printed.mock.calls.map((call) => call.arguments),
    [],
  );
});

test('replicas that freeze do not hold up a grant, and the grants they missed are counted', {
  skip: skipSentinels,
}, async (t) => {
  const primary = await startServer(t);
  const replicaof = [['replicaof', '127.0.0.1', String(primary.port)]] as const;
  const replica = await startServer(t, { settings: replicaof });
  await eventually('the replica is there', async () =>
    /state=online/.test(await primary.ask('info', 'replication')),
  );
  const store = await open(t, primary.url);
  // A replica that has just come acknowledges its first writes late.
  await eventually('the replica acknowledges in time', async () => {
    const { unreplicated } = store.stats;
    await grant(store, `before-${performance.now()}`, 'a');
    return store.stats.unreplicated === unreplicated;
  });
  const { unreplicated } = store.stats;
  replica.freeze();
  const sinceMs = performance.now();
  await grant(store, 'during', 'a');
  assert.ok(performance.now() - sinceMs < settlesWithinMs);
  assert.equal(store.stats.unreplicated, unreplicated + 1);
  replica.thaw();
});

test('a replica that the URL names by mistake refuses writes as a store that is away', {
  skip,
}, async (t) => {
  const primary = await startServer(t);
  const replicaof = [['replicaof', '127.0.0.1', String(primary.port)]] as const;
  const replica = await startServer(t, { settings: replicaof });
  const store = await open(t, replica.url);
  const error = await assertAway(() => store.acquireLease('m', 'a', ttlMs));
  assert.match(error.message, /READONLY/);
});

test('Redis goes and comes back: calls fail at once, then work', { skip }, async (t) => {
  const server = await startServer(t);
  const statuses: StoreStatus[] = [];
  const store = await open(t, server.url, { onStatus: (status) => statuses.push(status) });
  const epoch = await grant(store, 'mount', 'a');
  await server.kill();
  await eventually('it is noticed', () => !store.connected);
  for (const call of everyCall(store)) await assertAway(call);
  assert.match(statuses.at(-1)?.reason ?? '', /./);
  await server.restart();
  await eventually('the store is connected', () => store.connected);
  // It came back empty: nobody holds the lease, and its next epoch is larger all the same.
  assert.equal(await store.renewLease('mount', 'a', epoch, ttlMs), false);
  assert.ok((await grant(store, 'mount', 'a')) > epoch);
  assert.deepEqual(
    statuses.map(({ connected }) => connected),
    [true, false, true],
  );
  const { failures, reconnects, commands } = store.stats;
  assert.equal(failures, everyCall(store).length);
  assert.equal(reconnects, 1);
  assert.ok(commands >= 3);
});

test('a single server that freezes: calls settle in time, and work when it wakes up', { skip }, async (t) => {
  const server = await startServer(t);
  const store = await open(t, server.url);
  const idle = await open(t, server.url);
  server.freeze();
  await Promise.all(everyCall(store).map((call) => assertAway(call)));
  await eventually('a store that asks nothing notices it as well', () => !idle.connected);
  const sinceMs = performance.now();
  await store.close();
  assert.ok(performance.now() - sinceMs < settlesWithinMs, 'closing waits for a frozen server');
  const later = await open(t, server.url);
  assert.equal(later.connected, false);
  await assertAway(() => later.readLease('m'));
  server.thaw();
  await eventually('the store is connected', () => later.connected);
  await grant(later, 'other', 'a');
});

test('a store opens while Redis is away, and connects when it is there', { skip }, async (t) => {
  const server = await startServer(t);
  await server.kill();
  const sinceMs = performance.now();
  const statuses: StoreStatus[] = [];
  const store = await open(t, server.url, { onStatus: (status) => statuses.push(status) });
  assert.ok(performance.now() - sinceMs < settlesWithinMs);
  assert.deepEqual(
    statuses.map(({ connected }) => connected),
    [false],
  );
  assert.equal(store.connected, false);
  const error = await assertAway(() => store.readLease('m'), 500);
  assert.match(error.message, /ECONNREFUSED/);
  await server.restart();
  await eventually('the store is connected', () => store.connected);
  assert.equal(await store.readLease('m'), undefined);
});

test('a client that has given up for good is started again', { skip }, async (t) => {
  const server = await startServer(t);
  const options = {
    ...{ address: parseStoreUrl(server.url), tls: undefined, sentinelUser: undefined, scripts: [] },
    ...{ clock, onStatus: undefined },
  };
  const client = createRedisClient(options);
  const connection = new RedisConnection(options, client);
  t.after(() => connection.close());
  await connection.settle();
  assert.equal(connection.connected, true);
  // As happens by itself when a failover is announced while the client looks for the primary.
  client.disconnect();
  await eventually('the client has ended', () => client.status === 'end');
  assert.equal(connection.connected, false);
  await eventually('the store is connected', () => connection.connected);
  assert.equal(connection.stats.reconnects, 1);
});

test('an epoch is larger than those before Redis forgot everything', { skip }, async (t) => {
  const server = await startServer(t);
  const [first, second] = [await open(t, server.url), await open(t, server.url)];
  let last = 0;
  for (const store of [first, second, first, second]) {
    const epoch = await grant(store, 'mount', 'a');
    assert.ok(epoch > last, `${epoch} after ${last}`);
    last = epoch;
    await server.ask('flushall');
    await server.ask('script', 'flush');
  }
});

test('an epoch outlives its lease when the wall clock steps back', { skip }, async (t) => {
  const server = await startServer(t);
  const ahead = new SystemClock();
  ahead.wallMs = () => Date.now() + 3_600_000;
  const early = await open(t, server.url, { clock: ahead });
  const epoch = await grant(early, 'mount', 'a');
  assert.ok(await early.releaseLease('mount', 'a', epoch));
  const late = await open(t, server.url);
  assert.ok((await grant(late, 'mount', 'b')) > epoch);
});

test('with TLS and a user who may do nothing else, everything works', { skip: skipTls }, async (t) => {
  const { ca, settings, cliArgs } = await tlsSettings(t);
  const server = await startServer(t, {
    tls: true,
    settings: [
      ...settings,
      ['user', 'default', 'off'],
      [
        'user',
        'radio',
        'on',
        `>${password}`,
        'resetkeys',
        '~ls:*',
        'resetchannels',
        '-@all',
        ...leastPrivilege,
      ],
      ['user', 'judge', 'on', '>judge', '~*', '&*', '+@all'],
    ],
    cliArgs: [...cliArgs, '--user', 'judge', '--pass', 'judge', '--no-auth-warning'],
  });
  const tls = { ca };
  const url = `rediss://radio:${password}@127.0.0.1:${server.port}`;
  const store = await open(t, url, { tls });
  const epoch = await grant(store, 'mount', 'a');
  assert.equal(await store.renewLease('mount', 'a', epoch, ttlMs), true);
  assert.equal((await store.readLease('mount'))?.holder, 'a');
  assert.equal(await store.putDocument('mount', 'm', { a: 1 }, { ttlMs, epoch }), true);
  assert.equal(await store.putDocument('mount', 'for ever', 1), true);
  assert.equal(await store.raisePeak('m', 3), 3);
  await server.ask('del', 'ls:doc:{mount}:m');
  assert.deepEqual([...(await store.listDocuments('mount'))], [['for ever', 1]]);
  assert.equal(await server.ask('zcard', 'ls:docs:{mount}'), '1');
  assert.equal(await store.getDocument('mount', 'for ever'), 1);
  assert.equal(await store.removeDocument('mount', 'for ever'), true);
  assert.equal(await store.releaseLease('mount', 'a', epoch), true);
  await store.putBlob('mount', '1', Uint8Array.of(0xff), { ttlMs });
  assert.deepEqual(await store.getBlob('mount', '1'), Uint8Array.of(0xff));
  assert.equal(await server.ask('acl', 'log'), '', 'something was refused');

  const stranger = await open(t, url, { tls, keyPrefix: 'other:' });
  assert.match((await assertAway(() => stranger.readLease('mount'))).message, /NOPERM/);
  const distrustful = await open(t, url);
  assert.match((await assertAway(() => distrustful.readLease('mount'))).message, /self-signed certificate/);
});

/** What docs give to operators; see also the key pattern above. */
const leastPrivilege = [
  ...['+eval', '+evalsha', '+get', '+getrange', '+mget', '+set', '+del', '+exists', '+pttl', '+pexpire'],
  ...[
    '+pexpireat',
    '+persist',
    '+zadd',
    '+zrem',
    '+zrange',
    '+zrevrangebyscore',
    '+zremrangebyscore',
    '+time',
  ],
  ...['+ping', '+info', '+wait', '+select', '+client|setname'],
];

test('Sentinels and a cluster with TLS and a password are followed', {
  skip: skipTls || skipSentinels,
}, async (t) => {
  const { ca, settings, cliArgs } = await tlsSettings(t);
  const secured = {
    tls: true,
    settings: [
      ...settings,
      ['tls-replication', 'yes'],
      ['tls-cluster', 'yes'],
      ['requirepass', password],
      ['masterauth', password],
    ],
    cliArgs: [...cliArgs, '--pass', password, '--no-auth-warning'],
  } as const;
  const redis = await RedisSentinels.start(secured);
  t.after(() => redis.stop());
  const cluster = await RedisCluster.start(secured);
  t.after(() => cluster.stop());
  const options = { tls: { ca }, password, sentinelUser: { password } };
  for (const { url } of [redis, cluster]) {
    const store = await open(t, url.replace('redis+', 'rediss+'), options);
    const epoch = await grant(store, 'mount', 'a');
    assert.equal(await store.renewLease('mount', 'a', epoch, ttlMs), true);
    assert.equal(await store.putDocument('mount', 'm', 1, { ttlMs }), true);
    assert.deepEqual([...(await store.listDocuments('mount'))], [['m', 1]]);
    const stranger = await open(t, url.replace('redis+', 'rediss+'), { ...options, password: 'wrong' });
    assert.match((await assertAway(() => stranger.readLease('mount'))).message, /WRONGPASS/);
  }
});

test('a refused login is told without the password', { skip }, async (t) => {
  const server = await startServer(t, { settings: [['requirepass', 'right']] });
  const statuses: StoreStatus[] = [];
  const store = await open(t, server.url.replace('//', `//:${password}@`), {
    onStatus: (status) => statuses.push(status),
  });
  const error = await assertAway(() => store.readLease('m'));
  assert.match(error.message, /WRONGPASS/);
  const seen = inspect([error, statuses], { depth: 10, showHidden: true });
  assert.ok(!seen.includes(password), seen);
  assert.equal(store.connected, false);

  const right = await open(t, server.url, { password: 'right' });
  assert.equal(right.connected, true);
});

test('names that look like parts of keys stay apart, in a cluster too', { skip }, async (t) => {
  const cluster = await RedisCluster.start();
  t.after(() => cluster.stop());
  const store = await open(t, cluster.url);
  const names = [
    ...[
      '',
      ' ',
      '\n',
      '\r\nFLUSHALL\r\n',
      '{',
      '}',
      '{}',
      '{a}',
      '}{a}',
      'a}:lease',
      'a}:epoch',
      ':',
      '*',
      '?',
    ],
    ...[
      '[a]',
      '%',
      '%7b',
      '%z',
      '\u0000',
      'ü',
      'u\u0308',
      '\ud83d\ude00',
      '\ud83d',
      '\ude00',
      '\ufffd',
      '__proto__',
    ],
    ...['x'.repeat(2000), `${'x'.repeat(2000)}y`],
  ];
  const epochs = new Map<string, number>();
  for (const name of names) {
    epochs.set(name, await grant(store, name, `holder of ${name}`));
    assert.equal(await store.putDocument('mount', name, { name }, { ttlMs }), true);
  }
  for (const name of names) {
    const lease = await store.readLease(name);
    assert.deepEqual([lease?.holder, lease?.epoch], [`holder of ${name}`, epochs.get(name)]);
    assert.deepEqual(await store.getDocument('mount', name), { name });
  }
  const listed = await store.listDocuments('mount');
  assert.deepEqual(new Set(listed.keys()), new Set(names));
  for (const name of names) assert.deepEqual(listed.get(name), { name });
  for (const name of names) {
    assert.equal(await store.removeDocument('mount', name), true);
    assert.equal(await store.releaseLease(name, `holder of ${name}`, epochs.get(name)!), true);
  }
  assert.equal((await store.listDocuments('mount')).size, 0);
});

test('of a cluster that loses a node or has a frozen one, the rest stays usable', { skip }, async (t) => {
  const cluster = await RedisCluster.start();
  t.after(() => cluster.stop());
  const store = await open(t, cluster.url);
  const names = Array.from({ length: 24 }, (_, i) => `mount-${i}`);
  for (const name of names) await grant(store, name, 'a');
  const readAll = async (): Promise<number> => {
    const answers = await Promise.all(
      names.map(async (name) => {
        const sinceMs = performance.now();
        const lease = await unlessAway(store.readLease(name));
        assert.ok(performance.now() - sinceMs < settlesWithinMs, 'a call took too long');
        return lease;
      }),
    );
    return answers.filter((lease) => lease?.holder === 'a').length;
  };
  const node = cluster.nodes[1]!;
  node.freeze();
  const usable = await readAll();
  assert.ok(usable > 0 && usable < names.length, `${usable} of ${names.length}`);
  node.thaw();
  await eventually('all are there again', async () => (await readAll()) === names.length, 15_000);
  await node.kill();
  await eventually('the rest is usable', async () => (await readAll()) === usable, 15_000);
  assert.equal(store.connected, true);
});

test('a cluster that freezes, dies and comes back is used again', { skip }, async (t) => {
  const cluster = await RedisCluster.start();
  t.after(() => cluster.stop());
  const statuses: StoreStatus[] = [];
  const store = await open(t, cluster.url, { onStatus: (status) => statuses.push(status) });
  const epoch = await grant(store, 'mount', 'a');
  for (const node of cluster.nodes) node.freeze();
  await Promise.all(everyCall(store).map((call) => assertAway(call)));
  await eventually('it is noticed', () => !store.connected);
  for (const node of cluster.nodes) node.thaw();
  await eventually('the store is connected', () => store.connected, 15_000);
  assert.equal(await store.renewLease('mount', 'a', epoch, ttlMs), true);
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  await eventually('it is noticed', () => !store.connected);
  for (const call of everyCall(store)) await assertAway(call);
  for (const node of cluster.nodes) await node.restart();
  await eventually('it works', () => unlessAway(store.readLease('mount').then(() => true)), 15_000);
  const next = await eventually('it is granted', () => unlessAway(grant(store, 'mount', 'a')));
  assert.ok(next > epoch);
  assert.ok(statuses.length >= 5 && statuses.at(-1)?.connected, inspect(statuses));
});

test('what is not ours in Redis is left out and counted', { skip }, async (t) => {
  const server = await startServer(t);
  const store = await open(t, server.url);
  await store.putDocument('mount', 'good', { ok: true }, { ttlMs });
  const strange = [
    '',
    'x',
    '{"json":1}',
    '1\n"strange"\n{',
    '1\n"another id"\n{}',
    '1\n2\n3',
    '\n\n',
    'nan\n"s"\n1',
  ];
  for (const text of strange) {
    for (const id of ['strange', 'good']) await store.putDocument('mount', id, 1, { ttlMs });
    const before = store.stats.malformed;
    await server.ask('set', 'ls:doc:{mount}:strange', text);
    assert.equal(await store.getDocument('mount', 'strange'), undefined, text);
    assert.deepEqual([...(await store.listDocuments('mount'))], [['good', 1]], text);
    assert.equal(store.stats.malformed, before + 2, text);
  }
  await server.ask('set', 'ls:doc:{mount}:strange', 'no epoch');
  assert.equal(await store.putDocument('mount', 'strange', 2, { ttlMs, epoch: 1 }), true);
  assert.equal(await store.getDocument('mount', 'strange'), 2);

  // A key of another type, a lease that is none, a peak that is no number, a place in the index for nothing.
  await server.ask('del', 'ls:doc:{mount}:strange');
  await server.ask('hset', 'ls:doc:{mount}:strange', 'a', 'b');
  await server.ask('zadd', 'ls:docs:{mount}', '9999999999999', randomBytes(8).toString('hex'));
  assert.equal(await store.getDocument('mount', 'strange'), undefined);
  assert.deepEqual([...(await store.listDocuments('mount'))], [['good', 1]]);
  for (const text of ['', 'x', '1\n', 'nan\n"a"', '99999999999999999999\n"a"', '5\n"a"']) {
    await server.ask('set', 'ls:{m}:lease', text);
    await server.ask('set', 'ls:{m}:epoch', 'inf');
    assert.equal(await store.readLease('m'), undefined, text);
    assert.ok(Math.abs((await grant(store, 'm', 'b')) - Date.now()) < 60_000, text);
  }
  await store.putDocument('peak', 'p', 'not a number' as Json);
  assert.equal(await store.raisePeak('p', 2), 2);
});

test('every key ends by itself, except what is kept until removed', { skip }, async (t) => {
  const server = await startServer(t);
  const store = await open(t, server.url, { keyPrefix: 'station-1:' });
  await grant(store, 'mount', 'a');
  for (let i = 0; i < 5; i++) await store.putDocument('pod', `pod-${i}`, i, { ttlMs: 200 });
  await store.putDocument('pod', 'lasting', 1, { ttlMs });
  await store.putDocument('setting', 'kept', 1);
  const lives = new Map<string, number>();
  const keys = async (): Promise<string[]> => (await server.ask('keys', '*')).split('\n');
  for (const key of await keys()) lives.set(key, Number(await server.ask('pttl', key)));
  const endless = [...lives].filter(([, leftMs]) => leftMs === -1).map(([key]) => key);
  assert.deepEqual(endless.sort(), ['station-1:doc:{setting}:kept', 'station-1:docs:{setting}']);
  assert.ok([...lives.keys()].every((key) => key.startsWith('station-1:')));
  const [, indexLeftMs] = [...lives].find(([key]) => key === 'station-1:docs:{pod}')!;
  assert.ok(indexLeftMs > 0 && indexLeftMs <= ttlMs, `${indexLeftMs}`);

  await eventually('the brief ones are gone', async () => (await store.listDocuments('pod')).size === 1);
  await store.putDocument('pod', 'lasting', 2, { ttlMs });
  assert.equal(await server.ask('zcard', 'station-1:docs:{pod}'), '1', 'the index keeps what has ended');
  await store.removeDocument('setting', 'kept');
  assert.ok(!(await keys()).includes('station-1:docs:{setting}'));
});

test('a full Redis refuses writes as a store that is away, and still answers', { skip }, async (t) => {
  const server = await startServer(t);
  const store = await open(t, server.url);
  const epoch = await grant(store, 'mount', 'a');
  await server.ask('config', 'set', 'maxmemory', '1');
  const error = await assertAway(() => store.putDocument('pod', 'p', 'confidential', { ttlMs }));
  assert.match(error.message, /OOM/);
  assert.ok(error.cause instanceof Error);
  assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), /confidential/);
  assert.equal((await store.readLease('mount'))?.epoch, epoch);
  await assert.rejects(
    store.putDocument('pod', 'p', 'x'.repeat(2 * 1024 * 1024)),
    (thrown) => thrown instanceof LegacyStreamError && thrown.code === 'LS_PARAMETER_INVALID',
  );
});
