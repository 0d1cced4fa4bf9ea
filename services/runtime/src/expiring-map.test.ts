import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { ExpiringMap } from './expiring-map.ts';

test('an entry lives until its time to live ends, one without for ever', () => {
  const clock = new ManualClock();
  const map = new ExpiringMap<number>(clock);
  map.set('brief', 1, 100);
  map.set('lasting', 2);
  clock.advance(99);
  assert.deepEqual(map.get('brief'), { value: 1, expiresAtMs: 100 });
  clock.advance(1);
  assert.equal(map.get('brief'), undefined);
  assert.equal(map.size, 1);
  assert.equal(map.get('lasting')?.value, 2);
});

test('setting again replaces the time to live as well', () => {
  const clock = new ManualClock();
  const map = new ExpiringMap<number>(clock);
  map.set('a', 1, 100);
  map.set('a', 2);
  clock.advance(1000);
  assert.equal(map.get('a')?.value, 2);
});

test('deleting says whether something alive was there', () => {
  const clock = new ManualClock();
  const map = new ExpiringMap<number>(clock);
  map.set('a', 1, 100);
  map.set('b', 1, 100);
  assert.equal(map.delete('a'), true);
  assert.equal(map.delete('a'), false);
  clock.advance(100);
  assert.equal(map.delete('b'), false);
  assert.equal(map.size, 0);
});

test('a walk gives what lives and removes what does not', () => {
  const clock = new ManualClock();
  const map = new ExpiringMap<number>(clock);
  map.set('a', 1, 10);
  map.set('b', 2, 1000);
  clock.advance(10);
  assert.deepEqual(
    [...map.live()].map(([key]) => key),
    ['b'],
  );
  assert.equal(map.size, 1);
});

test('a sweep looks at a bounded number of entries and the next one goes on', () => {
  const clock = new ManualClock();
  const map = new ExpiringMap<number>(clock);
  for (let i = 0; i < 100; i++) map.set(String(i), i, i < 50 ? 10 : undefined);
  clock.advance(10);
  map.sweep(20);
  assert.equal(map.size, 80);
  map.sweep(20);
  map.sweep(20);
  assert.equal(map.size, 50);
  map.sweep(1000);
  map.set('late', 1, 5);
  clock.advance(5);
  map.sweep(1000);
  assert.equal(map.size, 50);
});

test('every value that leaves is told of once, however it leaves', () => {
  const clock = new ManualClock();
  const gone: string[] = [];
  const map = new ExpiringMap<string>(clock, (value, key) => gone.push(`${key}=${value}`));
  const gives = (expected: string[]): void => assert.deepEqual(gone.splice(0), expected);
  map.set('a', '1');
  map.set('b', '1', 10);
  map.set('a', '2');
  gives(['a=1']);
  map.delete('a');
  map.delete('a');
  gives(['a=2']);
  clock.advance(10);
  map.get('b');
  map.get('b');
  gives(['b=1']);
  map.set('c', '1', 10);
  clock.advance(10);
  assert.equal(map.delete('c'), false);
  gives(['c=1']);
  map.set('d', '1', 10);
  map.set('e', '1', 20);
  clock.advance(10);
  assert.equal([...map.live()].length, 1);
  gives(['d=1']);
  clock.advance(10);
  map.sweep(10);
  gives(['e=1']);
});

test('the oldest is the one whose key came first', () => {
  const map = new ExpiringMap<number>(new ManualClock());
  map.set('a', 1);
  map.set('b', 1);
  map.set('a', 2);
  assert.equal(map.deleteOldest(), true);
  assert.equal(map.get('a'), undefined);
  assert.equal(map.get('b')?.value, 1);
  assert.equal(map.deleteOldest(), true);
  assert.equal(map.deleteOldest(), false);
});
