import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextPeriodMs } from './delivery-period.ts';

const limits = { minMs: 50, maxMs: 1000, idleListeners: 200 };

function settle(listeners: number, fromMs: number): number[] {
  const periods = [fromMs];
  for (let lap = 0; lap < 60; lap += 1) periods.push(nextPeriodMs(limits, periods.at(-1)!, listeners));
  return periods;
}

test('few listeners have the shortest period, many the longest, some one between', () => {
  assert.equal(settle(1, 50).at(-1), 50);
  assert.equal(settle(200, 50).at(-1), 50);
  assert.equal(settle(400, 50).at(-1), 100);
  assert.equal(settle(4000, 50).at(-1), 1000);
  assert.equal(settle(100_000, 50).at(-1), 1000);
  assert.equal(settle(3, 1000).at(-1), 50, 'a crowd that has left leaves nothing behind');
});

test('for a steady audience the period goes one way and stays there', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 20_000 }),
      fc.double({ min: 50, max: 1000, noNaN: true }),
      (listeners, fromMs) => {
        const periods = settle(listeners, fromMs);
        const rises = periods.slice(1).map((period, i) => Math.sign(period - periods[i]!));
        assert.ok(!(rises.includes(1) && rises.includes(-1)), 'it never turns back');
        assert.equal(rises.at(-1), 0, 'it comes to rest');
        for (const [i, period] of periods.slice(1).entries()) {
          assert.ok(
            period <= periods[i]! * 1.25 + 1e-9 && period >= periods[i]! * 0.75 - 1e-9,
            'by a quarter at most',
          );
          assert.ok(period >= limits.minMs && period <= limits.maxMs);
        }
      },
    ),
  );
});

test('an audience that fluctuates by a tenth keeps one period', () => {
  let period = settle(2200, 50).at(-1)!;
  const peak = period;
  for (let lap = 0; lap < 100; lap += 1) {
    period = nextPeriodMs(limits, period, 2000 + (lap % 2) * 200);
    assert.equal(period, peak);
  }
});
