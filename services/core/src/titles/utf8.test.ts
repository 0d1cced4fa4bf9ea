import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clipUtf8, decodeUtf8, latin1Of } from './utf8.ts';

test('only valid UTF-8 is decoded', () => {
  assert.equal(decodeUtf8(Buffer.from('caf\u00e9')), 'café');
  assert.equal(decodeUtf8(Buffer.from('caf\xe9', 'latin1')), undefined);
  // Overlong forms and surrogates are not UTF-8.
  assert.equal(decodeUtf8(Uint8Array.of(0xc0, 0xaf)), undefined);
  assert.equal(decodeUtf8(Uint8Array.of(0xed, 0xa0, 0x80)), undefined);
});

test('Latin-1 keeps every byte', () => {
  assert.equal(latin1Of(Uint8Array.of(0x41, 0x80, 0xff)), 'A\x80\xff');
});

test('a clip is the longest beginning of whole characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.nat(40), (text, limit) => {
      const clipped = clipUtf8(text, limit);
      const kept = decodeUtf8(clipped);
      assert.ok(kept !== undefined && text.startsWith(kept) && clipped.length <= limit);
      const next = String.fromCodePoint(
        ...[text.slice(kept.length).codePointAt(0)].filter((c) => c !== undefined),
      );
      if (next !== '') assert.ok(clipped.length + Buffer.byteLength(next) > limit);
    }),
  );
});
