import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainSections } from '@legacystream/runtime/config/setting-catalogue.ts';
import { type ExplainOptions, runConfigExplain } from './config-explain.ts';

const ini = `[Server]
HttpPort=8100
[Auth]
SourcePassword=my own secret
[Streaming]
Linger=20
[Mount /club/*]
Genre=House
[Mount /club/main]
SourcePassword=another secret
`;

function run(options: ExplainOptions, text = ini) {
  let stdout = '';
  let stderr = '';
  const status = runConfigExplain(options, {
    env: { LEGACYSTREAM_CONFIG: 'a.ini', LEGACYSTREAM_SERVER_LOCATION: 'Mars' },
    readFile: () => text,
    stdout: (part) => {
      stdout += part;
    },
    stderr: (part) => {
      stderr += part;
    },
  });
  return { status, stdout, stderr };
}

test('one setting: value, place and what it is for', () => {
  assert.deepEqual(run({ key: 'Server.HTTPport' }), {
    status: 0,
    stdout:
      'server.httpPort = 8100  (a.ini:2)\n    Port for everything without TLS: sources, listeners, pages and the admin interface.\n',
    stderr: '',
  });
  assert.match(
    run({ key: 'server.location' }).stdout,
    /^server\.location = Mars {2}\(environment LEGACYSTREAM_SERVER_LOCATION\)\n/,
  );
  assert.match(
    run({ key: 'server.admin', set: ['server.admin='] }).stdout,
    /^server\.admin = \(empty\) {2}\(--set server\.admin\)\n/,
  );
  assert.match(run({ key: 'server.httpsPort' }).stdout, /^server\.httpsPort = 8443 {2}\(default\)\n/);
});

test('everything: every setting is there, mounts included, and no secret is', () => {
  const { status, stdout } = run({});
  assert.equal(status, 0);
  for (const section of plainSections) {
    for (const { key } of section.settings) assert.ok(stdout.includes(`${section.name}.${key} = `), key);
  }
  assert.match(stdout, /^auth\.sourcePassword = •••• {2}\(a\.ini:4\)$/m);
  assert.match(stdout, /^\/club\/\* Genre = House {2}\(a\.ini:8\)$/m);
  assert.doesNotMatch(stdout, /secret\b.*=|my own secret|another secret/);
});

test('a section: its settings only', () => {
  const lines = run({ key: 'ssl' })
    .stdout.split('\n')
    .filter((line) => !line.startsWith(' ') && line !== '');
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    ['ssl.enabled', 'ssl.certificatePath', 'ssl.privateKeyPath', 'ssl.keyExchange', 'ssl.autoRenew'],
  );
});

test('a mount: what holds for it and which section says so', () => {
  const { stdout } = run({ key: '/club/main' });
  assert.match(stdout, /^\/club\/main SourcePassword = •••• {2}\(a\.ini:10\)$/m);
  assert.match(stdout, /^\/club\/main Genre = House {2}\(a\.ini:8\)$/m);
  assert.match(stdout, /^\/club\/main Linger = 20 {2}\(\[Streaming\] Linger, a\.ini:6\)$/m);
  assert.match(stdout, /^\/club\/main Takeover = auto {2}\(default\)$/m);
});

test('an unknown name is an error with a guess', () => {
  const { status, stderr } = run({ key: 'server.htpPort' });
  assert.equal(status, 1);
  assert.equal(stderr, 'there is no setting server.htpPort; did you mean server.httpPort?\n');
});

test('with errors in the configuration it explains what can be read, and says so', () => {
  const { status, stdout, stderr } = run({ key: 'server.httpPort' }, '[Server]\nHttpPort=x');
  assert.equal(status, 1);
  assert.match(stdout, /^server\.httpPort = 8000 {2}\(default\)/);
  assert.match(stderr, /^a\.ini:2: \[Server\] HttpPort: expected/);
});
