import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSubject, isSubjectPattern, subjectMatches } from './subject-pattern.ts';

const token = fc.string({ unit: fc.constantFrom('a', 'b', '-', '_'), minLength: 1, maxLength: 3 });
const subject = fc.array(token, { minLength: 1, maxLength: 4 });
const pattern = fc
  .tuple(fc.array(fc.oneof(token, fc.constant('*')), { maxLength: 4 }), fc.boolean())
  .map(([list, open]) => (open || list.length === 0 ? [...list, '>'] : list));

/** The definition, token by token. */
function matchesByDefinition(parts: readonly string[], of: readonly string[]): boolean {
  const open = parts.at(-1) === '>';
  const fixed = open ? parts.slice(0, -1) : parts;
  if (open ? of.length <= fixed.length : of.length !== fixed.length) return false;
  return fixed.every((part, i) => part === '*' || part === of[i]);
}

test('a subject is one or more tokens without a wildcard', () => {
  for (const text of ['a', 'ls.main.audio.live_2emp3.source', 'é.x']) assert.ok(isSubject(text), text);
  const wrong = ['', '.', 'a.', '.a', 'a..b', '*', 'a.*', '>', 'a.>', 'a*', 'a b', 'a\n', 'a.b\u0000'];
  for (const text of [...wrong, 'a'.repeat(5000)]) assert.ok(!isSubject(text), text.slice(0, 20));
});

test('a pattern may have wildcards as whole tokens, the open one only at its end', () => {
  for (const text of ['a', '*', '>', 'a.*', '*.a', '*.*', 'a.>', '*.>'])
    assert.ok(isSubjectPattern(text), text);
  for (const text of ['', 'a.', '>.a', 'a.>.b', 'a>', 'a*', '**', '*a', 'a..>', 'a .b', '>>']) {
    assert.ok(!isSubjectPattern(text), text);
  }
});

test('a star is one token and the open wildcard is one or more', () => {
  assert.ok(subjectMatches('a.*.c', 'a.b.c'));
  assert.ok(!subjectMatches('a.*', 'a'));
  assert.ok(!subjectMatches('a.*', 'a.b.c'));
  assert.ok(subjectMatches('a.>', 'a.b.c'));
  assert.ok(!subjectMatches('a.>', 'a'));
  assert.ok(!subjectMatches('a.b', 'a.bc'));
  assert.ok(!subjectMatches('a.bc', 'a.b'));
});

test('matching agrees with the definition for any pattern and subject', () => {
  fc.assert(
    fc.property(pattern, subject, (parts, of) => {
      assert.ok(isSubjectPattern(parts.join('.')));
      assert.ok(isSubject(of.join('.')));
      assert.equal(subjectMatches(parts.join('.'), of.join('.')), matchesByDefinition(parts, of));
    }),
    { numRuns: 2000 },
  );
});

test('a hostile name is judged in one pass', () => {
  const long = `${'a.'.repeat(1000)}*`;
  for (const text of [long, 'a'.repeat(1e7), `${'*.'.repeat(1000)}\n`]) assert.ok(!isSubject(text));
});
