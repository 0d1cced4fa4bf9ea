import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { loadSettings, type SettingSources } from './load-settings.ts';
import { plainSections } from './setting-catalogue.ts';
import { formatProblem } from './settings.ts';

function load(sources: Partial<SettingSources>) {
  const loaded = loadSettings({
    iniPath: 'test.ini',
    iniText: '',
    env: {},
    readFile: (path) => {
      throw new Error(`ENOENT: no such file, open '${path}'`);
    },
    ...sources,
  });
  return {
    ...loaded,
    messages: loaded.problems.map(formatProblem),
    warned: loaded.warnings.map(formatProblem),
  };
}

describe('the defaults', () => {
  test('hold together without any configuration', () => {
    const { settings, messages, warned } = load({});
    assert.deepEqual([messages, warned], [[], []]);
    for (const section of plainSections) {
      const values = settings[section.name as 'server'] as Record<string, unknown>;
      for (const { key, schema } of section.settings) assert.deepEqual(values[key], schema.default, key);
    }
    assert.deepEqual(settings.mounts, []);
  });

  test('cannot be changed by who reads them', () => {
    const { settings } = load({ iniText: '[Mount /x]\nName=x' });
    for (const part of [
      settings,
      settings.server,
      settings.letsEncrypt.domains,
      settings.mounts,
      settings.mounts[0]?.values,
    ]) {
      assert.ok(Object.isFrozen(part));
    }
    assert.equal(load({}).settings.server.httpPort, 8000);
  });
});

test('the original’s sample file loads unchanged', () => {
  const path = new URL('../../../../test/fixtures/original-sample.ini', import.meta.url);
  const { settings, messages, warned } = load({ iniText: readFileSync(path, 'utf8') });
  assert.deepEqual([messages, warned], [[], []]);
  assert.equal(settings.server.bindAddress, '0.0.0.0');
  assert.equal(settings.server.workerThreads, 8);
  assert.equal(settings.ssl.enabled, true);
  assert.deepEqual(settings.letsEncrypt.domains, ['stream.example.com', 'radio.example.com']);
  assert.equal(settings.cloudflare.apiToken, 'your_token_here');
});

describe('the layers', () => {
  const iniText = '[server]\nHTTPPORT=1001\nLocation=file\nAdmin=file@x\n';
  const args = ['server.httpport=1002', 'SERVER.location=line', 'server.location=line again'];
  const env = { LEGACYSTREAM_SERVER_HTTP_PORT: '1003' };

  test('each wins over the one before, and every value knows its place', () => {
    const { settings, origins, messages } = load({ iniText, args, env });
    assert.deepEqual(messages, []);
    const { httpPort, location, admin, httpsPort } = settings.server;
    assert.deepEqual([httpPort, location, admin, httpsPort], [1003, 'line again', 'file@x', 8443]);
    assert.deepEqual(origins.get('server.httpPort'), {
      layer: 'environment',
      where: 'environment LEGACYSTREAM_SERVER_HTTP_PORT',
    });
    assert.deepEqual(origins.get('server.location'), {
      layer: 'command line',
      where: '--set server.location',
    });
    assert.deepEqual(origins.get('server.admin'), { layer: 'file', where: 'test.ini:4' });
    assert.deepEqual(origins.get('server.httpsPort'), { layer: 'defaults', where: '' });
  });

  test('a value that is refused leaves what the layers below say', () => {
    const { settings, messages } = load({ iniText, env: { LEGACYSTREAM_SERVER_HTTP_PORT: 'http' } });
    assert.equal(settings.server.httpPort, 1001);
    assert.deepEqual(messages, [
      'environment LEGACYSTREAM_SERVER_HTTP_PORT: [Server] HttpPort: expected a whole number from 0 to 65535, got "http"',
    ]);
  });

  test('an empty value on the command line clears what the file says', () => {
    assert.equal(load({ iniText, args: ['server.admin='] }).settings.server.admin, '');
  });
});

