import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import fc from 'fast-check';
import { MemoryBlobs } from './memory-blobs.ts';
import { MemoryStateStore } from './memory-state-store.ts';

const ttlMs = 1000;

/** Bytes with a buffer of their own. */
function bytes(length: number): Uint8Array {
  return new Uint8Array(length);
}

test('reading copies nothing, and neither does writing what has a buffer of its own', () => {
  const blobs = new MemoryBlobs(new ManualClock(), 10_000);
  const data = bytes(100);
  blobs.put('g', 'a', data, ttlMs);
  assert.equal(blobs.get('g', 'a'), data);
});

test('of a view only its own bytes are kept, not the buffer behind it', () => {
  const blobs = new MemoryBlobs(new ManualClock(), 10_000);
  const large = bytes(1_000_000).fill(7);
  blobs.put('g', 'a', large.subarray(10, 110), ttlMs);
  large.fill(8);
  const kept = blobs.get('g', 'a');
  assert.deepEqual(kept, bytes(100).fill(7));
  assert.equal(kept?.buffer.byteLength, 100);
});

test('in a full room the oldest go first, and one written again is young', () => {
  const blobs = new MemoryBlobs(new ManualClock(), 10_000);
  for (const name of ['a', 'b', 'c', 'a']) blobs.put('g', name, bytes(3000), ttlMs);
  const there = (): string => ['a', 'b', 'c', 'd', 'e'].filter((name) => blobs.get('g', name)).join('');
  assert.equal(there(), 'abc');
  blobs.put('g', 'd', bytes(3000), ttlMs);
  assert.equal(there(), 'acd');
  blobs.put('g', 'e', bytes(6000), ttlMs);
  assert.equal(there(), 'de');
});

test('one that is larger than all the room is not kept and drives nothing else out', () => {
  const blobs = new MemoryBlobs(new ManualClock(), 10_000);
  blobs.put('g', 'a', bytes(10), ttlMs);
  blobs.put('g', 'b', bytes(10), ttlMs);
  blobs.put('g', 'b', bytes(10_000), ttlMs);
  assert.ok(blobs.get('g', 'a'));
  // What was under its name is not what was written last.
  assert.equal(blobs.get('g', 'b'), undefined);
});

test('empty blobs take room as well', () => {
  const blobs = new MemoryBlobs(new ManualClock(), 10_000);
  for (let i = 0; i < 1000; i++) blobs.put('g', String(i), bytes(0), ttlMs);
  assert.equal(blobs.get('g', '0'), undefined);
  assert.ok(blobs.get('g', '999'));
});

test('whatever happens, the room is kept and what is gone takes none of it', () => {
  const step = fc.oneof(
    fc.record({ name: fc.nat(5), length: fc.nat(4000), lifeMs: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ passMs: fc.nat(40) }),
    fc.record({ read: fc.nat(5) }),
    fc.constant({ sweep: true }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new ManualClock();
      const blobs = new MemoryBlobs(clock, 10_000);
      for (const does of steps) {
        if ('name' in does) blobs.put('g', String(does.name), bytes(does.length), does.lifeMs);
        else if ('passMs' in does) clock.advance(does.passMs);
        else if ('read' in does) blobs.get('g', String(does.read));
        else blobs.sweep(100);
        assert.ok(blobs.bytes >= 0 && blobs.bytes <= 10_000, `${blobs.bytes}`);
      }
      clock.advance(50);
      // The first may end a walk that was begun before.
      blobs.sweep(100);
      blobs.sweep(100);
      assert.equal(blobs.bytes, 0);
    }),
  );
});

test('a store has the room for blobs that it is given', async (t) => {
  const store = new MemoryStateStore({ clock: new ManualClock(), maxBlobBytes: 1000 });
  t.after(() => store.close());
  await store.putBlob('g', 'a', bytes(500), { ttlMs });
  await store.putBlob('g', 'b', bytes(500), { ttlMs });
  assert.equal(await store.getBlob('g', 'a'), undefined);
  assert.ok(await store.getBlob('g', 'b'));
});
