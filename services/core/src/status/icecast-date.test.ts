import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIcecastDate, formatIcecastIsoDate } from './icecast-date.ts';

test('dates are spelled as Icecast spells them in UTC', () => {
  const atMs = Date.UTC(2026, 10, 22, 13, 33, 7, 999);
  assert.equal(formatIcecastDate(atMs), 'Sun, 22 Nov 2026 13:33:07 +0000');
  assert.equal(formatIcecastIsoDate(atMs), '2026-11-22T13:33:07+0000');
  assert.equal(formatIcecastDate(Date.UTC(2026, 0, 4)), 'Sun, 04 Jan 2026 00:00:00 +0000');
});

test('a time that cannot be is the epoch', () => {
  for (const atMs of [Number.NaN, -1, Number.POSITIVE_INFINITY, 8.7e15]) {
    assert.equal(formatIcecastIsoDate(atMs), '1970-01-01T00:00:00+0000');
  }
});
