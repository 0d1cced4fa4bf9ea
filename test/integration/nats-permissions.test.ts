/**
 * The users of deploy/nats/accounts.conf can do what their role needs and nothing else, and
 * the bus says what it is not allowed. Also: passwords, tokens and TLS.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { NatsBus } from '@legacystream/runtime/nats-bus/nats-bus.ts';
import type { NatsBusOptions, NatsStatus } from '@legacystream/runtime/nats-bus/nats-bus-options.ts';
import { connectOnce } from '@legacystream/runtime/nats-bus/nats-transport.ts';
import { parseNatsUrl } from '@legacystream/runtime/nats-bus/nats-url.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { currentNats, debianNats, NatsServer, type NatsServerOptions } from '../support/nats-server.ts';
import { ProgramProcess } from '../support/program-process.ts';

const accounts = readFileSync(new URL('../../deploy/nats/accounts.conf', import.meta.url), 'utf8');
const subjects = new Subjects('main');
const audio = subjects.audio('live');
const stream = 'LS_main';
const bytes = Buffer.from('x');
const everything = { maxBytes: 1e6, maxAgeMs: 60_000 };
const env = Object.fromEntries(
  ['INGEST', 'EDGE', 'CONTROL', 'SYS'].map((role) => [`LS_NATS_${role}_PASSWORD`, `secretOf${role}`]),
);

type Role = 'ingest' | 'edge' | 'control';

/** What a role must not be able to do. */
const forbidden: Readonly<Record<Role, { publish: readonly string[]; subscribe: readonly string[] }>> = {
  edge: {
    publish: [
      audio,
      subjects.hls('live', 'source'),
      subjects.state('live'),
      '_INBOX.control.x',
      `$JS.API.STREAM.DELETE.${stream}`,
      `$JS.API.STREAM.PURGE.${stream}`,
      `$JS.API.STREAM.UPDATE.${stream}`,
      '$JS.API.STREAM.CREATE.other',
      `$JS.API.CONSUMER.CREATE.${stream}`,
      '$JS.API.STREAM.NAMES',
    ],
    subscribe: [
      '>',
      subjects.owner('live'),
      'ls.main.audio-tail.*.*',
      '_INBOX.>',
      '_INBOX.ingest.>',
      '$JS.API.>',
      '$SYS.>',
    ],
  },
  ingest: {
    publish: [
      '_INBOX.control.x',
      subjects.hlsTold('live', 'source'),
      `$JS.API.STREAM.DELETE.${stream}`,
      `$JS.API.CONSUMER.CREATE.${stream}`,
      new Subjects('other').audio('live'),
    ],
    subscribe: ['>', `${subjects.audioPrefix}>`, '_INBOX.edge.>'],
  },
  control: {
    publish: [
      audio,
      subjects.hls('live', 'source'),
      subjects.state('live'),
      '_INBOX.edge.x',
      `$JS.API.STREAM.DELETE.${stream}`,
    ],
    subscribe: ['>', `${subjects.audioPrefix}>`, subjects.owner('live'), '_INBOX.edge.>'],
  },
};

