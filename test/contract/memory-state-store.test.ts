import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { stateStoreContract } from './state-store.contract.ts';

function timeOf(clock: ManualClock) {
  return {
    passTime: async (ms: number): Promise<void> => clock.advance(ms),
    wallMs: () => clock.wallMs(),
  };
}

stateStoreContract('MemoryStateStore', async () => {
  const clock = new ManualClock();
  return { store: new MemoryStateStore({ clock }), ...timeOf(clock) };
});

stateStoreContract('MemoryStateStore with a file', async () => {
  const clock = new ManualClock();
  const directory = await mkdtemp(join(tmpdir(), 'legacystream-'));
  const warn = (message: string): void => {
    throw new Error(message);
  };
  const store = await MemoryStateStore.open({ clock, path: join(directory, 'state.json'), warn });
  return { store, ...timeOf(clock), dispose: () => rm(directory, { recursive: true }) };
});
