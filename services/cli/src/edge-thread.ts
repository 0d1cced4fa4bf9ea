/**
 * An edge thread: a server of its own with its own event loop and listening sockets, which
 * shares the ports with its siblings and has the bus and the store of the main thread.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { registerEdgeMetrics } from '@legacystream/edge/edge-metrics.ts';
import { registerIngestMetrics } from '@legacystream/ingest/ingest-metrics.ts';
import { Lifecycle } from '@legacystream/runtime/lifecycle.ts';
import { PortBus } from '@legacystream/runtime/message-port/port-bus.ts';
import { PortLink } from '@legacystream/runtime/message-port/port-link.ts';
import { PortStateStore } from '@legacystream/runtime/message-port/port-state-store.ts';
import { Metrics } from '@legacystream/runtime/metrics.ts';
import { registerProcessMetrics } from '@legacystream/runtime/process-metrics.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { registerForwardingMetrics } from './cluster-metrics.ts';
import type { EdgeThreadData, FromThread, ToThread } from './edge-thread-messages.ts';
import { openAccessLog, openLog } from './open-logs.ts';
import { createPod } from './pod-app.ts';
import { drains } from './pod-role.ts';
import { PublicPorts } from './public-ports.ts';
import { addServingParts } from './serving-parts.ts';

const { role, settings, podId, server, index, port, firstListenerId } = workerData as EdgeThreadData;
const main = parentPort!;
const say = (message: FromThread) => main.postMessage(message);

/** Listener ids of different threads never meet. */
const idsPerThread = 2 ** 32;

const clock = new SystemClock();
const log = openLog(settings, clock);
const accessLog = openAccessLog(settings, clock, log);
const link = new PortLink(port);
const bus = new PortBus(link, (error, subject) => log.error('bus.handler_failed', { subject, error }));
const store = new PortStateStore(link);
const ports = new PublicPorts(settings, log.child({ category: 'http.server' }), true);
const app = createPod({
  role,
  settings,
  clock,
  bus,
  store,
  log,
  accessLog,
  podId,
  server,
  port: () => ports.http,
  firstListenerId: firstListenerId + index * idsPerThread,
});
const metrics = new Metrics({ processMetrics: false });
registerProcessMetrics(metrics, app.frontDoor.stats, bus.stats);
registerIngestMetrics(metrics, app.ingest);
registerEdgeMetrics(metrics, app.edge);
registerForwardingMetrics(metrics, app.splice, app.proxy);

const lifecycle = new Lifecycle({ clock, log });
lifecycle.add({ name: 'log', close: () => log.close() });
lifecycle.add({ name: 'access log', close: () => accessLog?.close() });
lifecycle.add({ name: 'bus', close: () => bus.close() });
addServingParts(lifecycle, clock, app, ports, drains(role));

main.on('message', (message: ToThread) => {
  switch (message.type) {
    case 'metrics':
      return void metrics.snapshot().then((snapshot) => say({ type: 'metrics', id: message.id, snapshot }));
    case 'drain':
      if (message.on) void app.edge.drain.start();
      else app.edge.drain.cancel();
      return;
    case 'reopen':
      log.reopen();
      accessLog?.reopen();
      return ports.reloadCertificate();
    default:
      return void lifecycle.close().then(() => {
        say({ type: 'closed' });
        main.close();
      });
  }
});

try {
  await lifecycle.start();
  say({ type: 'ready', ports: { http: ports.http, shoutcast: ports.shoutcast, https: ports.https } });
} catch (error) {
  say({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
}
