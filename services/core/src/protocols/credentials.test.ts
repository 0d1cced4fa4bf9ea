import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  isShoutcastPoke,
  maxBasicHeaderBytes,
  maxPasswordLineBytes,
  parseBasicAuth,
  parseShoutcastPassword,
} from './credentials.ts';

const basic = (text: string, encoding: BufferEncoding = 'utf8') =>
  `Basic ${Buffer.from(text, encoding).toString('base64')}`;

test('user and password are told apart at the first colon', () => {
  assert.deepEqual(parseBasicAuth(basic('source:p:w')), { user: 'source', password: 'p:w' });
  assert.deepEqual(parseBasicAuth(basic(':')), { user: '', password: '' });
  assert.deepEqual(parseBasicAuth('bAsIc  c291cmNlOmhhY2ttZQ '), { user: 'source', password: 'hackme' });
});

test('credentials are UTF-8, else Latin-1', () => {
  assert.deepEqual(parseBasicAuth(basic('dj:pä')), { user: 'dj', password: 'pä' });
  assert.deepEqual(parseBasicAuth(basic('dj:pä', 'latin1')), { user: 'dj', password: 'pä' });
});

test('what is no Basic credential gives none', () => {
  const headers = [
    undefined,
    '',
    'Basic',
    'Basic ',
    'Bearer abc',
    'Basic !!!!',
    'Basic YQ==YQ==',
    'Basic YTpi=x',
    'Basic a',
    'Basic YTpiY',
    'Basic YTpi YTpi',
    'XBasic YTpi',
    basic('nocolon'),
    basic('a:b\0'),
    basic('a\r\n:b'),
  ];
  for (const header of headers) assert.equal(parseBasicAuth(header), undefined, header);
});

test('a header at its limit is read, above it is not', () => {
  const header = (passwordBytes: number) => basic(`a:${'b'.repeat(passwordBytes)}`).replace(/=+$/, '');
  assert.equal(header(761).length, maxBasicHeaderBytes);
  assert.deepEqual(parseBasicAuth(header(761)), { user: 'a', password: 'b'.repeat(761) });
  assert.equal(parseBasicAuth(header(762)), undefined);
  assert.equal(parseBasicAuth(`${basic('a:b')}${' '.repeat(maxBasicHeaderBytes)}`), undefined);
});

test('any user without a colon and any password come through', () => {
  const text = fc.string({ maxLength: 40 });
  fc.assert(
    fc.property(
      text.filter((user) => !user.includes(':')),
      text,
      (user, password) => {
        assert.deepEqual(parseBasicAuth(basic(`${user}:${password}`)), { user, password });
      },
    ),
  );
});

test('the forms of a SHOUTcast password line', () => {
  const forms: [string, unknown][] = [
    ['hackme2', { password: 'hackme2' }],
    ['hackme2:#2', { password: 'hackme2', sid: 2 }],
    ['dj:hackme2', { user: 'dj', password: 'hackme2' }],
    ['dj:hackme2:#2', { user: 'dj', password: 'hackme2', sid: 2 }],
    ['/live.mp3:hackme2', { mount: '/live.mp3', password: 'hackme2' }],
    ['/live.mp3:a:#2', { mount: '/live.mp3', password: 'a:#2' }],
    [':hackme2', { password: 'hackme2' }],
    ['/slash', { password: '/slash' }],
    ['dj:a:b', { user: 'dj', password: 'a:b' }],
    ['a#1', { password: 'a#1' }],
    ['#1', { password: '#1' }],
    ['a:#b', { user: 'a', password: '#b' }],
    [' pw ', { password: ' pw ' }],
  ];
  for (const [line, login] of forms) assert.deepEqual(parseShoutcastPassword(line), login, line);
});

test('an 8-bit password is UTF-8, else Latin-1', () => {
  assert.deepEqual(parseShoutcastPassword('p\xc3\xa4'), { password: 'pä' });
  assert.deepEqual(parseShoutcastPassword('p\xe4'), { password: 'pä' });
});

test('lines without a password, or with a stream that cannot be, give none', () => {
  for (const line of [
    '',
    ':',
    'dj:',
    ':#1',
    'dj::#1',
    '/live:',
    'a:#0',
    'a:#2147483648',
    'a\0',
    'a\rb',
    '!POKE',
  ]) {
    assert.equal(parseShoutcastPassword(line), undefined, line);
  }
});

test('a password line at its limit is read, above it is not', () => {
  assert.deepEqual(parseShoutcastPassword('x'.repeat(maxPasswordLineBytes)), {
    password: 'x'.repeat(maxPasswordLineBytes),
  });
  assert.equal(parseShoutcastPassword('x'.repeat(maxPasswordLineBytes + 1)), undefined);
});

test('the poke of libshout is known', () => {
  assert.equal(isShoutcastPoke('!POKE'), true);
  assert.equal(isShoutcastPoke('!POKEx'), false);
});

test('any line gives a login with a password, or none', () => {
  const line = fc.string({ unit: fc.constantFrom('a', ':', '#', '1', '/', '\xe9', '\0'), maxLength: 12 });
  fc.assert(
    fc.property(line, (text) => {
      const login = parseShoutcastPassword(text);
      assert.notEqual(login?.password, '');
      if (login?.sid !== undefined) assert.ok(text.endsWith(`:#${login.sid}`) || /:#0+1+$/.test(text));
    }),
    { numRuns: 1000 },
  );
});
