/**
 * The bus over real NATS servers that die, freeze, leave or are not there yet. Every message
 * carries a number; a reader that drops what it has had already must see them all, in order.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import { NatsBus } from '@legacystream/runtime/nats-bus/nats-bus.ts';
import type { NatsBusOptions, NatsStatus } from '@legacystream/runtime/nats-bus/nats-bus-options.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { eventually } from '../support/eventually.ts';
import {
  currentNats,
  debianNats,
  NatsServer,
  type NatsServerOptions,
  type NatsVersion,
} from '../support/nats-server.ts';

const audioPrefix = 'ls.test.audio.';
const subject = `${audioPrefix}live.source`;
const chunkBytes = 4096;
const current = await currentNats();
const versions = [debianNats, current];
const onBoth = (title: string, run: (t: TestContext, version: NatsVersion) => Promise<void>): void => {
  for (const version of versions) {
    const options = { skip: version.missing, timeout: 120_000 };
    test(`${title} (${version.label})`, options, (t) => run(t, version));
  }
};

onBoth('audio published before there is a server arrives when there is one', async (t, version) => {
  const server = await prepare(t, { version });
  const { bus, statuses } = openBus(t, server);
  const { reader } = openReader(t, [server]);
  const source = startSource(t, bus);
  await eventually('it is told that there is no server', () =>
    statuses.some(({ event }) => event === 'unreachable'),
  );
  assert.equal(bus.connected, false);
  bus.publish('ls.test.state.live', Buffer.from('lost'));
  await server.restart();
  await eventually('audio arrives', () => reader.last > 20);
  await finish(source, reader, bus);
  assert.equal(bus.stats.dropped, 1);
  assert.equal(statuses.filter(({ event }) => event === 'unreachable').length, 1);
});

onBoth('no audio is missing after the server was killed and started again', async (t, version) => {
  const server = await start(t, { version });
  const { bus, statuses } = openBus(t, server);
  const { reader } = openReader(t, [server]);
  const source = startSource(t, bus);
  await eventually('audio arrives', () => reader.last > 20);
  await server.kill();
  await eventually('the bus knows', () => !bus.connected);
  await sleep(500);
  await server.restart();
  const lastBefore = reader.last;
  await eventually('audio goes on', () => reader.last > lastBefore + 20);
  await finish(source, reader, bus);
  assert.equal(bus.stats.reconnects, 1);
  assert.ok(bus.stats.republished > 0);
  // The new server knew nothing; the publisher gave it what it had.
  await eventually('there is a new stream', () => statuses.filter(isCreation).length === 2);
  await bus.close();
  const bounds = { maxBytes: 1e9, maxAgeMs: 60_000 };
  await eventually('it has everything', async () => {
    const history = await reader.bus.history(subject, bounds);
    return new Set(history.map(numberOf)).size === source.sent;
  });
});

onBoth('no audio is missing after the server stood still for eight seconds', async (t, version) => {
  const server = await start(t, { version });
  const { bus, statuses } = openBus(t, server);
  const { reader } = openReader(t, [server]);
  const source = startSource(t, bus);
  await eventually('audio arrives', () => reader.last > 20);
  server.freeze();
  await eventually('the bus sees that the server is of no use', () => !bus.connected, 7_000);
  await sleep(3_000);
  server.thaw();
  const lastBefore = reader.last;
  await eventually('audio goes on', () => reader.last > lastBefore + 20);
  await finish(source, reader, bus);
  assert.ok(bus.stats.republished > 0);
  assert.ok(statuses.some((status) => 'reason' in status && status.reason.includes('does not answer')));
  // Attempts at a server that does not speak leave no connection behind.
  await eventually('two clients are connected', async () => (await server.monitor('connz'))['total'] === 2);
});

test('a frozen server bounds what is kept for it', {
  skip: debianNats.missing,
  timeout: 60_000,
}, async (t) => {
  const server = await start(t);
  const { bus } = openBus(t, server, { ringBytes: 8 * 1024 * 1024, maxUnconfirmedBytes: 4 * 1024 * 1024 });
  await eventually('the bus is connected', () => bus.connected);
  server.freeze();
  const chunk = Buffer.alloc(64 * 1024);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 2_000; i++) {
    bus.publish(subject, chunk);
    bus.publish('ls.test.state.live', chunk);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const grownBytes = process.memoryUsage().arrayBuffers - before;
  assert.ok(grownBytes < 32 * 1024 * 1024, `${grownBytes} bytes`);
  assert.ok(bus.stats.dropped > 3_000);
  server.thaw();
  await eventually('all is either sent or counted', () => bus.stats.published + bus.stats.dropped === 4_000);
});

onBoth('audio goes on within two seconds when a node of the cluster is killed', async (t, version) => {
  const servers = await startCluster(t, { version });
  const { bus, statuses } = openBus(t, servers[0]!);
  const { reader } = openReader(t, [servers[1]!]);
  await eventually('the stream is there', () => created(statuses) !== undefined, 20_000);
  assert.equal(created(statuses), 3);
  const source = startSource(t, bus);
  await eventually('audio arrives', () => reader.last > 20);
  reader.maxPauseMs = 0;
  await servers[0]!.kill();
  const lastBefore = reader.last;
  await eventually('audio goes on', () => reader.last > lastBefore + 60);
  await finish(source, reader, bus);
  t.diagnostic(`longest pause ${Math.round(reader.maxPauseMs)} ms`);
  assert.ok(reader.maxPauseMs < 2_000, `${reader.maxPauseMs} ms`);
  assert.ok(bus.stats.republished > 0);
  assert.equal(bus.stats.dropped, 0);
});

onBoth(
  'an edge finds all audio in the history when its node, which led the stream, is killed',
  async (t, version) => {
    const servers = await startCluster(t, { version });
    const first = openBus(t, servers[0]!);
    await eventually('the stream is there', () => created(first.statuses) !== undefined, 20_000);
    const leading = servers[Number((await streamLeader(servers[0]!)).slice(1)) - 1]!;
    const { bus } = openBus(t, servers.find((server) => server !== leading)!);
    const { reader } = openReader(t, [leading]);
    await eventually('both are connected', () => bus.connected && reader.bus.connected);
    const source = startSource(t, bus);
    await eventually('audio arrives', () => reader.last > 20);
    await leading.kill();
    // The stream is without a leader for a few seconds.
    for (const untilNumber of [40, 100, 300]) {
      await eventually('audio goes on', () => reader.last > untilNumber, 20_000);
      const known = reader.last;
      const history = await reader.bus.history(subject, { maxBytes: 1e9, maxAgeMs: 60_000 });
      const numbers = [...new Set(history.map(numberOf))].filter((number) => number <= known);
      assert.deepEqual(
        numbers,
        Array.from({ length: known }, (_, i) => i + 1),
      );
    }
    source.stop();
  },
);

onBoth('of the publishers of a cluster the one that has the mount gives its tail', async (t, version) => {
  const server = await start(t, { version, jetStream: false });
  const publishers = Array.from({ length: 3 }, () => openBus(t, server).bus);
  const { bus } = openBus(t, server);
  await eventually('all are connected', () => [bus, ...publishers].every(({ connected }) => connected));
  for (const [i, publisher] of publishers.entries())
    for (let number = 1; number <= 300; number++)
      publisher.publish(`${audioPrefix}m${i}.source`, chunkOf(1_000 * i + number));
  await Promise.all(publishers.map((publisher) => publisher.flush()));
  const tail = await bus.history(`${audioPrefix}m1.source`, { maxBytes: 250 * chunkBytes, maxAgeMs: 60_000 });
  assert.deepEqual(
    tail.map(numberOf),
    Array.from({ length: 250 }, (_, i) => 1_051 + i),
  );
  const none = await bus.history(`${audioPrefix}m9.source`, { maxBytes: 1e6, maxAgeMs: 60_000 });
  assert.equal(none.length, 0);
});

onBoth('audio goes on when a node of the cluster leaves', async (t, version) => {
  const servers = await startCluster(t, { version });
  const { bus, statuses } = openBus(t, servers[0]!);
  const { reader } = openReader(t, [servers[1]!]);
  await eventually('both are connected', () => bus.connected && reader.bus.connected);
  const source = startSource(t, bus);
  await eventually('audio arrives', () => reader.last > 20);
  reader.maxPauseMs = 0;
  servers[0]!.lameDuck();
  await eventually('the bus has left', () => bus.stats.reconnects === 1 && bus.connected);
  const lastBefore = reader.last;
  await eventually('audio goes on', () => reader.last > lastBefore + 40);
  await finish(source, reader, bus);
  t.diagnostic(`longest pause ${Math.round(reader.maxPauseMs)} ms`);
  assert.ok(reader.maxPauseMs < 2_000, `${reader.maxPauseMs} ms`);
  assert.ok(statuses.some((status) => 'reason' in status && status.reason.includes('about to leave')));
});

onBoth('history of a minute comes at once and leaves nothing on the server', async (t, version) => {
  const server = await start(t, { version });
  const { bus, statuses } = openBus(t, server);
  const { bus: publisher, statuses: publisherStatuses } = openBus(t, server);
  // Whichever of them came first has made it.
  await eventually(
    'the stream is there',
    () => bus.connected && publisher.connected && created([...statuses, ...publisherStatuses]) !== undefined,
  );
  for (let i = 1; i <= 240; i++) {
    publisher.publish(subject, chunkOf(i));
    for (let other = 0; other < 20; other++)
      publisher.publish(`${audioPrefix}other${other}.source`, chunkOf(i));
  }
  // Without the publisher the stream is all there is.
  await publisher.close();
  const bounds = { maxBytes: 1e9, maxAgeMs: 60_000 };
  await eventually('the stream has it', async () => (await bus.history(subject, bounds)).length === 240);
  const startMs = performance.now();
  const history = await bus.history(subject, bounds);
  const tookMs = performance.now() - startMs;
  assert.deepEqual(
    history.map(numberOf),
    Array.from({ length: 240 }, (_, i) => i + 1),
  );
  const tail = await bus.history(subject, { maxBytes: 10 * chunkBytes, maxAgeMs: 60_000 });
  assert.deepEqual(tail.map(numberOf), [231, 232, 233, 234, 235, 236, 237, 238, 239, 240]);
  const manyStartMs = performance.now();
  const many = await Promise.all(Array.from({ length: 40 }, () => bus.history(subject, bounds)));
  t.diagnostic(
    `240 messages in ${tookMs.toFixed(0)} ms; 40 times at once in ${(performance.now() - manyStartMs).toFixed(0)} ms`,
  );
  assert.ok(many.every((found) => found.length === 240));
  assert.ok(tookMs < 1_000, `${tookMs} ms`);
  assert.equal((await server.monitor('jsz'))['consumers'], 0);
});

onBoth('history finds its beginning among many messages', async (t, version) => {
  const server = await start(t, { version });
  const { bus, statuses } = openBus(t, server, { ringMs: 1 });
  await eventually('the stream is there', () => created(statuses) !== undefined);
  const publish = async (from: number, to: number): Promise<void> => {
    for (let i = from; i <= to; i++) {
      bus.publish(subject, chunkOf(i));
      if (i % 3 === 0) bus.publish(`${audioPrefix}other.source`, chunkOf(i));
      if (i % 10 === 0) await sleep(1);
    }
    await bus.flush();
  };
  await publish(1, 2_000);
  await sleep(1_500);
  await publish(2_001, 2_040);
  const sinceStart = { maxBytes: 1e9, maxAgeMs: 60_000 };
  await eventually('all is there', async () => (await bus.history(subject, sinceStart)).length === 2_040);
  const recent = await bus.history(subject, { maxBytes: 1e9, maxAgeMs: 1_200 });
  assert.equal(numberOf(recent.at(-1)!), 2_040);
  assert.ok(recent.length >= 1 && recent.length <= 40, `${recent.length}`);
});

test('without JetStream history is what the publishers still have', {
  skip: debianNats.missing,
}, async (t) => {
  const server = await start(t, { jetStream: false });
  const { bus, statuses } = openBus(t, server);
  const { reader, statuses: told } = openReader(t, [server]);
  const source = startSource(t, bus);
  await eventually('audio arrives', () => reader.last > 20);
  await finish(source, reader, bus);
  const bounds = { maxBytes: 1e6, maxAgeMs: 10_000 };
  for (let i = 0; i < 5; i++) assert.equal((await reader.bus.history(subject, bounds)).length, source.sent);
  assert.equal(reader.bus.stats.historyFailures, 5);
  await eventually('it is told', () => statuses.some(({ event }) => event === 'stream.unavailable'));
  assert.equal(statuses.filter(({ event }) => event === 'stream.unavailable').length, 1);
  assert.equal(told.filter(({ event }) => event === 'history.failed').length, 1);
});

onBoth(
  'a stream with other settings is changed, and one that is lost comes back with what there is',
  async (t, version) => {
    const server = await start(t, { version });
    const old = openBus(t, server, { stream: { name: 'LS', maxBytes: 1024 * 1024, maxAgeMs: 30_000 } });
    await eventually('the stream is there', () => created(old.statuses) !== undefined);
    await old.bus.close();
    const { bus, statuses } = openBus(t, server);
    const { reader } = openReader(t, [server]);
    await eventually('it is changed', () => statuses.some(({ event }) => event === 'stream.updated'));
    bus.publish(subject, chunkOf(1));
    const bounds = { maxBytes: 1e6, maxAgeMs: 60_000 };
    await eventually('the stream has it', async () => (await bus.history(subject, bounds)).length === 1);
    await bus.request('$JS.API.STREAM.DELETE.LS', Buffer.alloc(0), 5_000);
    await eventually('it is back', () => created(statuses) === 1, 15_000);
    // Without its publisher the message is in the stream or nowhere.
    await bus.close();
    await eventually('it has it', async () => (await reader.bus.history(subject, bounds)).length === 1);
    assert.equal(statuses.filter(({ event }) => event === 'stream.updated').length, 1);
  },
);

test('a message too large for the server is counted, those after it arrive', {
  skip: debianNats.missing,
}, async (t) => {
  const server = await start(t, { config: 'max_payload: 8192' });
  const { bus } = openBus(t, server);
  const { reader } = openReader(t, [server]);
  await eventually('both are connected', () => bus.connected && reader.bus.connected);
  await reader.bus.flush();
  bus.publish(subject, Buffer.alloc(10_000));
  bus.publish('ls.test.state.live', Buffer.alloc(10_000));
  bus.publish(subject, chunkOf(1));
  await eventually('the small one arrives', () => reader.last === 1);
  assert.equal(bus.stats.dropped, 2);
  bus.respond('ls.test.ctl.large', () => Buffer.alloc(10_000));
  await bus.flush();
  await assert.rejects(
    reader.bus.request('ls.test.ctl.large', Buffer.from('?'), 5_000),
    (error) => error instanceof LegacyStreamError && error.code === 'LS_BUS_RESPONDER_FAILED',
  );
});

test('a request waits for the connection within its time', { skip: debianNats.missing }, async (t) => {
  const server = await prepare(t, {});
  const { bus } = openBus(t, server);
  const other = openBus(t, server).bus;
  other.respond('ls.test.ctl.live', (data) => data);
  await assert.rejects(
    bus.request('ls.test.ctl.live', Buffer.from('?'), 100),
    (error) => error instanceof LegacyStreamError && error.code === 'LS_BUS_TIMEOUT',
  );
  const answer = eventually('it is answered', () =>
    bus.request('ls.test.ctl.live', Buffer.from('!'), 10_000).catch(() => undefined),
  );
  await server.restart();
  assert.equal(Buffer.from(await answer).toString(), '!');
});

test('closing is bounded while the server stands still or is not there', {
  skip: debianNats.missing,
}, async (t) => {
  const server = await start(t);
  const frozen = openBus(t, server).bus;
  const absent = openBus(t, await prepare(t, {})).bus;
  await eventually('the bus is connected', () => frozen.connected);
  server.freeze();
  frozen.publish(subject, chunkOf(1));
  const startMs = performance.now();
  await Promise.all([frozen.close(), absent.close(), frozen.close()]);
  assert.ok(performance.now() - startMs < 2_500);
});

async function prepare(t: TestContext, options: NatsServerOptions): Promise<NatsServer> {
  const server = await NatsServer.prepare(options);
  t.after(() => server.stop());
  return server;
}

async function start(t: TestContext, options: NatsServerOptions = {}): Promise<NatsServer> {
  const server = await prepare(t, options);
  await server.restart();
  return server;
}

async function startCluster(t: TestContext, options: NatsServerOptions): Promise<NatsServer[]> {
  const servers = await NatsServer.startCluster(options);
  t.after(() => Promise.all(servers.map((server) => server.stop())));
  // Clients learn of a cluster what their server knows of it.
  await eventually('the servers know each other', async () => {
    const pages = await Promise.all(servers.map((server) => server.monitor('varz')));
    return pages.every((page) => Array.isArray(page['connect_urls']) && page['connect_urls'].length >= 2);
  });
  return servers;
}

function openBus(t: TestContext, server: NatsServer, options: Partial<NatsBusOptions> = {}) {
  const statuses: NatsStatus[] = [];
  const bus = new NatsBus({
    servers: [server.address],
    name: 'test',
    clock: new SystemClock(),
    audioPrefix,
    stream: { name: 'LS', maxBytes: 64 * 1024 * 1024 },
    onStatus: (status) => void statuses.push(status),
    ...options,
  });
  const alive = setInterval(() => {}, 1_000);
  t.after(async () => {
    clearInterval(alive);
    await bus.close();
  });
  return { bus, statuses };
}

function openReader(t: TestContext, servers: readonly NatsServer[]) {
  const stream = { name: 'LS', manages: false };
  const { bus, statuses } = openBus(t, servers[0]!, { stream });
  return { reader: new Reader(bus), statuses };
}

/** Drops what it has had already, and counts what is missing. */
class Reader {
  readonly bus: NatsBus;
  last = 0;
  missing = 0;
  maxPauseMs = 0;
  #atMs = performance.now();

