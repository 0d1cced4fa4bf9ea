/**
 * Servers that show themselves to NATS by a credentials file: each role with the rights that
 * deploy/nats/accounts.conf gives it, files that are wrong, and files that are renewed.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { NatsBus } from '@legacystream/runtime/nats-bus/nats-bus.ts';
import type { NatsStatus } from '@legacystream/runtime/nats-bus/nats-bus-options.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { createUser } from '@nats-io/nkeys';
import { missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { NatsOperator, type NatsRole, type NatsUser, writeCredentials } from '../support/nats-operator.ts';
import { currentNats, debianNats, NatsServer, type NatsVersion } from '../support/nats-server.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ServerProcess } from '../support/server-process.ts';
import { StreamClient } from '../support/stream-client.ts';

const subjects = new Subjects('main');
const audio = subjects.audio('live');
const bytes = Buffer.from('x');
const everything = { maxBytes: 1e6, maxAgeMs: 60_000 };
/** Of a user's JWT: long enough for a slow machine to connect first. */
const shortLifeS = 4;

for (const version of [debianNats, await currentNats()]) {
  test(`audio, history and answers go through, and nothing else (${version.label})`, {
    skip: version.missing,
  }, async (t) => {
    const stage = await Stage.open(t, { version });
    const [ingest, edge, control] = [
      await stage.bus('ingest'),
      await stage.bus('edge'),
      await stage.bus('control'),
    ];
    const heard: string[] = [];
    edge.bus.subscribe(audio, (data) => void heard.push(Buffer.from(data).toString()));
    edge.bus.respond(subjects.pod('edge-0', 'edge'), (data) => data);
    await edge.bus.flush();
    await eventually('the stream is there', () =>
      [ingest, control].some(({ statuses }) => statuses.some(({ event }) => event === 'stream.created')),
    );
    ingest.bus.publish(audio, Buffer.from('from the ingest'));
    await eventually('the edge hears it', () => heard.length === 1);
    assert.deepEqual(heard, ['from the ingest']);
    // Only the stream has what the publisher has forgotten.
    await ingest.bus.close();
    await eventually(
      'the edge reads it from the stream',
      async () => (await edge.bus.history(audio, everything)).length === 1,
    );
    const answer = await control.bus.request(subjects.pod('edge-0', 'edge'), bytes, 5_000);
    assert.deepEqual(Buffer.from(answer), bytes);
    assert.deepEqual([ingest, edge, control].flatMap(refusals), []);

    edge.bus.publish(audio, Buffer.from('from an edge'));
    control.bus.subscribe(audio, () => {});
    await eventually('the edge is told', () => refusals(edge).includes(`publish ${audio}`));
    await eventually('control is told', () => refusals(control).includes(`subscribe ${audio}`));
    await edge.bus.flush();
    assert.deepEqual(heard, ['from the ingest']);
    assert.equal(edge.bus.stats.reconnects, 0);
  });
}

test('an account without JetStream: audio goes through, and one warning', {
  skip: debianNats.missing,
}, async (t) => {
  const stage = await Stage.open(t, { jetStream: false });
  const [ingest, edge] = [await stage.bus('ingest'), await stage.bus('edge')];
  await eventually('it is told', () => ingest.statuses.some(({ event }) => event === 'stream.unavailable'));
  ingest.bus.publish(audio, bytes);
  await eventually(
    'the edge has it from its publisher',
    async () => (await edge.bus.history(audio, everything)).length === 1,
  );
});

test('files that no server would take are refused at once, without a word of what is in them', {
  skip: debianNats.missing,
}, async (t) => {
  const stage = await Stage.open(t);
  const user = await stage.operator.user('edge');
  const seed = (key: NatsUser['key']) => Buffer.from(key.getSeed()).toString();
  const stranger = createUser();
  await stage.write('edge', { ...user, key: stranger });
  assert.throws(() => stage.open('edge'), isInvalid(/seed that is not of the user/, seed(stranger)));
  for (const text of ['', 'nonsense', user.jwt, seed(user.key)]) {
    await writeFile(stage.file('edge'), text);
    assert.throws(() => stage.open('edge'), isInvalid(/holds no NATS credentials/, text || undefined));
  }
  await rm(stage.file('edge'));
  assert.throws(
    () => stage.open('edge'),
    (error) => error instanceof LegacyStreamError && error.code === 'LS_CONFIG_UNREADABLE',
  );
});

