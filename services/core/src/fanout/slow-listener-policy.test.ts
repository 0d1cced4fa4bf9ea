import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeLagging, judgeStalled } from './slow-listener-policy.ts';

const limits = { maxLagBytes: 1000, maxStallMs: 30_000, maxSkips: 3 };

test('a connection that does not take an ordinary write in time is cut off', () => {
  assert.equal(judgeStalled(limits, 29_999, 1), 'wait');
  assert.equal(judgeStalled(limits, 30_000, 1), 'cut');
  assert.equal(judgeStalled(limits, 30_000, 65_536), 'cut');
});

test('a large burst may take as long as it is large, within bounds', () => {
  assert.equal(judgeStalled(limits, 59_999, 2 * 65_536), 'wait');
  assert.equal(judgeStalled(limits, 60_000, 2 * 65_536), 'cut');
  assert.equal(judgeStalled(limits, 120_000, 16 * 1024 * 1024), 'cut');
});

test('who lags is skipped only beyond the bound or out of the ring, and cut after too many skips', () => {
  assert.equal(judgeLagging(limits, 1000, true, 0), 'wait');
  assert.equal(judgeLagging(limits, 1001, true, 0), 'skip');
  assert.equal(judgeLagging(limits, 10, false, 0), 'skip');
  assert.equal(judgeLagging(limits, 1001, true, 2), 'skip');
  assert.equal(judgeLagging(limits, 1001, true, 3), 'cut');
  assert.equal(judgeLagging(limits, 1000, true, 3), 'wait', 'who keeps up is left in peace');
});
