/**
 * A server of any role on one port (design §1): ingest, edge and control, met on the bus and
 * the store that it is given. Every object it has, in one list. All roles know the mounts
 * and answer status pages and the admin interface, so that an operator may ask any of them
 * and a panel goes on when control is away; they differ in who may send and who may listen.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ControlApp, createControl } from '@legacystream/control/app.ts';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import { splitTarget } from '@legacystream/core/protocols/query.ts';
import type { PodCounts } from '@legacystream/core/status/pod-counts.ts';
import { createEdge, type EdgeApp } from '@legacystream/edge/app.ts';
import { type ControlProxy, createControlProxy } from '@legacystream/edge/control-proxy.ts';
import { SourceSplice } from '@legacystream/edge/source-splice.ts';
import { createIngest, type IngestApp } from '@legacystream/ingest/app.ts';
import { Access } from '@legacystream/runtime/access.ts';
import type { AccessLog } from '@legacystream/runtime/access-log.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { CountsReporter } from '@legacystream/runtime/counts-reporter.ts';
import { FleetStatus } from '@legacystream/runtime/fleet-status.ts';
import { FrontDoor } from '@legacystream/runtime/front-door/front-door.ts';
import { createHttpServer } from '@legacystream/runtime/http/http-server.ts';
import { createPageHandler } from '@legacystream/runtime/http/page-handler.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { PasswordVerifier } from '@legacystream/runtime/passwords.ts';
import { shareFailures } from '@legacystream/runtime/shared-failures.ts';
import type { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { type PodRole, servesListeners, takesSources } from './pod-role.ts';
import { sourcesElsewhere } from './sources-elsewhere.ts';

export type PodDeps = {
  readonly role: PodRole;
  readonly settings: Settings;
  readonly clock: SystemClock;
  readonly bus: Bus;
  readonly store: StateStore;
  readonly log: Log;
  readonly accessLog: AccessLog | undefined;
  readonly podId: string;
  /** Product and version: `LegacyStream 0.1.0`. */
  readonly server: string;
  /** The public port, once it is known. */
  readonly port: () => number;
  /** Listener ids count from here. */
  readonly firstListenerId: number;
};

const spliceGraceMs = 30_000;

export type PodApp = {
  readonly ingest: IngestApp;
  readonly access: Access;
  readonly edge: EdgeApp;
  readonly control: ControlApp;
  /** Where sources are passed on; absent where they stay, or are refused. */
  readonly splice: SourceSplice | undefined;
  readonly proxy: ControlProxy | undefined;
  readonly frontDoor: FrontDoor;
  readonly counts: CountsReporter;
};

export function createPod(deps: PodDeps): PodApp {
  const { role, settings, clock, bus, store, log, accessLog, podId, server, port } = deps;
  const startedAtMs = clock.wallMs();
  const subjects = new Subjects(settings.cluster.name);
  const access = new Access(settings, new PasswordVerifier(), clock);
  shareFailures(access, bus, subjects, podId);
  const countsNow = (report = edge.registry.snapshot()): PodCounts => ({
    podId,
    startedAtMs,
    connections: frontDoor.stats.connections,
    clientConnections: frontDoor.stats.requests,
    listenerConnections: edge.registry.connections,
    sourceConnections: ingest.registry.opened,
    mounts: Object.fromEntries(report),
  });
  const fleet = new FleetStatus({ store, clock, settings, serverId: server, local: () => countsNow() });
  const counts = new CountsReporter(store, clock, () => countsNow(edge.registry.report()), fleet);
  const shared = {
    settings,
    bus,
    store,
    clock,
    subjects,
    podId,
    access,
    fleet,
    log,
    accessLog,
    server,
    port,
  };
  const ingest = createIngest(shared);
  const edge = createEdge({
    ...shared,
    hasListeners: servesListeners(role),
    firstListenerId: deps.firstListenerId,
    onListenersChanged: () => counts.changed(),
  });
  const control = createControl(shared);
  const splice =
    !takesSources(role) && settings.ingest.url
      ? new SourceSplice({
          urls: settings.ingest.url,
          clock,
          log: log.child({ category: 'stream.manager' }),
          // The ingest ends a silent source; this only ends what the ingest has forgotten.
          limits: { idleTimeoutMs: settings.streaming.sourceTimeout * 1000 + spliceGraceMs },
        })
      : undefined;
  const proxy =
    servesListeners(role) && settings.control.url
      ? createControlProxy({
          url: settings.control.url,
          log: log.child({ category: 'control.proxy' }),
          bodyBytes: settings.limits.bodyBytes,
        })
      : undefined;
  const sources = takesSources(role) ? ingest : (splice ?? sourcesElsewhere());
  const pages = createPageHandler({
    log: log.child({ category: 'http.server' }),
    accessLog,
    server,
    clock,
    takesStream: servesListeners(role) ? edge.takesStream : () => false,
    handleStream: edge.handleStream,
    // A kept-open connection that turned to a stream and back goes on as a new one.
    resume: (socket) => frontDoor.accept(socket),
    route: (target) => {
      const path = splitTarget(target).rawPath;
      return control.route(path) ?? proxy?.route(path) ?? edge.handlePage;
    },
  });
  const { headBytes, headLines, targetBytes, headTimeout } = settings.limits;
  const headTimeoutMs = headTimeout * 1000;
  const http = createHttpServer(
    { headBytes, headTimeoutMs },
    (request: IncomingMessage, response: ServerResponse) => pages(request, response),
  );
  const frontDoor = new FrontDoor(
    {
      source: (head, client) => sources.handleHttp(head, client),
      shoutcast: (line, client) => sources.handleShoutcast(line, client),
      stream: servesListeners(role) ? edge.handleStream : async () => 'pass',
      ...(servesListeners(role) && { repeated: edge.answerRepeated }),
      http,
    },
    { headBytes, headLines, targetBytes, headTimeoutMs, maxConnections: settings.server.maxConnections },
  );
  return { ingest, access, edge, control, splice, proxy, frontDoor, counts };
}
