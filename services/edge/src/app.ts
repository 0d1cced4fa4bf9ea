/** An edge, put together: every object it has, in one list. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock } from '@legacystream/core/clock.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import type { Access } from '@legacystream/runtime/access.ts';
import type { AccessLog } from '@legacystream/runtime/access-log.ts';
import type { ClientConnection } from '@legacystream/runtime/client-connection.ts';
import { mountSettingsFor } from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { FleetStatus } from '@legacystream/runtime/fleet-status.ts';
import type { Handled } from '@legacystream/runtime/front-door/front-door.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { ListenerAuth } from './auth/listener-auth.ts';
import { BanList } from './ban-list.ts';
import { ChannelHub } from './channel-hub.ts';
import { respondToControl } from './edge-responder.ts';
import { FleetListeners } from './fleet-listeners.ts';
import { HlsAuthorization } from './hls/hls-authorization.ts';
import { HlsFeeds } from './hls/hls-feeds.ts';
import { HlsHandler } from './hls/hls-handler.ts';
import type { HlsParts } from './hls/hls-metrics.ts';
import { HlsSessions } from './hls/hls-sessions.ts';
import { SegmentCache } from './hls/segment-cache.ts';
import { ListenerDrain } from './listener-drain.ts';
import { ListenerGate } from './listener-gate.ts';
import { ListenerMover } from './listener-mover.ts';
import { ListenerRegistry } from './listener-registry.ts';
import { MountDirectory } from './mount-directory.ts';
import { PublicPages } from './public-pages.ts';
import { StreamHandler } from './stream-handler.ts';
import { WaitingRoom } from './waiting-room.ts';

export type EdgeDeps = {
  readonly settings: Settings;
  readonly bus: Bus;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly subjects: Subjects;
  readonly podId: string;
  /** Listeners come to this server. */
  readonly hasListeners: boolean;
  readonly fleet: FleetStatus;
  readonly access: Access;
  readonly log: Log;
  readonly accessLog: AccessLog | undefined;
  /** Product and version, as in the Server header. */
  readonly server: string;
  /** The public port, for links. */
  readonly port: () => number;
  /** Told after each arrival and departure of a listener. */
  readonly onListenersChanged: () => void;
  /** Listener ids count from here, so that those of several edges differ. */
  readonly firstListenerId: number;
};

export type EdgeApp = {
  readonly registry: ListenerRegistry;
  readonly hub: ChannelHub;
  readonly directory: MountDirectory;
  readonly waitingRoom: WaitingRoom;
  readonly hls: HlsParts;
  readonly drain: ListenerDrain;
  readonly bans: BanList;
  readonly gate: ListenerGate;
  readonly auth: ListenerAuth;
  /** True for request targets that {@link handleStream} takes. */
  readonly takesStream: (target: string) => boolean;
  readonly handleStream: (head: RequestHead, client: ClientConnection) => Promise<Handled>;
  /** @see FrontDoorRoutes.repeated */
  readonly answerRepeated: (head: RequestHead, client: ClientConnection) => Uint8Array | undefined;
  readonly handlePage: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly start: () => Promise<void>;
  /** No new listeners. */
  readonly refuseNew: () => void;
  readonly close: () => Promise<void>;
};

/** Requests that may wait for audio at once. */
const waitingCapacity = 10_000;

export function createEdge(deps: EdgeDeps): EdgeApp {
  const { settings, bus, store, clock, subjects, podId, fleet, accessLog, server } = deps;
  const directory = new MountDirectory(bus, store, clock, subjects);
  const hub = new ChannelHub(bus, clock, subjects, settings, directory);
  const registry = new ListenerRegistry(clock, deps.onListenersChanged, deps.firstListenerId);
  const bans = new BanList({ bus, store, clock, subjects });
  const gate = new ListenerGate({ rules: settings.access, bans, registry, clock });
  const auth = new ListenerAuth({
    access: deps.access,
    clock,
    log: deps.log.child({ category: 'stream.auth' }),
    server,
    self: () => ({ name: settings.server.hostname || 'localhost', port: deps.port() }),
  });
  const hasLimits = settings.mounts.some(({ values }) => (values.maxListeners ?? 0) > 0);
  const elsewhere = hasLimits ? new FleetListeners(store, clock, podId) : undefined;
  const { drainDelay, drainTime } = settings.edge;
  const drain = new ListenerDrain(registry, clock, { delayMs: drainDelay * 1000, overMs: drainTime * 1000 });
  const waitingRoom = new WaitingRoom(waitingCapacity);
  const streams = new StreamHandler({
    settings,
    clock,
    directory,
    hub,
    registry,
    gate,
    auth,
    waitingRoom,
    elsewhere,
    accessLog,
    server,
  });
  const cache = new SegmentCache(settings.hls.cacheSize);
  const feeds = new HlsFeeds({ bus, store, clock, cache }, subjects, directory);
  const sessions = new HlsSessions({
    settings: settings.hls,
    clock,
    registry,
    roomOf: (path) => streams.roomOf(path),
    accessLog,
    bus,
    store,
    subjects,
    podId,
    onOver: (id, seconds) => auth.ended(id, seconds),
  });
  // Low latency listeners wait most of the time.
  const hlsWaitingRoom = new WaitingRoom(settings.server.maxConnections);
  const hls = new HlsHandler({
    settings,
    clock,
    directory,
    feeds,
    sessions,
    gate,
    authorization: new HlsAuthorization({ auth, sessions, clock }),
    waitingRoom: hlsWaitingRoom,
    server,
    isDraining: () => drain.isDraining,
  });
  const pages = new PublicPages(settings, directory, fleet, deps.port, () => clock.wallMs());
  const mover = new ListenerMover({
    clock,
    directory,
    hub,
    registry,
    waitingRoom,
    roomOf: (path) => streams.roomOf(path),
  });
  const responder = respondToControl(bus, subjects, podId, registry, mover);
  directory.watch((state) => {
    if (state.status === 'ended') registry.forget(state.path);
    else registry.revive(state.path);
  });
  return {
    registry,
    hub,
    directory,
    waitingRoom,
    hls: { handler: hls, feeds, cache, sessions, waitingRoom: hlsWaitingRoom },
    drain,
    bans,
    gate,
    auth,
    takesStream: (target) => hls.takes(target) || streams.takes(target),
    handleStream: async (head, client) => {
      const handled = await hls.handle(head, client);
      return handled === 'pass' ? streams.handle(head, client) : handled;
    },
    answerRepeated: (head, client) => hls.answerRepeated(head, client),
    handlePage: (request, response) => pages.handle(request, response),
    start: async () => {
      const files = deps.hasListeners ? passwordFilesOf(settings) : [];
      await Promise.all([directory.catchUp(), sessions.start(), bans.catchUp(), auth.start(files)]);
    },
    refuseNew: () => {
      streams.close();
      hls.close();
    },
    close: async () => {
      responder.unsubscribe();
      mover.close();
      gate.close();
      bans.close();
      elsewhere?.close();
      hub.close();
      feeds.close();
      sessions.close();
      directory.close();
      await auth.close();
    },
  };
}

function passwordFilesOf(settings: Settings): Set<string> {
  const guarded = settings.mounts
    .map(({ pattern }) => mountSettingsFor(settings, pattern))
    .filter(({ listenerAuth }) => listenerAuth === 'htpasswd');
  return new Set(guarded.map(({ listenerPasswordFile }) => listenerPasswordFile));
}
