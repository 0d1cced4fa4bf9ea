import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { StoreAllowance } from './store-allowance.ts';

test('what is listed may always be looked up, unless it was just not there', () => {
  const clock = new ManualClock();
  const allowance = new StoreAllowance(clock);
  for (let i = 0; i < 1000; i += 1) assert.ok(allowance.allows(`s${i}`, true));
  allowance.missed('s1');
  assert.equal(allowance.allows('s1', true), false);
  clock.advance(5_000);
  assert.ok(allowance.allows('s1', true));
});

test('a flood of invented names costs the store twenty look-ups a second', () => {
  const clock = new ManualClock();
  const allowance = new StoreAllowance(clock);
  let allowed = 0;
  for (let ms = 0; ms < 10_000; ms += 1) {
    for (let i = 0; i < 5; i += 1) if (allowance.allows(`${ms}-${i}`, false)) allowed += 1;
    clock.advance(1);
  }
  assert.ok(allowed >= 190 && allowed <= 220, `${allowed}`);
});
