import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { hashPassword, PasswordVerifier, parsePasswordHash } from './passwords.ts';

/** A hash that takes about a millisecond. */
function quickHash(plain: string, salt = 'pinch of salt'): string {
  const hash = scryptSync(plain, Buffer.from(salt), 32, { N: 1024, r: 8, p: 1 });
  return `scrypt:N=1024,r=8,p=1:${Buffer.from(salt).toString('base64url')}:${hash.toString('base64url')}`;
}

describe('hashed passwords', () => {
  test('a hashed password verifies, another does not', async () => {
    const stored = await hashPassword('on air: tonight');
    const verifier = new PasswordVerifier();
    assert.match(stored, /^scrypt:N=32768,r=8,p=3:[\w-]{22}:[\w-]{43}$/);
    assert.equal(await verifier.verify('on air: tonight', stored), true);
    assert.equal(await verifier.verify('on air: tomorrow', stored), false);
    assert.equal(await verifier.verify(stored, stored), false, 'the hash itself is no password');
  });

  test('the same password never has the same hash', async () => {
    assert.notEqual(await hashPassword('twice the same'), await hashPassword('twice the same'));
  });

  test('the test vector of RFC 7914 verifies', async () => {
    const hash =
      'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640';
    const stored = `scrypt:N=1024,r=8,p=16:${Buffer.from('NaCl').toString('base64url')}:${Buffer.from(hash, 'hex').toString('base64url')}`;
    assert.equal(await new PasswordVerifier().verify('password', stored), true);
  });

  for (const [what, stored] of [
    ['a cut hash', 'scrypt:N=1024,r=8,p=1:cGluY2gg'],
    ['N that is no power of two', quickHash('x').replace('N=1024', 'N=1000')],
    ['more memory than a login may take', quickHash('x').replace('N=1024', 'N=1048576')],
    ['more rounds than a login may take', quickHash('x').replace('p=1', 'p=99')],
    ['no rounds', quickHash('x').replace('r=8', 'r=0')],
    ['letters outside of the alphabet', quickHash('x').replace(/.$/, '!')],
  ] as const) {
    test(`${what} matches nothing and throws nothing`, async () => {
      assert.equal(parsePasswordHash(stored), undefined);
      assert.equal(await new PasswordVerifier().verify('x', stored), false);
    });
  }
});

describe('plain passwords', () => {
  test('only the same text matches', async () => {
    const verifier = new PasswordVerifier();
    assert.equal(await verifier.verify('grüße', 'grüße'), true);
    assert.equal(await verifier.verify('grüß', 'grüße'), false);
    assert.equal(await verifier.verify('Grüße', 'grüße'), false);
    assert.equal(verifier.computed, 0);
  });

  test('nobody logs in where no password is set', async () => {
    assert.equal(await new PasswordVerifier().verify('', ''), false);
  });

  test('an oversized password is refused unread', async () => {
    const long = 'a'.repeat(1025);
    assert.equal(await new PasswordVerifier().verify(long, long), false);
  });
});

describe('the cost of verifying', () => {
  test('a repeated login, right or wrong, costs one hash', async () => {
    const verifier = new PasswordVerifier();
    const stored = quickHash('encoder');
    for (let i = 0; i < 5; i++) {
      assert.equal(await verifier.verify('encoder', stored), true);
      assert.equal(await verifier.verify('typo', stored), false);
    }
    assert.equal(verifier.computed, 2);
  });

  test('equal logins at the same time share one hash', async () => {
    const verifier = new PasswordVerifier();
    const stored = quickHash('encoder');
    const answers = await Promise.all(Array.from({ length: 200 }, () => verifier.verify('encoder', stored)));
    assert.ok(answers.every((answer) => answer));
    assert.equal(verifier.computed, 1);
  });

  test('a changed hash is not answered from memory', async () => {
    const verifier = new PasswordVerifier();
    assert.equal(await verifier.verify('encoder', quickHash('encoder', 'first salt')), true);
    assert.equal(await verifier.verify('encoder', quickHash('another', 'second salt')), false);
  });

  test('guesses do not push the right password out of memory', async () => {
    const verifier = new PasswordVerifier();
    const stored = quickHash('encoder');
    await verifier.verify('encoder', stored);
    for (let i = 0; i < 300; i++) await verifier.verify(`guess ${i}`, stored);
    const before = verifier.computed;
    assert.equal(await verifier.verify('encoder', stored), true);
    assert.equal(verifier.computed, before);
    assert.equal(await verifier.verify('guess 0', stored), false);
    assert.equal(verifier.computed, before + 1, 'the oldest guess is forgotten');
  });

  test('two hashes run, 64 wait, and one more is told to come back', async () => {
    const verifier = new PasswordVerifier();
    const stored = quickHash('encoder');
    const outcomes = await Promise.allSettled(
      Array.from({ length: 70 }, (_, i) => verifier.verify(`guess ${i}`, stored)),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(refused.length, 4);
    for (const { reason } of refused) {
      assert.ok(reason instanceof LegacyStreamError);
      assert.equal(reason.code, 'LS_AUTH_RATE_LIMITED');
    }
    assert.equal(await verifier.verify('encoder', stored), true, 'the places are free again');
  });
});
