import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { OncePerInterval } from './once-per-interval.ts';

function setUp() {
  const clock = new ManualClock();
  const limited = new OncePerInterval(clock, 1000);
  const lines: string[] = [];
  const report = (name: string): void =>
    limited.report((suppressed) => void lines.push(`${name}+${suppressed}@${clock.monotonicMs()}`));
  return { clock, limited, lines, report };
}

test('the first report goes out at once', () => {
  const { lines, report } = setUp();
  report('a');
  assert.deepEqual(lines, ['a+0@0']);
});

test('the latest of an interval goes out at its end with the count of the others', () => {
  const { clock, lines, report } = setUp();
  for (const name of ['a', 'b', 'c', 'd']) report(name);
  clock.advance(999);
  assert.deepEqual(lines, ['a+0@0']);
  clock.advance(1);
  assert.deepEqual(lines, ['a+0@0', 'd+2@1000']);
});

test('a steady flood is one line per interval', () => {
  const { clock, lines, report } = setUp();
  for (let i = 0; i < 500; i++) {
    report('x');
    clock.advance(10);
  }
  assert.ok(lines.length >= 5 && lines.length <= 6, `${lines.length} lines`);
});

test('after a quiet interval the next report goes out at once again', () => {
  const { clock, lines, report } = setUp();
  report('a');
  clock.advance(1000);
  assert.equal(clock.pendingTimers, 0);
  report('b');
  assert.deepEqual(lines, ['a+0@0', 'b+0@1000']);
});

test('closing sends out what waits', () => {
  const { clock, limited, lines, report } = setUp();
  report('a');
  report('b');
  limited.close();
  assert.deepEqual(lines, ['a+0@0', 'b+0@0']);
  assert.equal(clock.pendingTimers, 0);
});
