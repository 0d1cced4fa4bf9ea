import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SegmentCache } from './segment-cache.ts';

const kilobyte = () => new Uint8Array(1024);

test('what was not asked for longest goes first, and the bound holds', () => {
  const cache = new SegmentCache(5000);
  for (const name of ['a', 'b', 'c']) cache.put(name, kilobyte());
  assert.ok(cache.get('a'));
  cache.put('d', kilobyte());
  assert.ok(cache.bytes <= 5000);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((name) => cache.get(name) !== undefined),
    [true, false, true, true],
  );
});

test('putting again replaces, and what is larger than all the room is not kept', () => {
  const cache = new SegmentCache(5000);
  cache.put('a', kilobyte());
  cache.put('a', new Uint8Array(2048));
  assert.equal(cache.get('a')?.byteLength, 2048);
  cache.put('huge', new Uint8Array(6000));
  assert.equal(cache.get('huge'), undefined);
  assert.equal(cache.bytes, 0, 'it made room as it would for any other');
});

test('a group is let go as one', () => {
  const cache = new SegmentCache(100_000);
  for (const name of ['x/1', 'x/2', 'xy/1']) cache.put(name, kilobyte());
  cache.deleteGroup('x/');
  assert.deepEqual(
    ['x/1', 'x/2', 'xy/1'].map((name) => cache.get(name) !== undefined),
    [false, false, true],
  );
  cache.deleteGroup('');
  assert.equal(cache.bytes, 0);
});

test('what nobody has asked for in three minutes goes, and what is asked for stays', () => {
  const cache = new SegmentCache(100_000);
  cache.sweep(1_000_000);
  cache.put('old', kilobyte());
  cache.put('used', kilobyte());
  for (let second = 5; second <= 170; second += 5) {
    cache.sweep(1_000_000 + second * 1000);
    assert.ok(cache.get('used'));
  }
  cache.put('new', kilobyte());
  cache.sweep(1_180_000);
  assert.deepEqual(
    ['old', 'used', 'new'].map((name) => cache.get(name) !== undefined),
    [false, true, true],
  );
  cache.sweep(1_400_000);
  assert.equal(cache.bytes, 0);
});