  constructor(bus: NatsBus) {
    this.bus = bus;
    bus.subscribe(subject, (data) => {
      const number = numberOf(data);
      if (number <= this.last) return;
      this.missing += number - this.last - 1;
      this.last = number;
      this.maxPauseMs = Math.max(this.maxPauseMs, performance.now() - this.#atMs);
      this.#atMs = performance.now();
    });
  }
}

type Source = { sent: number; stop(): void };

function startSource(t: TestContext, bus: Bus): Source {
  const source = { sent: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    source.sent += 1;
    bus.publish(subject, chunkOf(source.sent));
  }, 25);
  t.after(() => source.stop());
  return source;
}

async function finish(source: Source, reader: Reader, bus: NatsBus): Promise<void> {
  source.stop();
  await bus.flush();
  await eventually('the last message arrives', () => reader.last === source.sent);
  assert.equal(reader.missing, 0);
}

/** The name of the server that leads the only stream. */
async function streamLeader(server: NatsServer): Promise<string> {
  const page = (await server.monitor('jsz?streams=1')) as {
    account_details: { stream_detail: { cluster: { leader: string } }[] }[];
  };
  return page.account_details[0]!.stream_detail[0]!.cluster.leader;
}

const isCreation = ({ event }: NatsStatus): boolean => event === 'stream.created';

function created(statuses: readonly NatsStatus[]): number | undefined {
  const status = statuses.find(isCreation);
  return status && 'replicas' in status ? status.replicas : undefined;
}

function chunkOf(number: number): Buffer {
  const data = randomBytes(chunkBytes);
  data.writeUInt32BE(number);
  return data;
}

function numberOf(data: Uint8Array): number {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).readUInt32BE();
}
