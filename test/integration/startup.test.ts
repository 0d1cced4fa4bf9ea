/**
 * How the server comes up: from the demo and from nothing, from the sample of the original,
 * with credentials of its own, without a place for its data, and how it refuses.
 */
import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { countingFormats } from '../support/counting-frames.ts';
import { readCountingFrames } from '../support/counting-reader.ts';
import { CountingSource } from '../support/counting-source.ts';
import { runServerCommand } from '../support/server-command.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const sampleIni = fileURLToPath(new URL('../fixtures/original-sample.ini', import.meta.url));
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'legacystream-start-'));
});

after(() => rm(folder, { recursive: true }));

/** A source with this password goes on air and a listener hears it. */
async function assertOnAir(server: ServerProcess, password = sourcePassword, host = '127.0.0.1') {
  const target = { port: server.httpPort, host };
  const mount = `/by-${host.replaceAll(':', '-')}.mp3`;
  const source = await CountingSource.start({ ...target, mount, password });
  const listener = await StreamClient.open({ ...target, path: mount });
  const { gaps, tornBytes } = readCountingFrames(await listener.receive(20_000), countingFormats.mp3At128);
  assert.deepEqual([tornBytes, gaps], [0, []]);
  listener.close();
  await source.end();
}

type Credentials = { readonly sourcePassword: string; readonly adminPassword: string };

const readCredentials = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as Credentials;

describe('a start', () => {
  test('with --demo has audio on /demo.mp3 within seconds, and says where', async () => {
    const startedMs = performance.now();
    const server = await ServerProcess.start({ args: ['--demo'], withoutPasswords: true });
    try {
      const listener = await StreamClient.open({
        port: server.httpPort,
        path: '/demo.mp3',
        headers: ['Icy-MetaData: 1'],
      });
      const head = await listener.head();
      assert.equal(head.status, 200);
      const burst = await listener.receive(40_000);
      assert.ok(performance.now() - startedMs < 8_000);
      assert.match(burst.toString('latin1'), /StreamTitle='[^']+ - [^']+'/);
      assert.equal(head.headers.get('icy-name'), 'LegacyStream demo');
      listener.close();

      const credentials = await readCredentials(join(server.folder, 'data', 'credentials.json'));
      assert.match(
        server.output,
        new RegExp(`Listen: +http://127\\.0\\.0\\.1:${server.httpPort}/demo\\.mp3`),
      );
      assert.ok(server.output.includes(credentials.adminPassword));
      const command = /icecast:\/\/source:(\w+)@127\.0\.0\.1:(\d+)\//.exec(server.output);
      assert.deepEqual(command?.slice(1), [credentials.sourcePassword, String(server.httpPort)]);
      await statusOf(server, '/demo.mp3', ({ title }) => typeof title === 'string' && title !== '');
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });

  test('makes passwords once, for its own account only, and shows them once', async () => {
    const dataDir = join(folder, 'kept');
    const options = { args: ['--demo'], withoutPasswords: true, set: [`server.dataDir=${dataDir}`] };
    const path = join(dataDir, 'credentials.json');
    const first = await ServerProcess.start(options);
    const made = await readCredentials(path);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(dataDir)).mode & 0o077, 0);
    for (const password of Object.values(made)) assert.match(password, /^[A-Za-z0-9]{16,}$/);
    await assertOnAir(first, made.sourcePassword);
    await first.stop();

    const second = await ServerProcess.start(options);
    try {
      assert.deepEqual(await readCredentials(path), made);
      assert.equal((await stat(path)).mode & 0o777, 0o600);
      assert.ok(!second.output.includes(made.adminPassword) && !second.output.includes(made.sourcePassword));
      await assertOnAir(second, made.sourcePassword);
      const login = Buffer.from(`admin:${made.adminPassword}`).toString('base64');
      const stats = await fetch(`${second.url}/admin/stats`, {
        headers: { authorization: `Basic ${login}` },
      });
      assert.equal(stats.status, 200);
      for (const guess of ['hackme', 'admin', '']) {
        const bad = Buffer.from(`admin:${guess}`).toString('base64');
        const answer = await fetch(`${second.url}/admin/stats`, {
          headers: { authorization: `Basic ${bad}` },
        });
        assert.equal(answer.status, 401);
      }
    } finally {
      await second.stop();
    }
  });

  test('takes its port from the environment over everything else', async () => {
    const server = await ServerProcess.start({
      ini: '[Server]\nHttpPort=1',
      set: ['server.httpPort=2'],
      env: { LEGACYSTREAM_SERVER_HTTP_PORT: '0', LEGACYSTREAM_AUTH_SOURCE_PASSWORD: 'from-the-env-77' },
    });
    try {
      assert.ok(server.httpPort > 1024);
      await assertOnAir(server, 'from-the-env-77');
    } finally {
      await server.stop();
    }
  });

  test('with the original’s sample file needs nothing but free ports', async () => {
    const ini = join(folder, 'sample.ini');
    await copyFile(sampleIni, ini);
    const dataDir = join(folder, 'sample-data');
    const server = await ServerProcess.start({
      args: ['--config', ini],
      set: ['server.httpsPort=0', `server.dataDir=${dataDir}`],
    });
    try {
      assert.ok(server.lines.some(({ event }) => event === 'certificate.missing'));
      assert.equal(server.httpsPort, 0);
      const { sourcePassword: password } = await readCredentials(join(dataDir, 'credentials.json'));
      const source = await CountingSource.start({ port: server.httpPort, mount: '/a.mp3', password });
      await statusOf(server, '/a.mp3');
      const listener = await StreamClient.open({ port: server.httpPort, path: '/a.mp3' });
      const { tornBytes } = readCountingFrames(await listener.receive(20_000), countingFormats.mp3At128);
      assert.equal(tornBytes, 0);
      listener.close();
      source.destroy();
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });

  const hasIpv6 = Object.values(networkInterfaces())
    .flat()
    .some((address) => address?.address === '::1');
  test('on :: serves IPv6 and IPv4', { skip: !hasIpv6 && 'this machine has no IPv6' }, async () => {
    const server = await ServerProcess.start({ set: ['server.bindAddress=::'] });
    try {
      await assertOnAir(server, sourcePassword, '::1');
      await assertOnAir(server, sourcePassword, '127.0.0.1');
      const addresses = server.lines.flatMap((line) => (line.event === 'source.connected' ? line['ip'] : []));
      assert.deepEqual(addresses, ['::1', '127.0.0.1']);
    } finally {
      await server.stop();
    }
  });
});

