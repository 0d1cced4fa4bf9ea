import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryBus } from './memory-bus.ts';

const payload = Buffer.from('x');

test('a payload is handed on without a copy', async () => {
  const bus = new MemoryBus({ clock: new ManualClock() });
  let received: Uint8Array | undefined;
  bus.subscribe('a', (data) => {
    received = data;
  });
  bus.publish('a', payload);
  await nextTurn();
  assert.equal(received, payload);
});

test('a flood of messages leaves turns of the event loop to others', async () => {
  const bus = new MemoryBus({ clock: new ManualClock() });
  let delivered = 0;
  bus.subscribe('a', () => delivered++);
  for (let i = 0; i < 10_000; i++) bus.publish('a', payload);
  for (let i = 0; i < 20_000; i++) bus.publish('nobody', payload);
  await nextTurn();
  assert.ok(delivered > 0 && delivered <= 2048, `${delivered} in the first turn`);
  let turns = 1;
  for (; delivered < 10_000; turns++) await nextTurn();
  assert.ok(turns >= 9, `${turns} turns`);
});

test('a handler that publishes to itself for ever does not stop the event loop', async () => {
  const bus = new MemoryBus({ clock: new ManualClock() });
  bus.subscribe('a', () => bus.publish('a', payload));
  bus.publish('a', payload);
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  const { delivered } = bus.stats;
  assert.ok(delivered >= 3);
  await bus.close();
  await nextTurn();
  assert.ok(bus.stats.delivered <= delivered + 1024);
});

test('a full queue drops the newest, counts it, and the history still has it', async () => {
  const bus = new MemoryBus({ clock: new ManualClock(), retain: 'a', maxQueuedBytes: 200 });
  const seen: string[] = [];
  bus.subscribe('a', (data) => void seen.push(Buffer.from(data).toString()));
  for (const text of ['1', '2', '3', '4', '5']) bus.publish('a', Buffer.from(text));
  assert.equal(bus.stats.dropped, 2);
  await nextTurn();
  assert.deepEqual(seen, ['1', '2', '3']);
  assert.equal((await bus.history('a', { maxBytes: 100, maxAgeMs: 1000 })).length, 5);
  bus.publish('a', Buffer.from('6'));
  await nextTurn();
  assert.deepEqual(seen, ['1', '2', '3', '6']);
});

test('what a handler or responder throws is reported with its subject', async () => {
  const reports: string[] = [];
  const bus = new MemoryBus({
    clock: new ManualClock(),
    onHandlerError: (error, subject) => {
      reports.push(`${(error as Error).message} on ${subject}`);
      throw new Error('the report fails, too');
    },
  });
  bus.subscribe('a', () => {
    throw new Error('handler');
  });
  bus.respond('b', () => {
    throw new Error('responder');
  });
  bus.publish('a', payload);
  await assert.rejects(bus.request('b', payload, 1000), { code: 'LS_BUS_RESPONDER_FAILED' });
  assert.deepEqual(reports.sort(), ['handler on a', 'responder on b']);
});

test('the history holds what the predicate names, and forgets it in silence', async () => {
  const clock = new ManualClock();
  const bus = new MemoryBus({
    clock,
    retain: (subject) => subject.endsWith('.kept'),
    history: { maxAgeMs: 10_000 },
  });
  const all = { maxBytes: 1000, maxAgeMs: 1_000_000 };
  bus.publish('a.kept', payload);
  bus.publish('a.lost', payload);
  assert.equal((await bus.history('a.kept', all)).length, 1);
  assert.equal((await bus.history('a.lost', all)).length, 0);
  clock.advance(60_000);
  assert.equal((await bus.history('a.kept', all)).length, 0);
});

test('closing leaves no timer behind and drops what waits', async () => {
  const clock = new ManualClock();
  const bus = new MemoryBus({ clock });
  let delivered = 0;
  bus.subscribe('a', () => delivered++);
  bus.respond('b', () => new Promise<Uint8Array>(() => {}));
  const refused = assert.rejects(bus.request('b', payload, 1000), { code: 'LS_CLOSED' });
  bus.publish('a', payload);
  await bus.close();
  await refused;
  await nextTurn();
  assert.equal(delivered, 0);
  assert.equal(bus.stats.dropped, 1);
  assert.equal(clock.pendingTimers, 0);
});
