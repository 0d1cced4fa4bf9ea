import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultStandbyRingLimits, StandbyRing } from './standby-ring.ts';

const { ringMs, ringBytes } = defaultStandbyRingLimits;

const chunk = (id: number, durationMs = 100, syncPoint = true, bytes = 1_000) => ({
  data: new Uint8Array(bytes).fill(id),
  durationUs: durationMs * 1000,
  frameCount: 1,
  frameBytes: [bytes],
  syncPoint,
});
const idsOf = (ring: StandbyRing, nowMs: number) => ring.newest(nowMs).map(({ data }) => data[0]);

test('a source begins with its newest fifth of a second', () => {
  const ring = new StandbyRing();
  assert.ok(ring.isEmpty);
  assert.deepEqual(ring.newest(0), []);
  for (let i = 0; i < 100; i += 1) ring.push(chunk(i), i * 100);
  assert.deepEqual(idsOf(ring, 9_900), [98, 99]);
});

test('a chunk longer than that is begun with all the same', () => {
  const ring = new StandbyRing();
  ring.push(chunk(1, 1_000), 0);
  ring.push(chunk(2, 1_000), 1_000);
  assert.deepEqual(idsOf(ring, 1_900), [2]);
});

test('it begins where listeners can start, however far back that is', () => {
  const ring = new StandbyRing();
  ring.push(chunk(1), 0);
  for (let i = 2; i < 60; i += 1) ring.push(chunk(i, 100, i === 10), i * 100);
  assert.equal(idsOf(ring, 6_000)[0], 10);
  assert.equal(idsOf(ring, 6_000).length, 50);
});

test('without a place to start there is nothing to begin with', () => {
  const ring = new StandbyRing();
  for (let i = 0; i < 60; i += 1) ring.push(chunk(i, 100, false), i * 100);
  assert.deepEqual(ring.newest(6_000), []);
});

test('it is bounded in playing time, in age and in bytes', () => {
  const timed = new StandbyRing();
  for (let i = 0; i < 1_000; i += 1) timed.push(chunk(1), i);
  assert.ok(timed.bytes <= (ringMs / 100 + 1) * 1_300, `${timed.bytes} bytes`);

  const timeless = new StandbyRing();
  for (let i = 0; i < 1_000; i += 1) timeless.push(chunk(1, 0), i * 100);
  assert.ok(timeless.bytes <= (ringMs / 100 + 1) * 1_300, `${timeless.bytes} bytes`);

  for (const syncPoint of [true, false]) {
    const flood = new StandbyRing();
    for (let i = 0; i < 10_000; i += 1) {
      flood.push(chunk(1, 0, syncPoint), 0);
      assert.ok(flood.bytes <= ringBytes, `${flood.bytes} bytes`);
    }
  }
});

test('one chunk larger than all that is allowed is not kept', () => {
  const ring = new StandbyRing();
  ring.push(chunk(1, 100, true, ringBytes), 0);
  assert.equal(ring.bytes, 0);
  assert.ok(ring.isEmpty);
});

test('what was before is gone when it is cleared', () => {
  const ring = new StandbyRing();
  ring.push(chunk(1), 0);
  ring.clear();
  assert.equal(ring.bytes, 0);
  ring.push(chunk(2), 100);
  assert.deepEqual(idsOf(ring, 100), [2]);
});
