import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryReducer } from './memory-reducer.ts';

const mebibyte = 1024 ** 2;

class Process {
  readonly clock = new ManualClock();
  heap = 20;
  buffers = 5;
  busy = 0;
  /** Pages that nothing is in. */
  kept = 0;
  /** Buffers that are in use. */
  live = 5;
  calls = 0;
  collections = 0;
  readonly reducer = new MemoryReducer({
    clock: this.clock,
    memory: () => ({
      heapUsed: this.heap * mebibyte,
      external: this.buffers * mebibyte,
      rss: (50 + this.heap + this.buffers + this.kept) * mebibyte,
    }),
    busy: () => this.busy,
    collect: () => {
      this.calls += 1;
      // Each time it is collected twice.
      this.collections = Math.ceil(this.calls / 2);
      this.heap = 20;
      this.buffers = this.live;
      this.kept = 0;
    },
  });
}

test('what has grown is collected, once it is idle', () => {
  const process = new Process();
  process.clock.advance(60_000);
  assert.equal(process.collections, 0, 'nothing has grown');
  process.buffers += 30;
  process.busy = 0.6;
  process.clock.advance(20_000);
  assert.equal(process.collections, 0, 'it is busy');
  process.busy = 0.1;
  process.clock.advance(10_000);
  assert.deepEqual([process.calls, process.collections], [1, 1]);
  process.clock.advance(10_000);
  assert.equal(process.calls, 2, 'and once more');
  process.heap += 12;
  process.clock.advance(120_000);
  assert.equal(process.collections, 1, 'little is left alone');
  process.heap += 10;
  process.clock.advance(10_000);
  assert.equal(process.collections, 2);
});

test('what stays alive is the size from which growth counts', () => {
  const process = new Process();
  process.live = 400;
  process.buffers = 400;
  process.clock.advance(70_000);
  assert.equal(process.collections, 1);
  process.buffers += 30;
  process.clock.advance(120_000);
  assert.equal(process.collections, 1, 'a small share of what there is');
  process.buffers += 10;
  process.clock.advance(10_000);
  assert.equal(process.collections, 2);
});

test('pages of what was let go are given back, though the process has not grown', () => {
  const process = new Process();
  process.live = 105;
  process.buffers = 105;
  process.clock.advance(70_000);
  assert.equal(process.collections, 1);
  // V8 collects by itself and keeps the pages.
  process.live = 5;
  process.buffers = 5;
  process.kept = 100;
  process.clock.advance(60_000);
  assert.equal(process.collections, 2);
  assert.equal(process.kept, 0);
  process.clock.advance(600_000);
  assert.equal(process.collections, 2);
});

test('it comes at most every minute, and never with a large heap', () => {
  const process = new Process();
  for (let second = 0; second < 120; second += 1) {
    process.buffers = 100;
    process.clock.advance(1_000);
  }
  assert.ok(process.collections === 2, `${process.collections} collections`);
  const large = new Process();
  large.heap = 200;
  large.clock.advance(300_000);
  assert.equal(large.collections, 0);
});

test('no timer is left, and without a way to collect there is none', () => {
  const closed = new Process();
  closed.reducer.close();
  assert.equal(closed.clock.pendingTimers, 0);
  const clock = new ManualClock();
  new MemoryReducer({ clock });
  assert.equal(clock.pendingTimers, globalThis.gc ? 1 : 0);
});
