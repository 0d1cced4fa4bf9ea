import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './manual-clock.ts';

test('time stands still until it is advanced', () => {
  const clock = new ManualClock(1000);
  assert.equal(clock.monotonicMs(), 0);
  assert.equal(clock.wallMs(), 1000);
  clock.advance(250);
  assert.equal(clock.monotonicMs(), 250);
  assert.equal(clock.wallMs(), 1250);
});

test('timers fire in order of time, then of creation, each at its own moment', () => {
  const clock = new ManualClock();
  const fired: string[] = [];
  const note = (name: string) => () => void fired.push(`${name}@${clock.monotonicMs()}`);
  clock.after(20, note('late'));
  clock.after(10, note('first'));
  clock.after(10, note('second'));
  clock.advance(9);
  assert.deepEqual(fired, []);
  clock.advance(11);
  assert.deepEqual(fired, ['first@10', 'second@10', 'late@20']);
  clock.advance(100);
  assert.equal(fired.length, 3);
});

test('a timer set by a firing timer takes part in the same advance', () => {
  const clock = new ManualClock();
  const fired: number[] = [];
  clock.after(10, () => clock.after(5, () => fired.push(clock.monotonicMs())));
  clock.advance(15);
  assert.deepEqual(fired, [15]);
});

test('a periodic timer fires once per period until it is cancelled', () => {
  const clock = new ManualClock();
  let count = 0;
  const timer = clock.every(10, () => {
    count++;
    if (count === 3) timer.cancel();
  });
  clock.advance(25);
  assert.equal(count, 2);
  clock.advance(1000);
  assert.equal(count, 3);
});

test('a period below a millisecond is one millisecond', () => {
  const clock = new ManualClock();
  let count = 0;
  clock.every(0, () => count++);
  clock.advance(5);
  assert.equal(count, 5);
});

test('a cancelled timer never fires, and cancelling again is harmless', () => {
  const clock = new ManualClock();
  let fired = false;
  const timer = clock.after(1, () => {
    fired = true;
  });
  assert.equal(clock.pendingTimers, 1);
  timer.cancel();
  timer.cancel();
  clock.advance(10);
  assert.equal(fired, false);
  assert.equal(clock.pendingTimers, 0);
});

test('a delay of nothing fires at the next advance, not at once', () => {
  const clock = new ManualClock();
  let fired = false;
  clock.after(-5, () => {
    fired = true;
  });
  assert.equal(fired, false);
  clock.advance(0);
  assert.equal(fired, true);
});

test('monotonic time never steps back', () => {
  const clock = new ManualClock();
  clock.after(10, () => clock.advance(100));
  clock.advance(20);
  assert.equal(clock.monotonicMs(), 110);
  assert.throws(() => clock.advance(-1), RangeError);
  assert.throws(() => clock.advance(Number.NaN), RangeError);
});

test('a step of the wall clock leaves monotonic time and timers alone', () => {
  const clock = new ManualClock(50_000);
  let fired = false;
  clock.after(10, () => {
    fired = true;
  });
  clock.stepWall(-40_000);
  assert.equal(clock.wallMs(), 10_000);
  assert.equal(clock.monotonicMs(), 0);
  assert.equal(fired, false);
});
