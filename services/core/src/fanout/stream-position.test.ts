import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatStreamPosition, parseStreamPosition } from './stream-position.ts';

test('a position is read as it was written', () => {
  const position = { epoch: 1_700_000_000_000, seq: 81, byte: 123_456_789 };
  assert.equal(formatStreamPosition(position), '1700000000000.81.123456789');
  assert.deepEqual(parseStreamPosition(formatStreamPosition(position)), position);
});

test('what is no position is none', () => {
  const others = [
    '',
    '1',
    '1.2',
    '1.2.',
    '1.2.3.4',
    '-1.2.3',
    '1.2.-3',
    '1.2.3 ',
    '1e3.2.3',
    '0x1.2.3',
    'a.b.c',
  ];
  for (const text of [...others, `1.2.${2 ** 53}`, `1.2.${'9'.repeat(16)}`, `1.2.${'0'.repeat(17)}`]) {
    assert.equal(parseStreamPosition(text), undefined, text);
  }
});
