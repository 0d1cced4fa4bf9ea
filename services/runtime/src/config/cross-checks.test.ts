import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadSettings } from './load-settings.ts';
import { formatProblem } from './settings.ts';

function check(iniText: string) {
  const { problems, warnings } = loadSettings({ iniPath: 't', iniText, env: {}, readFile: () => '' });
  return { problems: problems.map(formatProblem), warnings: warnings.map(formatProblem) };
}

describe('wrong together', () => {
  for (const [what, iniText, message] of [
    [
      'HttpPort and HttpsPort',
      '[Server]\nHttpPort=900\nHttpsPort=900',
      't:3: [Server] HttpsPort and [Server] HttpPort are both 900',
    ],
    [
      'the SHOUTcast port that follows HttpPort and another',
      '[Server]\nHttpPort=9089',
      't:2: [Telemetry] Port and [Server] ShoutcastPort are both 9090',
    ],
    [
      'HttpPort and HttpsPort’s default with TLS',
      '[SSL]\nEnabled=1\nCertificatePath=c\nPrivateKeyPath=k\n[Server]\nHttpPort=8443',
      't:6: [Server] HttpsPort and [Server] HttpPort are both 8443',
    ],
    [
      'a SHOUTcast port beyond the last',
      '[Server]\nHttpPort=65535',
      't:2: [Server] ShoutcastPort=auto is HttpPort + 1, which is no port; set it',
    ],
    [
      'MaxLatency and DefaultLatency',
      '[Streaming]\nDefaultLatency=61',
      't:2: [Streaming] MaxLatency (60) is less than DefaultLatency (61)',
    ],
    [
      'a mount’s DefaultLatency and MaxLatency',
      '[Mount /x]\nDefaultLatency=61',
      't:2: [Mount /x] DefaultLatency (61) is more than [Streaming] MaxLatency (60)',
    ],
    [
      'TLS without a certificate',
      '[SSL]\nEnabled=on',
      't:2: [SSL] Enabled needs CertificatePath, or [LetsEncrypt] Domains to obtain a certificate for',
    ],
    [
      'a certificate without its key',
      '[SSL]\nEnabled=on\nCertificatePath=c\n[LetsEncrypt]\nDomains=a.org',
      't:2: [SSL] Enabled needs PrivateKeyPath',
    ],
    [
      'two mounts with one Sid',
      '[Mount /x]\nSid=2\n[Mount /y]\nSid=2',
      't:4: [Mount /y] Sid 2 is that of [Mount /x]',
    ],
    [
      'a template with a Sid',
      '[Mount /x*]\nSid=2',
      't:2: [Mount /x*] Sid: a template cannot have one, since it would be several mounts’',
    ],
    [
      'a short password',
      '[Mount /x]\nSourcePassword=short',
      't:2: [Mount /x] SourcePassword is shorter than 6 characters; choose another',
    ],
  ] as const) {
    test(what, () => assert.deepEqual(check(iniText), { problems: [message], warnings: [] }));
  }
});

describe('right together', () => {
  for (const [what, iniText] of [
    ['ports that are all 0', '[Server]\nHttpPort=0\nHttpsPort=0\nShoutcastPort=0\n[Telemetry]\nPort=0'],
    ['HttpPort 8443 without TLS', '[Server]\nHttpPort=8443'],
    ['one port on two addresses', '[Server]\nBindAddress=10.0.0.1\nHttpPort=9090'],
    ['no SHOUTcast port above the last', '[Server]\nHttpPort=65535\nShoutcastPort=off'],
    ['TLS with a certificate to come', '[SSL]\nEnabled=on\n[LetsEncrypt]\nDomains=a.org'],
    ['mounts without a Sid', '[Mount /x]\nSid=0\n[Mount /y]\nSid=0'],
    ['a colon in the administrator’s password', '[Auth]\nAdminPassword=with:colon'],
  ] as const) {
    test(what, () => assert.deepEqual(check(iniText), { problems: [], warnings: [] }));
  }
});

test('a colon in a source password is a warning, unless it is a hash’s', () => {
  const hash = 'scrypt:N=1024,r=8,p=1:c2FsdHNhbHQ:cGFzc3dvcmRwYXNzd29yZHBhc3N3b3Jk';
  assert.deepEqual(check(`[Auth]\nSourcePassword=with:colon\n[Mount /x]\nSourcePassword=${hash}`), {
    problems: [],
    warnings: ['t:2: [Auth] SourcePassword contains a colon, so that SHOUTcast v1 encoders cannot use it'],
  });
});

test('a hash that was cut is a warning', () => {
  assert.deepEqual(check('[Auth]\nAdminPassword=scrypt:N=1024,r=8,p=1:c2Fsd').warnings, [
    't:2: [Auth] AdminPassword is no complete hash, so that nobody can log in with it',
  ]);
});
