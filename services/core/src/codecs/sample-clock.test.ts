import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SampleClock } from './sample-clock.ts';

test('durations are whole microseconds and add up exactly', () => {
  const clock = new SampleClock();
  let totalUs = 0;
  for (let i = 1; i <= 100_000; i++) {
    const us = clock.advance(1152, 44100);
    assert.ok(us === 26122 || us === 26123);
    totalUs += us;
    assert.equal(totalUs, Math.floor((i * 1152 * 1_000_000) / 44100));
  }
});

test('a change of rate starts anew', () => {
  const clock = new SampleClock();
  clock.advance(1, 3);
  assert.equal(clock.advance(1, 1_000_000), 1);
  assert.equal(clock.advance(2, 3), 666_666);
});
