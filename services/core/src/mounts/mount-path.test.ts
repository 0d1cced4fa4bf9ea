import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LegacyStreamError } from '../errors.ts';
import { checkMountPath, isReservedPath, mountIdOf, mountPathOf, parseMountPath } from './mount-path.ts';

function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof LegacyStreamError, `${error}`);
    assert.equal(error.code, 'LS_MOUNT_PATH_INVALID');
    assert.equal(error.status, 400);
    return error.message;
  }
  assert.fail('the path was accepted');
}

/** Segments of any well-formed text that a mount path may hold. */
const segment = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .map((text) => text.replace(/[\u0000-\u001f\u007f-\u009f\\/]/g, '-'))
  .filter((text) => text !== '.' && text !== '..');
const mountPath = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((segments) => `/${segments.join('/')}`)
  .filter((path) => Buffer.byteLength(path) <= 255);

test('an ordinary path stays what it is', () => {
  for (const path of ['/live.mp3', '/club/main.ogg', '/a', '/...', '/a b', "/it's;(ok)", '/%']) {
    assert.equal(checkMountPath(path), path);
  }
  assert.equal(parseMountPath('/live.mp3'), '/live.mp3');
});

test('a path is percent-decoded exactly once', () => {
  assert.equal(parseMountPath('/my%20stream%2emp3'), '/my stream.mp3');
  assert.equal(parseMountPath('/100%2525'), '/100%25');
  assert.equal(parseMountPath('/a%2fb'), '/a/b');
});

test('escaped and raw UTF-8 bytes name the same mount', () => {
  const rawUtf8 = Buffer.from('/café').toString('latin1');
  assert.equal(parseMountPath('/caf%C3%A9'), '/café');
  assert.equal(parseMountPath(rawUtf8), '/café');
});

test('raw bytes that are no UTF-8 and characters beyond a byte are taken as text', () => {
  assert.equal(parseMountPath('/caf\u00e9'), '/café');
  assert.equal(parseMountPath('/日本'), '/日本');
});

test('a hostile path is refused with the reason', () => {
  const hostile: readonly (readonly [string, RegExp])[] = [
    ['', /start with a slash/],
    ['live.mp3', /start with a slash/],
    ['*', /start with a slash/],
    ['%2flive/..', /dot segment/],
    ['/', /empty or dot segment/],
    ['//', /empty or dot segment/],
    ['/a/', /empty or dot segment/],
    ['/a//b', /empty or dot segment/],
    ['/./a', /empty or dot segment/],
    ['/a/..', /empty or dot segment/],
    ['/%2e%2e/etc/passwd', /empty or dot segment/],
    ['/a%2f%2e%2e%2fb', /empty or dot segment/],
    ['/a%00.mp3', /control character/],
    ['/a%0d%0aSet-Cookie:x', /control character/],
    ['/a\u007f', /control character/],
    ['/a%c2%9b2J', /control character/],
    ['/a\\b', /backslash/],
    ['/%5c%5chost', /backslash/],
    ['/%', /percent-encoded/],
    ['/%zz', /percent-encoded/],
    ['/%e9', /percent-encoded/],
    ['/%c0%af', /percent-encoded/],
    ['/%ed%a0%80', /percent-encoded/],
    ['/\u00c3%a9', /percent-encoded/],
    [`/${'a'.repeat(255)}`, /longer than 255 bytes/],
    [`/${'%c3%a9'.repeat(128)}`, /longer than 255 bytes/],
    [`/${'%41'.repeat(1_000_000)}`, /longer than 255 bytes/],
  ];
  for (const [path, reason] of hostile)
    assert.match(
      reasonOf(() => parseMountPath(path)),
      reason,
      path.slice(0, 40),
    );
  assert.match(
    reasonOf(() => checkMountPath('/a\ud800')),
    /not valid Unicode/,
  );
});

test('the longest path is 255 bytes of UTF-8', () => {
  assert.equal(parseMountPath(`/${'a'.repeat(254)}`).length, 255);
  assert.equal(Buffer.byteLength(parseMountPath(`/${'%c3%a9'.repeat(127)}`)), 255);
});

test("the server's own pages are reserved, and only they", () => {
  for (const path of [
    '/',
    '/admin',
    '/admin/stats',
    '/admin.cgi',
    '/api/v1',
    '/7.html',
    '/status-json.xsl',
    '/livez',
  ]) {
    assert.ok(isReservedPath(path), path);
  }
  for (const path of ['/administrator', '/live', '/x/admin', '/status.xsl/live', '/Admin']) {
    assert.ok(!isReservedPath(path), path);
  }
});

test('a mount id holds nothing but safe characters', () => {
  assert.equal(mountIdOf('/live.mp3'), 'live_2emp3');
  assert.equal(mountIdOf('/club/Main_1-é'), 'club_2fMain_5f1-_c3_a9');
});

test('any mount path comes back from its id', () => {
  fc.assert(
    fc.property(mountPath, (path) => {
      const id = mountIdOf(path);
      assert.match(id, /^[A-Za-z0-9_-]{1,762}$/);
      assert.equal(mountPathOf(id), path);
    }),
  );
});

test('any mount path comes back from its URL', () => {
  fc.assert(
    fc.property(mountPath, (path) => {
      assert.equal(parseMountPath(path.split('/').map(encodeURIComponent).join('/')), path);
    }),
  );
});

test('any string is either a path that checks or refused with a reason', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('/', '.', '%', '2', 'e', 'f', '\u00c3') }),
  );
  fc.assert(
    fc.property(text, (raw) => {
      let path: string;
      try {
        path = parseMountPath(`/${raw}`);
      } catch (error) {
        assert.ok(error instanceof LegacyStreamError);
        return;
      }
      assert.equal(checkMountPath(path), path);
    }),
  );
});

test('a token that no path makes gives no path', () => {
  const foreign = [
    '',
    '_',
    '_2',
    '_2E',
    '_61',
    'a.b',
    'a*',
    'live_2emp3\n',
    '_c3',
    '_ff',
    '_00',
    '_2e_2e',
    'a_2f',
    '_5c',
  ];
  for (const token of [...foreign, 'a'.repeat(10_000)])
    assert.equal(mountPathOf(token), undefined, token.slice(0, 20));
});

test('a token gives a path only when the path gives the token', () => {
  const token = fc.string({ unit: fc.constantFrom('a', '-', '_', '2', 'e', 'f', 'c', '3', '9') });
  fc.assert(
    fc.property(token, (id) => {
      const path = mountPathOf(id);
      if (path !== undefined) assert.equal(mountIdOf(path), id);
    }),
    { numRuns: 500 },
  );
});
