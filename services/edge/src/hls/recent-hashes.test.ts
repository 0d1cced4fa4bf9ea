import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import fc from 'fast-check';
import { RecentHashes } from './recent-hashes.ts';

const rememberMs = 50_000;
const mostMs = 60_000;

test('a hash is known for the time that was asked for, and hardly longer, however it is used', () => {
  const step = fc.record({
    act: fc.constantFrom('add', 'add', 'delete', 'look'),
    hash: fc.constantFrom('a', 'b', 'c'),
    waitMs: fc.constantFrom(0, 1, 4_999, 10_000, 25_000, 49_999, 60_000, 3_600_000),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const clock = new ManualClock();
      const recent = new RecentHashes({ clock, rememberMs, maxSize: 600 });
      const addedMs = new Map<string, number>();
      for (const { act, hash, waitMs } of steps) {
        if (act === 'add') {
          recent.add(hash);
          addedMs.set(hash, clock.monotonicMs());
        } else if (act === 'delete') {
          recent.delete(hash);
          addedMs.delete(hash);
        }
        clock.advance(waitMs);
        const ageMs = clock.monotonicMs() - (addedMs.get(hash) ?? Number.NEGATIVE_INFINITY);
        if (ageMs < rememberMs) assert.equal(recent.has(hash), true, `${ageMs} ms`);
        if (ageMs >= mostMs) assert.equal(recent.has(hash), false, `${ageMs} ms`);
      }
    }),
  );
});

test('of more than there is room for the youngest are known', () => {
  const clock = new ManualClock();
  const recent = new RecentHashes({ clock, rememberMs, maxSize: 600 });
  for (let n = 0; n < 10_000; n += 1) recent.add(`hash ${n}`);
  const known = Array.from({ length: 10_000 }, (_, n) => n).filter((n) => recent.has(`hash ${n}`));
  assert.deepEqual(
    known,
    Array.from({ length: 600 }, (_, i) => 9_400 + i),
  );
});
