import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { type ClaimHolder, MountClaim } from './mount-claim.ts';

/** A store that can be out of reach, and can forget everything. */
class Station {
  readonly clock = new ManualClock();
  readonly bus = new MemoryBus({ clock: this.clock });
  store = new MemoryStateStore({ clock: this.clock });
  isAway = false;
  readonly deps = {
    bus: this.bus,
    store: {
      acquireLease: this.#reach((...args: Parameters<MemoryStateStore['acquireLease']>) =>
        this.store.acquireLease(...args),
      ),
      renewLease: this.#reach((...args: Parameters<MemoryStateStore['renewLease']>) =>
        this.store.renewLease(...args),
      ),
      releaseLease: this.#reach((...args: Parameters<MemoryStateStore['releaseLease']>) =>
        this.store.releaseLease(...args),
      ),
    },
    clock: this.clock,
    subjects: new Subjects('test'),
    storeOutageGraceMs: 60_000,
  };

  async take(holder: string): Promise<{ claim: MountClaim; holder: Holder }> {
    const claim = await MountClaim.take(this.deps, 'live', holder);
    const attached = new Holder();
    claim.attach(attached);
    return { claim, holder: attached };
  }

  /** Moves time, a renewal at a time, so that what each asks is answered before the next. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      this.clock.advance(Math.min(left, 1_000));
      for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    }
  }

  #reach<Args extends unknown[], Result>(
    call: (...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result> {
    return async (...args) => {
      if (this.isAway) throw new LegacyStreamError('LS_STORE_UNAVAILABLE', 'away');
      return call(...args);
    };
  }
}

class Holder implements ClaimHolder {
  isLost = false;
  yields = false;
  readonly epochs: number[] = [];

  answer() {
    return this.yields ? ({ ok: true } as const) : ({ ok: false, reason: 'on air' } as const);
  }

  lost(): void {
    this.isLost = true;
  }

  renumbered(epoch: number): void {
    if (this.epochs.at(-1) !== epoch) this.epochs.push(epoch);
  }
}

const isInUse = (error: unknown) => error instanceof LegacyStreamError && error.code === 'LS_MOUNT_IN_USE';

test('a holder stays while the store is away, and goes on under its epoch when it is back', async () => {
  const station = new Station();
  const { claim, holder } = await station.take('a');
  const { epoch } = claim;
  station.isAway = true;
  await station.pass(6_000);
  station.isAway = false;
  await station.pass(5_000);
  assert.equal(holder.isLost, false);
  assert.equal(claim.epoch, epoch);
  await claim.release();
});

test('a lease that ran out while the store was away is taken again, under a larger epoch', async () => {
  const station = new Station();
  const { claim, holder } = await station.take('a');
  station.isAway = true;
  await station.pass(50_000);
  station.isAway = false;
  await station.pass(5_000);
  assert.equal(holder.isLost, false);
  assert.equal(holder.epochs.length, 2);
  assert.ok(holder.epochs[1]! > holder.epochs[0]!);
  assert.equal(claim.epoch, holder.epochs[1]);
  assert.equal((await station.store.readLease('live'))?.epoch, claim.epoch);
  await claim.release();
  assert.equal(await station.store.readLease('live'), undefined);
});

test('a store that has forgotten everything is told again', async () => {
  const station = new Station();
  const { claim, holder } = await station.take('a');
  station.store = new MemoryStateStore({ clock: station.clock });
  await station.pass(4_000);
  assert.equal(holder.isLost, false);
  assert.ok(claim.epoch > holder.epochs[0]!);
  await claim.release();
});

test('a holder does not outlast the time that is configured for it', async () => {
  const station = new Station();
  const { holder } = await station.take('a');
  station.isAway = true;
  await station.pass(59_000);
  assert.equal(holder.isLost, false);
  await station.pass(15_000);
  assert.equal(holder.isLost, true);
});

test('without the store a mount that nobody answers for may be claimed, and is leased when the store is back', async () => {
  const station = new Station();
  station.isAway = true;
  const { claim, holder } = await station.take('a');
  assert.ok(claim.epoch >= station.clock.wallMs());
  await assert.rejects(MountClaim.take(station.deps, 'live', 'b'), isInUse);
  await station.pass(20_000);
  station.isAway = false;
  await station.pass(4_000);
  assert.equal(holder.isLost, false);
  const lease = await station.store.readLease('live');
  assert.deepEqual([lease?.holder, lease?.epoch], ['a', claim.epoch]);
  await claim.release();
});

test('without the store an owner that makes way does so', async () => {
  const station = new Station();
  const { holder } = await station.take('a');
  station.isAway = true;
  await station.pass(1_000);
  holder.yields = true;
  const second = await station.take('b');
  assert.ok(second.claim.epoch > holder.epochs[0]!);
  await second.claim.release();
});

test('of two that claimed a mount without the store, one keeps it when the store is back', async () => {
  const station = new Station();
  station.isAway = true;
  const first = await station.take('a');
  // Another pod, which the bus does not reach.
  const elsewhere = new MemoryBus({ clock: station.clock });
  const claim = await MountClaim.take({ ...station.deps, bus: elsewhere }, 'live', 'b');
  const second = new Holder();
  claim.attach(second);
  station.isAway = false;
  await station.pass(4_000);
  assert.deepEqual([first.holder.isLost, second.isLost].sort(), [false, true]);
  await first.claim.release();
  await claim.release();
});

test('without store and bus nobody is let in', async () => {
  const station = new Station();
  station.isAway = true;
  await station.bus.close();
  await assert.rejects(MountClaim.take(station.deps, 'live', 'a'), { code: 'LS_STORE_UNAVAILABLE' });
});

test('a claim that is given up while its lease is taken again leaves none behind', async () => {
  const station = new Station();
  const { claim } = await station.take('a');
  station.store = new MemoryStateStore({ clock: station.clock });
  claim.verify();
  await claim.release();
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();
  assert.equal(await station.store.readLease('live'), undefined);
});
