import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { PortBus } from '@legacystream/runtime/message-port/port-bus.ts';
import { PortHub } from '@legacystream/runtime/message-port/port-hub.ts';
import { PortLink } from '@legacystream/runtime/message-port/port-link.ts';
import { PortStateStore } from '@legacystream/runtime/message-port/port-state-store.ts';
import { eventually } from '../support/eventually.ts';
import { busContract } from './bus.contract.ts';
import { stateStoreContract } from './state-store.contract.ts';

function connect(clock: ManualClock) {
  const memoryBus = new MemoryBus({ clock, retain: 'audio.' });
  const memoryStore = new MemoryStateStore({ clock });
  const { port1, port2 } = new MessageChannel();
  new PortHub(memoryBus, memoryStore).serve(port1);
  return new PortLink(port2);
}

/** What was sent before this has arrived after it: calls pass the same ports, both ways, in order. */
async function settled(link: PortLink): Promise<void> {
  for (let turn = 0; turn < 4 && link.connected; turn++) {
    await link.call('store.readLease', ['settle']);
    for (let drain = 0; drain < 20; drain++) await nextTurn();
  }
}

busContract('PortBus', async () => {
  const clock = new ManualClock();
  const link = connect(clock);
  const settle = () => settled(link);
  const passTime = async (ms: number): Promise<void> => {
    // What was asked before has to reach the clock's timers before time moves.
    await settle();
    clock.advance(ms);
    await settle();
  };
  return { bus: new PortBus(link), retainedPrefix: 'audio.', settle, passTime };
});

stateStoreContract('PortStateStore', async () => {
  const clock = new ManualClock();
  const link = connect(clock);
  return {
    store: new PortStateStore(link),
    passTime: async (ms: number): Promise<void> => clock.advance(ms),
    wallMs: () => clock.wallMs(),
    dispose: async () => link.close(),
  };
});

test('a thread learns that the bus of the main thread is cut off, and back', async (t) => {
  const clock = new ManualClock();
  const bus = new MemoryBus({ clock });
  let isConnected = true;
  Object.defineProperty(bus, 'connected', { get: () => isConnected });
  const { port1, port2 } = new MessageChannel();
  new PortHub(bus, new MemoryStateStore({ clock })).serve(port1);
  const link = new PortLink(port2);
  t.after(() => link.close());
  const threads = new PortBus(link);
  assert.equal(threads.connected, true);
  isConnected = false;
  await eventually('it is told', () => !threads.connected);
  isConnected = true;
  await eventually('it is told again', () => threads.connected);
});
