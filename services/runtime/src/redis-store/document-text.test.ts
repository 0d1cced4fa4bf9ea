import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Json } from '@legacystream/core/ports/state-store.ts';
import fc from 'fast-check';
import { encodeDocument, parseDocument } from './document-text.ts';

test('any id and value come back, and the epoch stands at the beginning', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.jsonValue(), fc.option(fc.nat()), (id, value, epoch) => {
      const text = encodeDocument(id, value as Json, epoch ?? undefined);
      assert.equal(text.split('\n').length, 3);
      assert.equal(text.split('\n')[0], epoch === null ? '' : String(epoch));
      assert.deepEqual(parseDocument(text), { id, value: JSON.parse(JSON.stringify(value)) });
    }),
  );
});

test('half a character in an id is not lost', () => {
  const text = Buffer.from(encodeDocument('\ud83d', '\udc00', undefined)).toString();
  assert.deepEqual(parseDocument(text), { id: '\ud83d', value: '\udc00' });
});

test('what is no document is none, and never throws', () => {
  for (const text of [
    '',
    '\n',
    '\n\n',
    '\n""\n',
    '1\n"a"',
    '1\n1\n1',
    '1\n"a"\n{',
    '1\n"a\n1',
    '\n"a"\nundefined',
  ]) {
    assert.equal(parseDocument(text), undefined, text);
  }
  fc.assert(fc.property(fc.string(), (text) => void parseDocument(text)));
});

test('what cannot be a document is refused', () => {
  for (const [value, epoch] of [
    [undefined, 1],
    ['x'.repeat(1024 * 1024), 1],
    [1, Number.NaN],
    [1, Number.POSITIVE_INFINITY],
  ] as const) {
    assert.throws(
      () => encodeDocument('id', value as Json, epoch),
      (error) => error instanceof LegacyStreamError && error.code === 'LS_PARAMETER_INVALID',
    );
  }
});