describe('without a place for its data', () => {
  async function assertServesFromMemory(dataDir: string, uid?: number): Promise<void> {
    const server = await ServerProcess.start({
      set: [`server.dataDir=${dataDir}`],
      ...(uid !== undefined && { uid }),
    });
    try {
      await assertOnAir(server);
      const warning = await server.waitFor('data.degraded');
      assert.equal(warning['level'], 'warn');
      assert.ok(String(warning['msg']).includes(dataDir), String(warning['msg']));
    } finally {
      assert.equal(await server.stop(), 0);
    }
  }

  test('it warns and is on air: the path leads through a file', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    await assertServesFromMemory(`${file}/data`);
  });

  const noOther = !isRoot && 'starting as another user needs root';
  test('it warns and is on air: the directory is somebody else’s', { skip: noOther }, async () => {
    await chmod(folder, 0o755);
    const dataDir = join(folder, 'roots');
    await mkdir(dataDir, { mode: 0o755 });
    await assertServesFromMemory(dataDir, nobody);
  });

  test('the passwords that it made are still told', async () => {
    const file = join(folder, 'another-file');
    await writeFile(file, '');
    const server = await ServerProcess.start({
      args: ['--demo'],
      withoutPasswords: true,
      set: [`server.dataDir=${file}/data`],
    });
    try {
      const [, password] = /icecast:\/\/source:(\w+)@/.exec(server.output) ?? [];
      assert.ok(password, server.output);
      await assertOnAir(server, password);
      assert.match(server.output, /Your passwords could not be kept/);
    } finally {
      await server.stop();
    }
  });
});

describe('a start is refused with status 1 and one sentence', () => {
  async function refusalOf(ini: string, args: readonly string[] = []): Promise<string> {
    const path = join(folder, 'refused.ini');
    await writeFile(path, ini);
    const dataDir = `server.dataDir=${folder}/refused-data`;
    const ports = ['--set', 'server.httpPort=0', '--set', 'telemetry.port=0', '--set', dataDir];
    const { code, stderr } = await runServerCommand(['standalone', '--config', path, ...ports, ...args]);
    assert.equal(code, 1, stderr);
    assert.doesNotMatch(stderr, /^\s+at /m, 'no stack');
    return stderr.replaceAll(path, 'FILE');
  }

  test('when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const set = ['--set', `server.httpPort=${port}`, '--set', 'server.bindAddress=127.0.0.1'];
    assert.equal(
      await refusalOf('', set),
      `legacystream: cannot listen on port ${port}: another program is using it (wanted for HTTP)\n`,
    );
    other.close();
  });

  test('when the configuration cannot be read', async () => {
    const { code, stderr } = await runServerCommand(['standalone', '--config', join(folder, 'none.ini')]);
    assert.equal(code, 1);
    assert.match(stderr, /^legacystream: .*none\.ini.*cannot read the configuration.*\n$/);
  });

  const refused: readonly (readonly [what: string, ini: string, wanted: RegExp])[] = [
    ['a value that is none', '[Server]\nHttpPort=80a', /^legacystream: FILE:2: .*HttpPort.*\n$/],
    ['a key that nobody knows', '[Server]\n\nHtpPort=80', /^legacystream: FILE:3: .*HtpPort.*HttpPort.*\n$/],
    ['a section that nobody knows', '[Sever]\nHttpPort=80', /^legacystream: FILE:1: .*Sever.*Server.*\n$/],
    ['hackme', '[Auth]\nAdminPassword=a-good-One-1\nSourcePassword=hackme', /^legacystream: FILE:3: .*\n$/],
    ['hackme for a mount', '[Mount /a]\nSourcePassword=hackme', /^legacystream: FILE:2: .*\n$/],
    ['a line that is none', '[Server]\nnonsense', /^legacystream: FILE:2: .*\n$/],
    [
      'TLS without a key',
      '[SSL]\nEnabled=true\nCertificatePath=c.pem',
      /^legacystream: FILE:2: .*PrivateKeyPath.*\n$/,
    ],
    [
      'TLS without its files',
      '[SSL]\nEnabled=true\nCertificatePath=c.pem\nPrivateKeyPath=k.pem',
      /^legacystream: .*c\.pem.*\n$/,
    ],
  ];
  for (const [what, ini, wanted] of refused) {
    test(`when there is ${what}`, async () => {
      const text = await refusalOf(ini);
      assert.match(text, wanted);
      assert.doesNotMatch(text, /a-good-One-1/);
    });
  }

  test('with a sentence for everything that is wrong', async () => {
    const text = await refusalOf('[Server]\nHttpPort=x\n[Nonsense]\n[Auth]\nSourcePassword=hackme');
    assert.equal(text.trimEnd().split('\n').length, 3, text);
  });
});
