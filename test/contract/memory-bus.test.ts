import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { busContract } from './bus.contract.ts';

busContract('MemoryBus', async () => {
  const clock = new ManualClock();
  const bus = new MemoryBus({ clock, retain: 'audio.' });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await nextTurn();
  };
  const passTime = async (ms: number): Promise<void> => clock.advance(ms);
  return { bus, retainedPrefix: 'audio.', settle, passTime };
});
