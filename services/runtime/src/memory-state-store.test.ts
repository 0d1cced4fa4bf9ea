import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryStateStore } from './memory-state-store.ts';

async function epochOf(store: MemoryStateStore, name: string): Promise<number> {
  const answer = await store.acquireLease(name, 'a', 1000);
  assert.ok(answer.granted);
  return answer.epoch;
}

test('an epoch never goes back when the wall clock does, not even of a lease long forgotten', async () => {
  const clock = new ManualClock();
  const store = new MemoryStateStore({ clock });
  const first = await epochOf(store, 'mount');
  clock.advance(60_000);
  clock.stepWall(-3_600_000);
  assert.equal(await store.readLease('mount'), undefined);
  assert.ok((await epochOf(store, 'mount')) > first);
});

test('times to live do not end by a step of the wall clock', async () => {
  const clock = new ManualClock();
  const store = new MemoryStateStore({ clock });
  await store.acquireLease('mount', 'a', 1000);
  await store.putDocument('pod', 'a', 1, { ttlMs: 1000 });
  clock.stepWall(86_400_000);
  assert.equal((await store.readLease('mount'))?.remainingMs, 1000);
  assert.equal(await store.getDocument('pod', 'a'), 1);
});

test('closing leaves no timer behind', async () => {
  const clock = new ManualClock();
  await new MemoryStateStore({ clock }).close();
  assert.equal(clock.pendingTimers, 0);
});
