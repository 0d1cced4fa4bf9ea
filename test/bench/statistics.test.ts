import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distribution, median, slope } from './statistics.ts';

test('statistics are what their names say', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(median([]), 0);
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.deepEqual(distribution(hundred), { p50: 50, p99: 99, max: 100 });
  assert.deepEqual(distribution([7]), { p50: 7, p99: 7, max: 7 });
  const line = [0, 1, 2, 3].map((x) => [x, 5 + 3 * x] as const);
  assert.equal(slope(line), 3);
});