for (const version of [debianNats, await currentNats()]) {
  test(`each role can do what it needs (${version.label})`, { skip: version.missing }, async (t) => {
    const server = await start(t, { version, config: accounts, env });
    const [ingest, edge, control] = await openRoles(t, server);
    const roles = { ingest, edge, control };
    // A set: audio may come again once the stream is there.
    const heard = new Set<string>();
    const hear = (role: Role, subject: string) =>
      roles[role].bus.subscribe(
        subject,
        (data, on) => void heard.add(`${role}: ${Buffer.from(data)} on ${on}`),
      );
    const say = (role: Role, subject: string) => roles[role].bus.publish(subject, Buffer.from(role));
    /** What everybody says to everybody. */
    const ofAll = [subjects.loginFailures, subjects.bans];
    const hls = subjects.hls('live', 'source');
    const told = subjects.hlsTold('live', 'source');
    for (const subject of [audio, hls, told, subjects.hlsListeners, subjects.allStates, ...ofAll])
      hear('edge', subject);
    for (const subject of [subjects.allStates, ...ofAll]) hear('control', subject);
    for (const subject of [told, ...ofAll]) hear('ingest', subject);
    ingest.bus.respond(subjects.owner('live'), (data) => data);
    edge.bus.respond(subjects.pod('edge-0', 'edge'), (data) => data);
    await Promise.all([ingest, edge, control].map(({ bus }) => bus.flush()));
    await eventually('the stream is there', () =>
      [ingest, control].some(({ statuses }) => statuses.some(({ event }) => event === 'stream.created')),
    );

    for (const subject of [audio, hls, subjects.state('live')]) say('ingest', subject);
    for (const subject of [told, subjects.hlsListeners]) say('edge', subject);
    for (const role of ['ingest', 'edge', 'control'] as const)
      for (const subject of ofAll) say(role, subject);
    await eventually('all is heard', () => heard.size === 25).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${[...heard].sort().join('\n')}`);
    });
    const history = async () => (await edge.bus.history(audio, everything)).length > 0;
    await eventually('the edge reads the history', history);
    for (const subject of [subjects.owner('live'), subjects.pod('edge-0', 'edge')])
      assert.deepEqual(Buffer.from(await control.bus.request(subject, bytes, 5_000)), bytes);
    assert.deepEqual(Buffer.from(await ingest.bus.request(subjects.owner('live'), bytes, 5_000)), bytes);
    for (const { statuses } of [ingest, edge, control])
      assert.deepEqual(
        statuses.filter(({ event }) => event === 'refused' || event === 'stream.unavailable'),
        [],
      );
  });

  test(`no role can do more (${version.label})`, { skip: version.missing }, async (t) => {
    const server = await start(t, { version, config: accounts, env });
    const [ingest, edge, control] = await openRoles(t, server);
    for (const [role, { bus, statuses }] of Object.entries({ ingest, edge, control })) {
      const { publish, subscribe } = forbidden[role as Role];
      for (const subject of publish) bus.publish(subject, bytes);
      for (const subject of subscribe) bus.subscribe(subject, () => {});
      const expected = [
        ...publish.map((subject) => `publish ${subject}`),
        ...subscribe.map((subject) => `subscribe ${subject}`),
        // Who publishes audio would be asked for its tail.
        ...(publish.includes(audio) ? ['subscribe ls.main.audio-tail.>'] : []),
      ].sort();
      await eventually(`${role} is told of each`, () => refusals(statuses).length >= expected.length);
      assert.deepEqual(refusals(statuses).sort(), expected, role);
      // Being refused costs no connection.
      assert.equal(bus.stats.reconnects, 0);
    }
    await assert.rejects(
      edge.bus.request(`$JS.API.STREAM.DELETE.${stream}`, bytes, 30_000),
      (error) => error instanceof LegacyStreamError && error.code === 'LS_BUS_NO_RESPONDER',
    );
    assert.deepEqual(await edge.bus.history(audio, everything), []);
    assert.equal((await server.monitor('jsz'))['streams'], 1);
  });
}

for (const version of [debianNats, await currentNats()]) {
  test(`deploy/nats/nats-server.conf is accepted (${version.label})`, { skip: version.missing }, async () => {
    const file = fileURLToPath(new URL('../../deploy/nats/nats-server.conf', import.meta.url));
    const run = promisify(execFile)(version.program, ['-t', '-c', file], {
      env: { ...process.env, ...env, HOSTNAME: 'nats-0' },
      timeout: 10_000,
    });
    assert.match((await run).stderr, /is valid/);
  });
}

test('an edge does not have others publish for it by asking', { skip: debianNats.missing }, async (t) => {
  const server = await start(t);
  const { bus } = open(t, server, {});
  const asker = open(t, server, {}).bus;
  const heard: string[] = [];
  bus.respond('ls.main.ctl.live', () => Buffer.from('answer'));
  bus.subscribe(audio, (data) => void heard.push(Buffer.from(data).toString()));
  await eventually('both are connected', () => bus.connected && asker.connected);
  await bus.flush();
  const stranger = await connectOnce({ servers: [server.address] });
  t.after(() => stranger.close());
  stranger.publish('ls.main.ctl.live', bytes, { reply: audio });
  await stranger.flush();
  // What is answered at all is answered before this.
  assert.equal(Buffer.from(await asker.request('ls.main.ctl.live', bytes, 5_000)).toString(), 'answer');
  await bus.flush();
  assert.deepEqual(heard, []);
});

test('malformed answers and messages do no harm', { skip: debianNats.missing }, async (t) => {
  const server = await start(t);
  const { bus } = open(t, server, {});
  await eventually('it is connected', () => bus.connected);
  const stranger = await connectOnce({ servers: [server.address] });
  t.after(() => stranger.close());
  const replies: string[] = [];
  stranger.subscribe('ls.main.ctl.live', { callback: (_error, { reply }) => void replies.push(reply ?? '') });
  await stranger.flush();
  const answer = bus.request('ls.main.ctl.live', bytes, 10_000);
  await eventually('it asks', () => replies.length === 1);
  const messages: string[] = [];
  bus.subscribe(audio, (data) => void messages.push(Buffer.from(data).toString()));
  await bus.flush();
  // Headers that the client library cannot read, sent by hand.
  const socket = createConnection(server.port, '127.0.0.1');
  t.after(() => socket.destroy());
  const broken = 'NATS/1.0 \u0000x\r\na: b\rc\r\n\r\n';
  socket.write('CONNECT {"verbose":false,"headers":true}\r\n');
  for (const to of [replies[0], audio, '_INBOX.ls.x'])
    socket.write(`HPUB ${to} ${broken.length} ${broken.length + 1}\r\n${broken}x\r\n`);
  const heard: string[] = [];
  socket.on('data', (data) => void heard.push(data.toString('latin1')));
  socket.write('PING\r\n');
  await eventually('the server has passed them on', () => heard.join('').includes('PONG'));
  stranger.publish(replies[0]!, Buffer.from('proper'));
  assert.equal(Buffer.from(await answer).toString(), 'proper');
  await eventually('the message itself can be read', () => messages.length === 1);
  await bus.flush();
  assert.equal(bus.stats.reconnects, 0);
});

test('a wrong password is told once and tried again', { skip: debianNats.missing }, async (t) => {
  const server = await start(t, { config: accounts, env });
  const { bus, statuses } = open(t, server, { user: 'edge', password: 'wrongSecret' });
  await eventually('it is told', () => statuses.some(({ event }) => event === 'unreachable'));
  assert.equal(bus.connected, false);
  assert.match(JSON.stringify(statuses), /Authorization/);
  assert.doesNotMatch(JSON.stringify(statuses), /wrongSecret/);
});

test('a token is enough where the server asks for one', { skip: debianNats.missing }, async (t) => {
  const server = await start(t, { config: 'authorization { token: "t0ken" }' });
  const { bus } = open(t, server, parseNatsUrl(`nats://t0ken@${server.address}`));
  await eventually('it is connected', () => bus.connected);
});

const tlsPrograms = missingProgram('openssl');
test('TLS: servers are checked, clients show a certificate', {
  skip: debianNats.missing || tlsPrograms,
}, async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'legacystream-nats-tls-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = (name: string) => path.join(folder, name);
  await makeCertificate(file('cert.pem'), file('key.pem'));
  await makeCertificate(file('other.pem'), file('other-key.pem'));
  const files = `cert_file: "${file('cert.pem')}", key_file: "${file('key.pem')}", ca_file: "${file('cert.pem')}"`;
  const server = await start(t, {
    config: `tls { ${files}, verify: true }\nauthorization { user: u, password: "p@ss" }`,
  });
  const address = parseNatsUrl(`tls://u:p%40ss@localhost:${server.port}`);
  assert.equal(address.tls, true);
  const own = { certificatePath: file('cert.pem'), privateKeyPath: file('key.pem') };
  const { bus, statuses } = open(t, server, { ...address, tls: { ...own, caPath: file('cert.pem') } });
  await eventually('it is connected', () => bus.connected);
  bus.publish(audio, bytes);
  await eventually('the history is read', async () => (await bus.history(audio, everything)).length === 1);
  assert.ok(statuses.every(({ event }) => event !== 'error'));

  const distrusting = open(t, server, { ...address, tls: { ...own, caPath: file('other.pem') } });
  const nameless = open(t, server, { ...address, tls: { caPath: file('cert.pem') } });
  for (const refused of [distrusting, nameless]) {
    await eventually('it is refused', () => refused.statuses.some(({ event }) => event === 'unreachable'));
    assert.equal(refused.bus.connected, false);
  }
  assert.throws(
    () => open(t, server, { tls: { caPath: file('absent.pem') } }),
    (error) => error instanceof LegacyStreamError && error.code === 'LS_CONFIG_UNREADABLE',
  );
});

