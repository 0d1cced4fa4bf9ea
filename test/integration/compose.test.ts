/**
 * deploy/compose.yaml and the Dockerfile, without Docker: the settings that each server is
 * given are ones that it takes, ports and times are those of the settings, the image is built
 * once, and NATS and Sentinel take their configuration.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadSettings } from '@legacystream/runtime/config/load-settings.ts';
import { parse } from 'yaml';
import { findProgram, missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { RedisServer } from '../support/redis-server.ts';
import { serverCommand } from '../support/server-process.ts';

type Service = {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly pull_policy?: string;
  readonly restart: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
};

const deploy = (name: string) => fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url));
const compose = parse(readFileSync(deploy('compose.yaml'), 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
};
const dockerfile = readFileSync(deploy('Dockerfile'), 'utf8');
const servers = Object.entries(compose.services).filter(([, { image }]) => image === 'legacystream');

test('it has what the documentation says', () => {
  const named = (start: string) =>
    Object.keys(compose.services).filter((name) => name.startsWith(start)).length;
  assert.deepEqual(
    ['nats-', 'redis-', 'sentinel-', 'ingest-', 'edge-', 'control'].map(named),
    [3, 2, 3, 2, 2, 1],
  );
  const ids = servers.map(([, { environment }]) => environment?.['LEGACYSTREAM_CLUSTER_POD_ID']);
  assert.deepEqual(
    ids,
    servers.map(([name]) => name),
  );
});

for (const [name, { command, environment }] of servers) {
  test(`${name} takes its settings, and names all that its role needs`, () => {
    const text = (value: string | number) => String(value).replace(/\$\{\w+:\?[^}]*\}/, 'a-Pw-of-the-test-7');
    const given = Object.entries(environment ?? {}).map(([key, value]) => [key, text(value)]);
    const env = { PATH: process.env['PATH'], ...Object.fromEntries(given) };
    const checked = spawnSync(process.execPath, [serverCommand, 'config', 'check'], {
      env,
      encoding: 'utf8',
    });
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
    assert.doesNotMatch(checked.stdout + checked.stderr, /unknown/i);
    assert.ok(['ingest', 'edge', 'control'].includes(command[0]!));
    assert.match(String(env['LEGACYSTREAM_BUS_URL' as keyof typeof env]), /^nats:/);
    assert.match(String(env['LEGACYSTREAM_STORE_URL' as keyof typeof env]), /^redis\+sentinel:/);
  });
}

test('a variable that is no setting would be told', () => {
  const env = { PATH: process.env['PATH'], LEGACYSTREAM_BUS_ADDRESS: 'nats://nats:4222' };
  const checked = spawnSync(process.execPath, [serverCommand, 'config', 'check'], { env, encoding: 'utf8' });
  assert.match(checked.stdout + checked.stderr, /LEGACYSTREAM_BUS_ADDRESS/);
});

test('NATS takes its configuration', { skip: missingProgram('nats-server') }, () => {
  const checked = spawnSync(findProgram('nats-server')!, ['-t', '-c', deploy('compose/nats.conf')], {
    encoding: 'utf8',
  });
  assert.equal(checked.status, 0, checked.stderr);
});

test('Sentinel takes its configuration', {
  skip: missingProgram('redis-server', 'redis-sentinel'),
}, async (t) => {
  const redis = await RedisServer.start();
  const folder = mkdtempSync(join(tmpdir(), 'legacystream-sentinel-'));
  t.after(async () => {
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const { port } = new URL(redis.url);
  const file = join(folder, 'sentinel.conf');
  const text = readFileSync(deploy('compose/sentinel.conf'), 'utf8');
  writeFileSync(
    file,
    text.replace('port 26379', `port ${await freePort()}`).replace('redis-1 6379', `127.0.0.1 ${port}`),
  );
  const sentinel = new ProgramProcess('redis-sentinel', [file]);
  t.after(() => sentinel.stop());
  await eventually('it watches the primary', () => /\+monitor master radio/.test(sentinel.output));
});

test('one service alone builds the image, and nobody looks for it in a registry', () => {
  const builders = servers.filter(([, { build }]) => build);
  assert.equal(builders.length, 1, 'builds of one tag at a time are in each other’s way');
  assert.deepEqual(builders[0]![1].build, { context: '..', dockerfile: 'deploy/Dockerfile' });
  assert.deepEqual([...new Set(servers.map(([, { pull_policy }]) => pull_policy))], ['never']);
});

test('ports and times are those of the settings', () => {
  const { settings } = loadSettings({ env: imageEnvironment(), readFile: () => '' });
  const { server, telemetry, control, edge } = settings;
  const shoutcastPort = server.httpPort + 1;
  const exposed = /^EXPOSE (.*)$/m.exec(dockerfile)?.[1]?.split(' ').map(Number);
  assert.deepEqual(
    exposed?.toSorted((a, b) => a - b),
    [server.httpPort, shoutcastPort, control.port, server.httpsPort, telemetry.port].sort((a, b) => a - b),
  );
  for (const [name, { ports = [], healthcheck, stop_grace_period, environment }] of servers) {
    for (const port of ports)
      assert.ok([server.httpPort, shoutcastPort].includes(Number(port.split(':')[1])), `${name}: ${port}`);
    assert.match(healthcheck!.test.join(' '), new RegExp(`127\\.0\\.0\\.1:${telemetry.port}/livez`));
    const graceSeconds = Number(/^(\d+)s$/.exec(stop_grace_period ?? '')?.[1]);
    assert.ok(graceSeconds >= edge.drainDelay + edge.drainTime + 10, `${name}: ${stop_grace_period}`);
    for (const [key, at] of [
      ['CONTROL_URL', control.port],
      ['INGEST_URL', server.httpPort],
    ] as const) {
      const urls = String(environment?.[`LEGACYSTREAM_${key}`] ?? '')
        .split(',')
        .filter(Boolean);
      for (const url of urls) {
        assert.ok(new URL(url).hostname in compose.services, url);
        assert.equal(Number(new URL(url).port), at, url);
      }
    }
  }
});

test('the image’s own environment is settings, and its telemetry is reachable from outside', () => {
  const { settings, problems, warnings } = loadSettings({ env: imageEnvironment(), readFile: () => '' });
  assert.deepEqual([...problems, ...warnings], []);
  assert.equal(settings.telemetry.bindAddress, '::');
  assert.match(dockerfile, new RegExp(`^VOLUME ${settings.server.dataDir}$`, 'm'));
});

test('a Redis that is started again by itself has its data still', () => {
  const redis = Object.values(compose.services).filter(({ command }) => command[0] === 'redis-server');
  assert.equal(redis.length, 2);
  for (const { restart, command } of redis) {
    assert.equal(restart, 'unless-stopped');
    assert.equal(command[command.indexOf('--appendonly') + 1], 'yes');
  }
});

test('the image has every workspace', () => {
  const copied = [...dockerfile.matchAll(/^COPY (services\/\w+)\/package\.json \1\/$/gm)].map(
    ([, folder]) => folder,
  );
  const { workspaces } = JSON.parse(readFileSync(deploy('../package-lock.json'), 'utf8')).packages[''];
  assert.deepEqual(workspaces, ['services/*']);
  const folders = Object.keys(JSON.parse(readFileSync(deploy('../package-lock.json'), 'utf8')).packages);
  assert.deepEqual(copied.sort(), folders.filter((name) => /^services\/\w+$/.test(name)).sort());
});

/** The variables of LegacyStream that the Dockerfile sets. */
function imageEnvironment(): Record<string, string> {
  const set = [...dockerfile.matchAll(/^(?:ENV)?\s+(LEGACYSTREAM_\w+)=(\S+)/gm)];
  assert.ok(set.length > 0);
  return Object.fromEntries(set.map(([, key, value]) => [key, value]));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
