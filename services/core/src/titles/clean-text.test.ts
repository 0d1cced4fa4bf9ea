import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cleanText, cleanTextBytes } from './clean-text.ts';

test('line breaks and tabs become one space, other control characters go', () => {
  assert.equal(cleanText(' a\r\n\tb\0c\u0085\u007f\u2028d ', 100), 'a bc d');
});

test('the limit counts characters, not surrogates, and leaves no space at the end', () => {
  assert.equal(cleanText('😀😀😀', 2), '😀😀');
  assert.equal(cleanText('ab cd', 3), 'ab');
});

test('a limit in bytes never tears a character', () => {
  assert.equal(cleanTextBytes('aé€😀', 10), 'aé€😀');
  assert.equal(cleanTextBytes('aé€😀', 9), 'aé€');
  assert.equal(cleanTextBytes('aé€😀', 5), 'aé');
});

test('any text becomes a well-formed line within both limits', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat(40), (text, limit) => {
      for (const line of [cleanText(text, limit), cleanTextBytes(text, limit)]) {
        assert.ok(line.isWellFormed());
        assert.ok([...line].length <= limit);
        assert.equal(line, line.trim());
        assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029]/u);
      }
      assert.ok(Buffer.byteLength(cleanTextBytes(text, limit)) <= limit);
    }),
  );
});