describe('errors', () => {
  test('are all reported at once, each with its place', () => {
    const iniText = `[Server]
HtpPort=8000
HttpPort=65536
WorkerThreads=0
TrustedProxies=10.0.0.0/8, 10.0.0.256
PublicUrl=stream.example.com
[Sever]
HttpPort=1
[Streaming]
Linger=5 ; seconds
Linger=6
SourcePassword=a long password
junk
[SERVER]
Location=here
[Mount live.mp3]
[Mount /admin/x]
[Mount]
[Mount /live.mp3]
Takeover=maybe
[Mount /live%2Emp3]
[SSL]
KeyExchange=X25519:P-257`;
    const { messages } = load({
      iniText,
      args: ['server.x', 'log.level=loud', 'mount./x.hidden=1', 'streming.linger=1'],
    });
    assert.deepEqual(
      messages.map((message) => message.replace(/^test\.ini:/, '')),
      [
        '2: unknown key "HtpPort" in [Server]; did you mean HttpPort?',
        '3: [Server] HttpPort: expected a whole number from 0 to 65535, got "65536"',
        '4: [Server] WorkerThreads: expected auto or a whole number from 1 to 256, got "0"',
        '5: [Server] TrustedProxies: expected a comma separated list of addresses or ranges such as 10.0.0.0/8 or fd00::/8, got "10.0.0.0/8, 10.0.0.256"',
        '6: [Server] PublicUrl: expected an http:// or https:// URL, or nothing, got "stream.example.com"',
        '7: unknown section "Sever"; did you mean Server?',
        '10: [Streaming] Linger: expected seconds from 0 to 86400, or with the suffix ms, s, m or h, got "5 ; seconds" (a comment needs a line of its own)',
        '11: [Streaming] Linger is given twice, first at line 10',
        '12: unknown key "SourcePassword" in [Streaming]; did you mean [Auth] SourcePassword?',
        '13: expected Key=value, a [Section] or a comment',
        '14: [SERVER] was opened at line 1 already; put its keys there',
        '16: [Mount] needs a path that starts with / and is none of the server’s own pages, got "live.mp3"',
        '17: [Mount] needs a path that starts with / and is none of the server’s own pages, got "/admin/x"',
        '18: [Mount] needs a path that starts with / and is none of the server’s own pages, got ""',
        '20: [Mount] Takeover: expected one of auto, replace, reject, standby, got "maybe"',
        '21: [Mount /live%2Emp3] was opened at line 19 already; put its keys there',
        '23: [SSL] KeyExchange: expected groups that OpenSSL knows, with colons between them, or auto, got "X25519:P-257"',
        '--set: expected section.key=value',
        '--set mount./x.hidden: mounts are set in the INI file, in a section [Mount /path]',
        '--set streming.linger: unknown section "streming"; did you mean Streaming?',
        '--set log.level: [Log] Level: expected one of trace, debug, info, warn, error, fatal, silent, got "loud"',
      ],
    );
  });

  test('a file that cannot be read is an error that names it', () => {
    const { problems, messages } = load({ iniText: undefined, iniPath: '/etc/none.ini' });
    assert.deepEqual(messages, [
      "/etc/none.ini: cannot read the configuration: ENOENT: no such file, open '/etc/none.ini'",
    ]);
    assert.equal(problems[0]?.code, 'LS_CONFIG_UNREADABLE');
  });

  test('never show a secret', () => {
    const { messages } = load({
      iniText: `[Auth]\nAdminPassword=${'s3cret'.repeat(1000)}\nSourcePasswrd=s3cret\ns3cret`,
      args: ['s3cret'],
    });
    assert.equal(messages.length, 4);
    for (const message of messages) assert.doesNotMatch(message, /s3cret/);
  });

  test('no content makes loading throw', () => {
    const word = fc.constantFrom(
      '[Server]',
      '[Auth]',
      '[Mount /a]',
      '[Mount /*]',
      'HttpPort',
      'Sid',
      'SourcePasswordFile',
      'TrustedProxies',
      'Charset',
      '=',
      '\n',
      ',',
      '*',
      '/',
      '%',
      '8000',
      '::1/128',
      '-',
      '"',
      '__proto__',
      'constructor',
      '.',
    );
    const line = fc.array(word, { maxLength: 6 }).map((words) => words.join(''));
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 20 }),
        fc.array(line, { maxLength: 5 }),
        line,
        (lines, args, value) => {
          const env = { LEGACYSTREAM_SERVER_HTTP_PORT: value, [`LEGACYSTREAM_${value}`]: value };
          const { settings } = load({ iniText: lines.join('\n'), args, env });
          assert.equal(typeof settings.server.httpPort, 'number');
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('secrets in files', () => {
  const files: Record<string, string> = {
    '/run/a': 'first secret\n',
    '/run/b': 'two newlines\r\n\n',
    '/run/empty': '\n',
    '/run/weak': 'hackme\n',
  };
  const readFile = (path: string) => {
    const content = files[path];
    if (content === undefined) throw new Error('EACCES: permission denied');
    return content;
  };

  test('stand in for the setting, less one newline', () => {
    const { settings, origins, messages } = load({
      iniText: '[Auth]\nSourcePasswordFile=/run/a\n[Cloudflare]\nApiTokenFile=/run/a\n',
      env: { LEGACYSTREAM_AUTH_ADMIN_PASSWORD_FILE: '/run/b' },
      readFile,
    });
    assert.deepEqual(messages, []);
    assert.equal(settings.auth.sourcePassword, 'first secret');
    assert.equal(settings.auth.adminPassword, 'two newlines\r\n');
    assert.equal(settings.cloudflare.apiToken, 'first secret');
    assert.deepEqual(origins.get('auth.sourcePassword'), { layer: 'file', where: '/run/a (test.ini:2)' });
  });

  test('are an error beside the setting itself, when unreadable, empty or weak', () => {
    const { problems, messages } = load({
      iniText: `[Auth]
SourcePassword=a long password
AdminPasswordFile=/run/none
RelayPasswordFile=/run/weak
[Mount /x]
SourcePassword=another password
SourcePasswordFile=/run/a
[Mount /y]
SourcePasswordFile=/run/empty`,
      env: { LEGACYSTREAM_AUTH_SOURCE_PASSWORD_FILE: '/run/a' },
      readFile,
    });
    assert.deepEqual(messages, [
      'test.ini:3: [Auth] AdminPasswordFile: cannot read /run/none: EACCES: permission denied',
      'test.ini:7: [Mount /x] SourcePasswordFile and SourcePassword (test.ini:6) are both given; keep one',
      'test.ini:9: [Mount /y] SourcePasswordFile: /run/empty is empty',
      'environment LEGACYSTREAM_AUTH_SOURCE_PASSWORD_FILE: [Auth] SourcePasswordFile and SourcePassword (test.ini:2) are both given; keep one',
      '/run/weak (test.ini:4): [Auth] RelayPassword is one of the passwords that are tried first; choose another',
    ]);
    assert.deepEqual(
      problems.map(({ code }) => code),
      [
        'LS_CONFIG_UNREADABLE',
        'LS_CONFIG_INVALID',
        'LS_CONFIG_INVALID',
        'LS_CONFIG_INVALID',
        'LS_CREDENTIAL_WEAK',
      ],
    );
  });

  test('an empty setting beside the file does not count as given', () => {
    const { settings, messages } = load({
      iniText: '[Auth]\nSourcePassword=a long password\nSourcePasswordFile=/run/a',
      args: ['auth.sourcePassword='],
      readFile,
    });
    assert.deepEqual(messages, []);
    assert.equal(settings.auth.sourcePassword, 'first secret');
  });
});
