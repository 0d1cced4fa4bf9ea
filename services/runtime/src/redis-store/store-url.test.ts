import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { parseStoreUrl } from './store-url.ts';

const plain = { tls: false, username: undefined, password: undefined, primaryName: '', db: 0 };

test('a URL of one server has its parts, or their defaults', () => {
  const one = { ...plain, kind: 'single' };
  assert.deepEqual(parseStoreUrl('redis://redis'), { ...one, nodes: [{ host: 'redis', port: 6379 }] });
  assert.deepEqual(parseStoreUrl('redis://10.0.0.1:7000/3'), {
    ...one,
    nodes: [{ host: '10.0.0.1', port: 7000 }],
    db: 3,
  });
  assert.deepEqual(parseStoreUrl('rediss://me:p%40ss%2F@[::1]:1/'), {
    ...one,
    tls: true,
    username: 'me',
    password: 'p@ss/',
    nodes: [{ host: '::1', port: 1 }],
  });
  assert.equal(parseStoreUrl('redis://:only@redis').password, 'only');
  assert.equal(parseStoreUrl('redis://:only@redis').username, undefined);
  assert.equal(parseStoreUrl('redis://name@redis').password, undefined);
});

test('a URL of Sentinels names them and their primary', () => {
  assert.deepEqual(parseStoreUrl('redis+sentinel://u:p@a,b:1,[fe80::1]:2/my.master-1/5'), {
    kind: 'sentinel',
    tls: false,
    username: 'u',
    password: 'p',
    nodes: [
      { host: 'a', port: 26_379 },
      { host: 'b', port: 1 },
      { host: 'fe80::1', port: 2 },
    ],
    primaryName: 'my.master-1',
    db: 5,
  });
  assert.equal(parseStoreUrl('rediss+sentinel://a/m').tls, true);
});

test('a URL of a cluster names its seeds', () => {
  const { kind, nodes, tls } = parseStoreUrl('rediss+cluster://a,b:7001');
  assert.equal(kind, 'cluster');
  assert.equal(tls, true);
  assert.deepEqual(nodes, [
    { host: 'a', port: 6379 },
    { host: 'b', port: 7001 },
  ]);
});

test('whatever is wrong with a URL, the message says it without repeating any of it', () => {
  const wrong = [
    '',
    'hunter2',
    'http://hunter2@redis',
    'hunter2://redis',
    'redis:hunter2@redis',
    'redis+unix://hunter2',
    'redis://u:hunter2@',
    'redis://u:hunter2@redis:0',
    'redis://u:hunter2@redis:65536',
    'redis://u:hunter2@redis:x',
    'redis://u:hunter2@a,b',
    'redis://u:hunter2@redis/x',
    'redis://u:hunter2@redis/0/1',
    'redis://u:hunter2@redis/99999999',
    'redis://u:hunter2@redis/0?hunter2',
    'redis://u:hunter2@redis#hunter2',
    'redis://u:hunter2/more@redis',
    'redis://u:hunter2:more@redis',
    'redis://u:hunter2@more@redis',
    'redis://u:hunter2%@redis',
    'redis://u:hunter2%ff@redis',
    'redis://u:hunter2@re dis',
    'redis://u:hunter2@redis\n',
    'redis+sentinel://u:hunter2@a',
    'redis+sentinel://u:hunter2@a/',
    'redis+sentinel://u:hunter2@a//0',
    'redis+sentinel://u:hunter2@a,/m',
    'redis+cluster://u:hunter2@a/1',
    `redis://u:hunter2@${'a,'.repeat(40)}`,
    `redis+cluster://u:hunter2@${'a,'.repeat(40)}a`,
    `redis://u:hunter2@${'a'.repeat(5000)}`,
  ];
  for (const url of wrong) {
    assert.throws(
      () => parseStoreUrl(url),
      (error) => {
        assert.ok(error instanceof LegacyStreamError, url);
        assert.equal(error.code, 'LS_CONFIG_INVALID', url);
        assert.doesNotMatch(`${error.stack} ${String(error.cause)}`, /hunter2/, url);
        return true;
      },
    );
  }
});
