import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { apr1Hash } from './apr1.ts';
import { type ListenerPasswords, matchesListener, parseListenerPasswords } from './listener-passwords.ts';
import { hashPassword, PasswordVerifier } from './passwords.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const verifier = new PasswordVerifier();

function read(text: string): ListenerPasswords {
  const parsed = parseListenerPasswords(text);
  assert.ok(typeof parsed !== 'string', String(parsed));
  return parsed;
}

test('hashes of Apache are those of openssl', () => {
  assert.equal(apr1Hash('pä ss1', 'abcdefgh'), '$apr1$abcdefgh$NdMobE2gq15nf7rZqOJN40');
  assert.equal(apr1Hash('', 'x'), '$apr1$x$tMwYqBfQwi3FYAr0aJc8M/');
  assert.equal(apr1Hash('0123456789abcdef0', 'ab'), '$apr1$ab$R04KWmvhs2N2gtK2a0D8Z/');
});

test('every kind of hash lets in who has the password, and nobody else', async () => {
  const file = read(
    `\ufeff# listeners\r\nann:${md5('ann-pw')}\r\n\nbob:${apr1Hash('bob-pw', 'salt')}:Bob himself\ncarl:${await hashPassword('carl:pw')}\nDora:${md5('x').toUpperCase()}\n`,
  );
  const is = (user: string, password: string) => matchesListener(file, { user, password }, verifier);
  assert.deepEqual(
    await Promise.all([is('ann', 'ann-pw'), is('bob', 'bob-pw'), is('carl', 'carl:pw'), is('Dora', 'x')]),
    [true, true, true, true],
  );
  for (const [user, password] of [
    ['ann', 'bob-pw'],
    ['ann', ''],
    ['ann', md5('ann-pw')],
    ['dora', 'x'],
    ['', ''],
    ['__proto__', ''],
    ['eve', 'x'.repeat(2_000)],
  ] as const)
    assert.equal(await is(user, password), false, user);
});

test('a file that is none is told by its line, without its content', () => {
  for (const [text, expected] of [
    ['ann', /^line 1 is not user:hash$/],
    [`ann:${md5('x')}\n:${md5('x')}`, /^line 2 is not user:hash$/],
    ['ann:in-clear', /^line 1 has no hash of a known kind/],
    ['ann:$2y$05$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234', /^line 1 has no hash/],
    ['ann:scrypt:N=3,r=8,p=1:aaaaaaaa:bbbbbbbbbbbbbbbbbbbbbb', /^line 1 has no hash/],
    [`ann:${md5('x')}\nann:${md5('y')}`, /^line 2 has a user once more$/],
  ] as const) {
    const problem = String(parseListenerPasswords(text));
    assert.match(problem, expected);
    assert.doesNotMatch(problem, /in-clear/);
  }
  assert.equal(read('').users.size, 0);
});

test('an unknown user costs what the dearest known one costs', async () => {
  const scrypt = await hashPassword('x');
  for (const [text, kind] of [
    [`a:${md5('x')}`, /^[0-9a-f]{32}$/],
    [`a:${md5('x')}\nb:${apr1Hash('x', 'y')}`, /^\$apr1\$/],
    [`a:${scrypt}\nb:${apr1Hash('x', 'y')}`, /^scrypt:N=32768,r=8,p=3:/],
  ] as const)
    assert.match(read(text).decoy, kind);
  const before = verifier.computed;
  assert.equal(
    await matchesListener(read(`a:${scrypt}`), { user: 'nobody', password: 'guess' }, verifier),
    false,
  );
  assert.equal(verifier.computed, before + 1);
});