for (const whose of ['another operator', 'the past'])
  test(`a user of ${whose} is told of once, as a wrong password is`, {
    skip: debianNats.missing,
  }, async (t) => {
    const stage = await Stage.open(t);
    const other = await NatsOperator.create();
    const isPast = whose === 'the past';
    await stage.write('edge', isPast ? await stage.operator.user('edge', -60) : await other.user('edge'));
    const { bus, statuses } = stage.open('edge');
    await eventually('it is told', () => statuses.some(({ event }) => event === 'unreachable'));
    assert.equal(bus.connected, false);
    assert.match(JSON.stringify(statuses), /Authorization/);
    // Put right while the server runs.
    await stage.write('edge', await stage.operator.user('edge'));
    await eventually('it is let in', () => bus.connected);
    assert.equal(statuses.filter(({ event }) => event === 'unreachable').length, 1);
  });

test('a user that expires goes on with the file that is there by then', {
  skip: debianNats.missing,
}, async (t) => {
  const stage = await Stage.open(t);
  const brief = await stage.operator.user('ingest', shortLifeS);
  const { bus, statuses } = await stage.bus('ingest', brief);
  assert.deepEqual(await stage.jwts(), [brief.jwt]);
  const next = await stage.operator.user('ingest');
  await stage.write('ingest', next);
  await eventually('it is connected anew', () => bus.stats.reconnects === 1 && bus.connected);
  assert.match(JSON.stringify(statuses), /authentication expired/i);
  assert.deepEqual(await stage.jwts(), [next.jwt]);
  assert.deepEqual(
    statuses.filter(({ event }) => event === 'unreachable'),
    [],
  );
});

test('a file that is spoilt while the server runs is named, and read again when it is put right', {
  skip: debianNats.missing,
}, async (t) => {
  const stage = await Stage.open(t);
  const { bus, statuses } = await stage.bus('edge');
  await writeFile(stage.file('edge'), 'half a fi');
  assert.equal(bus.connected, true, 'who is connected needs no file');
  await stage.server.kill();
  await stage.server.restart();
  const isNamed = (status: NatsStatus) =>
    status.event === 'unreachable' && status.reason.includes(stage.file('edge'));
  await eventually('the file is named', () => statuses.some(isNamed));
  await stage.write('edge', await stage.operator.user('edge'));
  await eventually('it is connected', () => bus.connected);
  assert.equal(statuses.filter(isNamed).length, 1);
});

test('a server that is about to leave: the next one is shown the file that is there by then', {
  skip: debianNats.missing,
}, async (t) => {
  const stage = await Stage.open(t, { servers: 3 });
  const { bus } = await stage.bus('edge');
  const [leaving, ...others] = stage.servers;
  const next = await stage.operator.user('edge');
  await stage.write('edge', next);
  leaving!.lameDuck();
  await eventually('it is connected anew', () => bus.stats.reconnects === 1 && bus.connected);
  const jwts = await Promise.all(others.map((server) => stage.jwts(server)));
  assert.deepEqual(jwts.flat(), [next.jwt]);
});

test('servers with files of their own: an encoder is heard at the edge, and a wrong file ends the start', {
  skip: debianNats.missing || missingProgram('redis-server'),
}, async (t) => {
  const stage = await Stage.open(t);
  const redis = await RedisServer.start();
  t.after(() => redis.stop());
  const start = async (role: NatsRole, user?: NatsUser) => {
    await stage.write(role, user ?? (await stage.operator.user(role)));
    const server = await ServerProcess.start({
      role,
      set: [
        'cluster.name=main',
        `cluster.podId=${role}`,
        `bus.url=nats://${stage.server.address}`,
        `bus.credentialsFile=${stage.file(role)}`,
        'bus.historyBytes=67108864',
        `store.url=${redis.url}`,
        'edge.drainDelay=0',
        'edge.drainTime=0',
      ],
    });
    t.after(() => server.stop());
    return server;
  };
  const [ingest, edge] = await Promise.all([start('ingest'), start('edge')]);
  const source = await CountingSource.start({ port: ingest.httpPort, mount: '/live.mp3' });
  t.after(() => source.destroy());
  const listener = await eventually('the mount is known', async () => {
    const client = await StreamClient.open({ port: edge.httpPort, path: '/live.mp3' });
    if ((await client.head()).status === 200) return client;
    client.close();
    return undefined;
  });
  t.after(() => listener.close());
  await eventually('audio is heard', () => listener.body.length > 60_000);
  for (const server of [ingest, edge]) {
    const faults = server.lines.filter(({ event }) => /^bus\.(?:refused|error|stream\.unav)/.test(event));
    assert.deepEqual(faults, []);
  }
  const wrong = { ...(await stage.operator.user('control')), key: createUser() };
  await assert.rejects(start('control', wrong), /exited with 1[\s\S]*seed that is not of the user/);
});

