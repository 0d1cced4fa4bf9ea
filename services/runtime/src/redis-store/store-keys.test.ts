import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import fc from 'fast-check';
import { encodeKeyPart, StoreKeys } from './store-keys.ts';

const keys = new StoreKeys('ls:');
const anyText = fc.string({ unit: 'binary', maxLength: 60 });
const anyUnits = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 })
  .map((units) => String.fromCharCode(...units));
const nasty = fc.array(fc.constantFrom('{', '}', '%', ':', 'h', 'u', 'z', '2', '5', '/', '\n', 'é'), {
  maxLength: 6,
});

/** What Redis hashes of a key: the first pair of braces with something in it, or else all. */
function hashTag(key: string): string {
  const match = /^[^{]*\{([^}]+)\}/.exec(key);
  return match ? match[1]! : key;
}

test('ordinary names are readable in keys', () => {
  assert.deepEqual(keys.lease('/live.mp3'), ['ls:{/live.mp3}:lease', 'ls:{/live.mp3}:epoch']);
  assert.equal(keys.document('ban', encodeKeyPart('10.0.0.1')), 'ls:doc:{ban}:10.0.0.1');
  assert.equal(keys.index('ban'), 'ls:docs:{ban}');
  assert.equal(encodeKeyPart('ä b'), '%c3%a4%20b');
});

test('two names never give one key', () => {
  const names = fc.oneof(
    anyText,
    anyUnits,
    nasty.map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(names, names, (a, b) => {
      assert.equal(encodeKeyPart(a) === encodeKeyPart(b), a === b);
    }),
    { numRuns: 500 },
  );
  const long = 'ä'.repeat(1000);
  const taken = [
    '',
    '%',
    '%z',
    '%h',
    '\ud800',
    '\ud801',
    '\ufffd',
    '%ud800',
    long,
    `${long}ä`,
    encodeKeyPart(long),
  ];
  assert.equal(new Set(taken.map(encodeKeyPart)).size, taken.length);
});

test('the keys of one operation share the hash tag, and a name cannot leave it', () => {
  fc.assert(
    fc.property(fc.oneof(anyText, anyUnits), (name) => {
      const [lease, epoch] = keys.lease(name);
      assert.equal(hashTag(lease), encodeKeyPart(name));
      assert.equal(hashTag(epoch), encodeKeyPart(name));
      assert.equal(hashTag(keys.document('ban', encodeKeyPart(name))), 'ban');
      for (const key of [lease, epoch, keys.document('ban', encodeKeyPart(name))]) {
        assert.match(key, /^[\x21-\x7e]{1,600}$/);
      }
    }),
    { numRuns: 500 },
  );
});

test('the blobs of a group share its hash tag, and no two of them a key', () => {
  assert.equal(keys.blob('/live.mp3/hi', '7.ts'), 'ls:blob:{/live.mp3/hi}:7.ts');
  assert.notEqual(keys.blob('a', 'b:c'), keys.blob('a:b', 'c'));
  const names = fc.oneof(
    anyText,
    anyUnits,
    nasty.map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(names, names, names, names, (group, name, otherGroup, otherName) => {
      const key = keys.blob(group, name);
      assert.equal(hashTag(key), encodeKeyPart(group));
      assert.match(key, /^[\x21-\x7e]{1,1000}$/);
      const isSame = group === otherGroup && name === otherName;
      assert.equal(key === keys.blob(otherGroup, otherName), isSame);
    }),
    { numRuns: 500 },
  );
});

test('a prefix that would change the hash tag is refused', () => {
  for (const prefix of ['{', 'a{b}:', ' ', 'a*', '\n', 'x'.repeat(65)]) {
    assert.throws(
      () => new StoreKeys(prefix),
      (error) => error instanceof LegacyStreamError && error.code === 'LS_CONFIG_INVALID',
    );
  }
  assert.equal(new StoreKeys('').index('ban'), 'docs:{ban}');
});
