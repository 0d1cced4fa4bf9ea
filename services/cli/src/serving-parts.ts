/**
 * The parts of a process or thread that serves, in the order in which they start; they
 * close the other way round: no newcomers, sources finish their last frames, listeners
 * get them, counts are withdrawn.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import type { Lifecycle } from '@legacystream/runtime/lifecycle.ts';
import { MemoryReducer } from '@legacystream/runtime/memory-reducer.ts';
import type { PodApp } from './pod-app.ts';
import type { PublicPorts } from './public-ports.ts';

/** What the last frames need to get from the bus to the sockets. */
const lastFramesMs = 100;
const closePortsMs = 5_000;

/**
 * @param ports absent in a thread that serves others only
 * @param drains listeners are sent away slowly, since others can take them
 */
export function addServingParts(
  lifecycle: Lifecycle,
  clock: Clock,
  app: PodApp,
  ports: PublicPorts | undefined,
  drains: boolean,
): void {
  const memory = new MemoryReducer({ clock });
  lifecycle.add({ name: 'memory', close: () => memory.close() });
  lifecycle.add({ name: 'counts', start: () => app.counts.report(), close: () => app.counts.close() });
  lifecycle.add({ name: 'listeners', start: () => app.edge.start(), close: () => app.edge.close() });
  lifecycle.add({
    name: 'sources',
    close: async () => {
      app.ingest.close();
      app.splice?.close();
      app.proxy?.close();
      await new Promise((resolve) => setTimeout(resolve, lastFramesMs));
    },
  });
  if (!ports) return;
  lifecycle.add({
    name: 'ports',
    start: () => ports.open(app.frontDoor),
    closeDeadlineMs: closePortsMs + (drains ? app.edge.drain.boundMs : 0),
    close: async () => {
      // Newcomers are still served, until whoever sends them has noticed.
      if (drains) await app.edge.drain.start();
      app.edge.refuseNew();
      await ports.close();
      app.frontDoor.close();
    },
  });
}
