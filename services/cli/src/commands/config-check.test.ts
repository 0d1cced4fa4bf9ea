import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SettingsOptions } from './command-settings.ts';
import { runConfigCheck } from './config-check.ts';

function run(options: SettingsOptions, files: Record<string, string> = {}, env: Record<string, string> = {}) {
  let stdout = '';
  const status = runConfigCheck(options, {
    env,
    readFile: (path) => {
      const content = files[path];
      if (content === undefined) throw new Error('ENOENT: no such file');
      return content;
    },
    stdout: (text) => {
      stdout += text;
    },
  });
  return { status, stdout };
}

test('a good configuration is OK with a summary', () => {
  const files = { 'a.ini': '[Server]\nHttpPort=1\n[Mount /x]\nName=X\n[Mount /y]\n[Mount /*]\n' };
  assert.deepEqual(run({ config: 'a.ini', set: ['log.level=warn'] }, files), {
    status: 0,
    stdout: 'OK: a.ini: 2 settings given, 2 mounts, 1 mount template\n',
  });
  assert.deepEqual(run({}), {
    status: 0,
    stdout: 'OK: no configuration file: 0 settings given, 0 mounts, 0 mount templates\n',
  });
});

test('every problem has a line of its own that starts with its place', () => {
  const files = { 'a.ini': '[Server]\nHttpPort=x\n[Auth]\nSourcePassword=hackme\n' };
  const env = { LEGACYSTREAM_CONFIG: 'a.ini', LEGACYSTREAM_LOG_LEVL: 'info' };
  assert.deepEqual(run({}, files, env), {
    status: 1,
    stdout: `environment LEGACYSTREAM_LOG_LEVL: warning: no setting has this name; did you mean LEGACYSTREAM_LOG_LEVEL?
a.ini:2: [Server] HttpPort: expected a whole number from 0 to 65535, got "x"
a.ini:4: [Auth] SourcePassword is one of the passwords that are tried first; choose another (LS_CREDENTIAL_WEAK)
`,
  });
});

test('the file on the command line wins over that of the environment', () => {
  const { status, stdout } = run({ config: 'b.ini' }, { 'b.ini': '' }, { LEGACYSTREAM_CONFIG: 'a.ini' });
  assert.equal(status, 0, stdout);
});

test('a missing file is a problem', () => {
  const { status, stdout } = run({ config: 'none.ini' });
  assert.equal(status, 1);
  assert.match(stdout, /^none\.ini: cannot read the configuration: ENOENT.*\(LS_CONFIG_UNREADABLE\)\n$/);
});

test('a warning alone is still OK', () => {
  const { status, stdout } = run({ set: ['auth.sourcePassword=with:colon'] });
  assert.equal(status, 0);
  assert.match(stdout, /^--set auth\.sourcePassword: warning: .*\nOK: /);
});
