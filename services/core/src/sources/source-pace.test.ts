import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultPaceLimits, SourcePace } from './source-pace.ts';

const hourMs = 3_600_000;

test('a source in real time is never stopped, not even if its clock is a little fast for weeks', () => {
  for (const speed of [1, 1.0003, 0.9997]) {
    const pace = new SourcePace(0);
    for (let ms = 100; ms < 300 * hourMs; ms += 5_000) {
      pace.add(5_000 * speed * 1000);
      assert.equal(pace.pauseMs(ms), 0, `at ${ms / hourMs} hours`);
    }
  }
});

test('a source in real time may send in bursts as its buffer is', () => {
  const jitters = fc.array(fc.integer({ min: 0, max: 9_000 }), { minLength: 10, maxLength: 200 });
  fc.assert(
    fc.property(jitters, (list) => {
      const pace = new SourcePace(0);
      let nowMs = 0;
      for (const lateMs of list) {
        nowMs += lateMs;
        pace.add(lateMs * 1000);
        assert.equal(pace.pauseMs(nowMs), 0);
      }
    }),
  );
});

test('a file at line speed is read as fast as it plays, a buffer ahead', () => {
  const pace = new SourcePace(0);
  let nowMs = 0;
  let mediaMs = 0;
  while (mediaMs < hourMs) {
    mediaMs += 26;
    pace.add(26_000);
    nowMs += 0.01 + pace.pauseMs(nowMs);
    const aheadMs = mediaMs - nowMs;
    assert.ok(aheadMs <= defaultPaceLimits.maxAheadMs + 26 + nowMs * 0.0005);
  }
  assert.ok(nowMs > 0.999 * (hourMs - defaultPaceLimits.maxAheadMs));
});

test('a pause ends when the source may be a little less ahead', () => {
  const pace = new SourcePace(0, { ...defaultPaceLimits, maxAheadMs: 1000, resumeAheadMs: 400 });
  pace.add(1_000_000);
  assert.equal(pace.pauseMs(0), 0);
  pace.add(500_000);
  assert.equal(pace.pauseMs(0), 1100);
});

test('falling behind earns no longer burst later', () => {
  const pace = new SourcePace(0);
  pace.add(1_000_000);
  assert.equal(pace.pauseMs(600_000), 0);
  pace.add(20_000_000);
  assert.ok(pace.pauseMs(600_000) > 0, 'twenty seconds at once, after ten minutes of silence');
});

test('bytes that play nobody knows how long are held to the densest audio', () => {
  const pace = new SourcePace(0, { maxAheadMs: 10_000, resumeAheadMs: 8_000, maxBytesPerSecond: 1_000_000 });
  pace.addBytes(10_000_000);
  assert.equal(pace.pauseMs(0), 0);
  pace.addBytes(2_000_000);
  assert.equal(pace.pauseMs(0), 4000);
});