async function makeCertificate(certificate: string, key: string): Promise<void> {
  await ProgramProcess.run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', key, '-out', certificate],
  ]);
}

async function start(t: TestContext, options: NatsServerOptions = {}): Promise<NatsServer> {
  const server = await NatsServer.start(options);
  t.after(() => server.stop());
  return server;
}

type Opened = { readonly bus: NatsBus; readonly statuses: NatsStatus[] };

async function openRoles(t: TestContext, server: NatsServer): Promise<[Opened, Opened, Opened]> {
  const roles = (['ingest', 'edge', 'control'] as const).map((role) =>
    open(t, server, {
      name: role,
      user: role,
      password: env[`LS_NATS_${role.toUpperCase()}_PASSWORD`]!,
      inboxPrefix: `_INBOX.${role}`,
      stream: { name: stream, maxBytes: 1024 * 1024, manages: role !== 'edge' },
    }),
  );
  await eventually('all are connected', () => roles.every(({ bus }) => bus.connected));
  return roles as [Opened, Opened, Opened];
}

function open(
  t: TestContext,
  server: NatsServer,
  { tls, ...options }: Partial<Omit<NatsBusOptions, 'tls'>> & { tls?: NatsBusOptions['tls'] | boolean },
): Opened {
  const statuses: NatsStatus[] = [];
  const bus = new NatsBus({
    servers: [server.address],
    name: 'test',
    clock: new SystemClock(),
    audioPrefix: subjects.audioPrefix,
    stream: { name: stream, maxBytes: 1024 * 1024 },
    onStatus: (status) => void statuses.push(status),
    ...(typeof tls === 'object' ? { tls } : {}),
    ...options,
  });
  const alive = setInterval(() => {}, 1_000);
  t.after(async () => {
    clearInterval(alive);
    await bus.close();
  });
  return { bus, statuses };
}

function refusals(statuses: readonly NatsStatus[]): string[] {
  return statuses.flatMap((status) =>
    status.event === 'refused' ? [`${status.operation} ${status.subject}`] : [],
  );
}
