import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { ConfirmedWrites } from './confirmed-writes.ts';

function create() {
  const clock = new ManualClock();
  const pings: PromiseWithResolvers<void>[] = [];
  const confirmed: [mark: number, sentAtMs: number][] = [];
  const state = { mark: 0, deaths: 0 };
  const writes = new ConfirmedWrites({
    clock,
    ping: () => {
      const ping = Promise.withResolvers<void>();
      pings.push(ping);
      return ping.promise;
    },
    mark: () => state.mark,
    onConfirmed: (...what) => void confirmed.push(what),
    onDead: () => {
      state.deaths += 1;
    },
    hurryBytes: 1_000,
  });
  const pong = async (): Promise<void> => {
    pings.at(-1)!.resolve();
    await nextTurn();
  };
  return { clock, pings, confirmed, state, writes, pong };
}

test('a new connection is asked at once, and confirms what was sent before the question', async () => {
  const { clock, confirmed, state, writes, pong, pings } = create();
  assert.equal(pings.length, 1);
  state.mark = 7;
  writes.wrote(100);
  await pong();
  assert.deepEqual(confirmed, [[0, 0]]);
  assert.equal(writes.unconfirmedBytes, 100);
  clock.advance(200);
  assert.equal(pings.length, 2);
  assert.equal(writes.unconfirmedBytes, 100);
  await pong();
  assert.deepEqual(confirmed.at(-1), [7, 200]);
  assert.equal(writes.unconfirmedBytes, 0);
});

test('an idle connection is asked now and then', async () => {
  const { clock, pings, pong } = create();
  await pong();
  clock.advance(4_999);
  assert.equal(pings.length, 1);
  clock.advance(1);
  assert.equal(pings.length, 2);
});

test('many bytes are asked about without waiting, one question at a time', async () => {
  const { pings, pong, writes } = create();
  await pong();
  writes.wrote(1_500);
  assert.equal(pings.length, 2);
  writes.wrote(1_500);
  assert.equal(pings.length, 2);
  await pong();
  assert.equal(pings.length, 3);
  assert.equal(writes.unconfirmedBytes, 1_500);
});

test('a connection without an answer is dead, told once', async () => {
  const { clock, state, pong } = create();
  clock.advance(4_200);
  assert.equal(state.deaths, 0);
  clock.advance(100);
  assert.equal(state.deaths, 1);
  await pong();
  clock.advance(60_000);
  assert.equal(state.deaths, 1);
  assert.equal(clock.pendingTimers, 0);
});

test('an answer that comes while the grace runs saves the connection', async () => {
  const { clock, state, pong } = create();
  clock.advance(4_100);
  await pong();
  clock.advance(1_000);
  assert.equal(state.deaths, 0);
});

test('a connection that ends is dead, a closed one asks no more', async () => {
  const ended = create();
  ended.pings[0]!.reject(new Error('closed'));
  await nextTurn();
  assert.equal(ended.state.deaths, 1);
  const closed = create();
  closed.writes.close();
  closed.pings[0]!.reject(new Error('closed'));
  await nextTurn();
  closed.writes.wrote(5_000);
  assert.equal(closed.state.deaths, 0);
  assert.equal(closed.pings.length, 1);
  assert.equal(closed.clock.pendingTimers, 0);
});
