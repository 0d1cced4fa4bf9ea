import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import fc from 'fast-check';
import { parseNatsUrl } from './nats-url.ts';

function refused(text: string): string {
  try {
    parseNatsUrl(text);
  } catch (error) {
    assert.ok(error instanceof LegacyStreamError && error.code === 'LS_CONFIG_INVALID', text);
    return error.message;
  }
  return assert.fail(`took ${text}`);
}

test('servers, TLS and credentials are read from one line', () => {
  assert.deepEqual(parseNatsUrl('nats://nats'), { servers: ['nats:4222'], tls: false });
  assert.deepEqual(parseNatsUrl(' nats://h1:1,h2.example.org:4223/, NATS://H3 '), {
    servers: ['h1:1', 'h2.example.org:4223', 'h3:4222'],
    tls: false,
  });
  assert.deepEqual(parseNatsUrl('tls://edge:p%40ss%2C%3A@[::1]:4222,[fd00::2]'), {
    servers: ['[::1]:4222', '[fd00::2]:4222'],
    tls: true,
    user: 'edge',
    password: 'p@ss,:',
  });
  assert.deepEqual(parseNatsUrl('nats://t0ken@10.0.0.1'), {
    servers: ['10.0.0.1:4222'],
    tls: false,
    token: 't0ken',
  });
});

test('a server named twice is one, and credentials may be repeated', () => {
  assert.deepEqual(parseNatsUrl('nats://u:p@h1,nats://u:p@h1:4222,nats://u:p@h2'), {
    servers: ['h1:4222', 'h2:4222'],
    tls: false,
    user: 'u',
    password: 'p',
  });
});

test('what is wrong is said without the password', () => {
  const secret = 'S3cretPassword';
  const wrong = [
    `u:${secret}@host`,
    `http://u:${secret}@host`,
    `nats://u:${secret}@host,tls://host2`,
    `nats://u:${secret}@host,v:${secret}@host2`,
    `nats://u:${secret}@`,
    `nats://u:${secret}@host:0`,
    `nats://u:${secret}@host:65536`,
    `nats://u:${secret}@host:x`,
    `nats://u:${secret}@host/path`,
    `nats://u:${secret}@host?x=${secret}`,
    `nats://u:${secret}@a b`,
    `nats://u:${secret}%ZZ@host`,
    `nats://:${secret}@host`,
    `nats://u:@host,${secret}`,
    `nats://${secret}/@host@`,
    '',
    'nats://',
    'nats://,',
    `nats://${'h,'.repeat(100)}h`,
  ];
  for (const text of wrong) assert.ok(!refused(text).includes(secret), text);
});

test('any text is either read or refused, in one pass', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `nats://${text}`),
      ),
      (text) => {
        try {
          for (const server of parseNatsUrl(text).servers) assert.match(server, /^[^\s@/]+:\d+$/);
        } catch (error) {
          assert.ok(error instanceof LegacyStreamError, text);
        }
      },
    ),
  );
  refused(`nats://${'a'.repeat(1e6)}!`);
  refused(`nats://${'a.'.repeat(1e5)}!`);
});