type Opened = { readonly bus: NatsBus; readonly statuses: NatsStatus[] };
type StageOptions = {
  readonly version?: NatsVersion;
  readonly servers?: 1 | 3;
  readonly jetStream?: boolean;
};

/** Servers of one operator, and a file for each role. */
class Stage {
  readonly operator: NatsOperator;
  readonly servers: readonly NatsServer[];
  readonly #t: TestContext;
  readonly #folder: string;

  private constructor(
    t: TestContext,
    operator: NatsOperator,
    servers: readonly NatsServer[],
    folder: string,
  ) {
    this.#t = t;
    this.operator = operator;
    this.servers = servers;
    this.#folder = folder;
  }

  static async open(t: TestContext, { version = debianNats, servers = 1, jetStream }: StageOptions = {}) {
    const operator = await NatsOperator.create(jetStream);
    const folder = await mkdtemp(path.join(tmpdir(), 'legacystream-creds-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const options = { version, config: operator.config };
    const started =
      servers === 3 ? await NatsServer.startCluster(options) : [await NatsServer.start(options)];
    t.after(() => Promise.all(started.map((server) => server.stop())));
    return new Stage(t, operator, started, folder);
  }

  get server(): NatsServer {
    return this.servers[0]!;
  }

  file(role: NatsRole): string {
    return path.join(this.#folder, `${role}.creds`);
  }

  write(role: NatsRole, user: NatsUser): Promise<void> {
    return writeCredentials(this.file(role), user);
  }

  /** The bus of a role, connected. */
  async bus(role: NatsRole, user?: NatsUser): Promise<Opened> {
    await this.write(role, user ?? (await this.operator.user(role)));
    const opened = this.open(role);
    await eventually(`${role} is connected`, () => opened.bus.connected);
    return opened;
  }

  /** With the file as it is. */
  open(role: NatsRole): Opened {
    const statuses: NatsStatus[] = [];
    const bus = new NatsBus({
      servers: this.servers.map(({ address }) => address).slice(0, 1),
      credentialsPath: this.file(role),
      name: role,
      clock: new SystemClock(),
      audioPrefix: subjects.audioPrefix,
      inboxPrefix: `_INBOX.${role}`,
      stream: { name: 'LS_main', maxBytes: 1024 * 1024, manages: role !== 'edge' },
      onStatus: (status) => void statuses.push(status),
    });
    const alive = setInterval(() => {}, 1_000);
    this.#t.after(async () => {
      clearInterval(alive);
      await bus.close();
    });
    return { bus, statuses };
  }

  /** What the clients of a server have shown. */
  async jwts(server = this.server): Promise<string[]> {
    const page = (await server.monitor('connz?auth=1')) as { connections: { jwt: string }[] };
    return page.connections.map(({ jwt }) => jwt);
  }
}

function isInvalid(message: RegExp, secret: string | undefined) {
  return (error: unknown) => {
    assert.ok(error instanceof LegacyStreamError);
    assert.equal(error.code, 'LS_CONFIG_INVALID');
    assert.match(error.message, message);
    assert.ok(secret === undefined || !error.message.includes(secret));
    return true;
  };
}

function refusals({ statuses }: Opened): string[] {
  return statuses.flatMap((status) =>
    status.event === 'refused' ? [`${status.operation} ${status.subject}`] : [],
  );
}
