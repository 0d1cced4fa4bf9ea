/**
 * The state of the whole fleet for status pages and the admin interface: the mounts, and
 * the counts of all living pods added up (design §2.6).
 */
import type { Clock } from '@legacystream/core/clock.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import { listenUrlOf } from '@legacystream/core/status/listen-url.ts';
import { type PodCounts, parsePodCounts } from '@legacystream/core/status/pod-counts.ts';
import type { MountStatusView, ServerStatus } from '@legacystream/core/status/server-status.ts';
import type { Settings } from './config/settings.ts';

export type FleetView = { readonly status: ServerStatus; readonly mounts: readonly MountStatusView[] };

export type FleetStatusDeps = {
  readonly store: Pick<StateStore, 'listDocuments'>;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly serverId: string;
  /** This pod's own counts, fresher than what it last stored. */
  readonly local: (() => PodCounts) | undefined;
};

export class FleetStatus {
  readonly #deps: FleetStatusDeps;
  readonly #startedAtMs: number;

  constructor(deps: FleetStatusDeps) {
    this.#deps = deps;
    this.#startedAtMs = deps.clock.wallMs();
  }

  /** The counts of every living pod, this one's own as they are now. */
  async pods(): Promise<PodCounts[]> {
    const documents = await this.#deps.store.listDocuments('pod').catch(() => new Map());
    const pods = new Map<string, PodCounts>();
    for (const document of documents.values()) {
      const pod = parsePodCounts(document);
      if (pod) pods.set(pod.podId, pod);
    }
    const local = this.#deps.local?.();
    if (local) pods.set(local.podId, local);
    return [...pods.values()];
  }

  /** @param baseUrl what listen URLs begin with: `https://radio.example` */
  async read(states: readonly MountState[], baseUrl: string): Promise<FleetView> {
    const pods = await this.pods();
    const peaks = await this.#deps.store.listDocuments('peak').catch(() => new Map());
    const mounts = states.map((state) => viewOf(state, pods, peaks.get(mountIdOf(state.path)), baseUrl));
    const sum = (field: 'connections' | 'clientConnections' | 'listenerConnections' | 'sourceConnections') =>
      pods.reduce((total, pod) => total + pod[field], 0);
    const listeners = mounts.reduce((total, mount) => total + mount.listeners, 0);
    const sources = states.filter(({ status }) => status === 'live').length;
    const { server } = this.#deps.settings;
    return {
      mounts,
      status: {
        admin: server.admin,
        host: hostOf(baseUrl),
        location: server.location,
        serverId: this.#deps.serverId,
        startedAtMs: pods.reduce((first, pod) => Math.min(first, pod.startedAtMs), this.#startedAtMs),
        clientConnections: sum('clientConnections'),
        clients: listeners + sources,
        connections: sum('connections'),
        fileConnections: 0,
        listenerConnections: sum('listenerConnections'),
        listeners,
        sourceClientConnections: sum('sourceConnections'),
        sourceRelayConnections: 0,
        sourceTotalConnections: sum('sourceConnections'),
        sources,
        stats: 0,
        statsConnections: 0,
      },
    };
  }
}

function viewOf(
  state: MountState,
  pods: readonly PodCounts[],
  peak: unknown,
  baseUrl: string,
): MountStatusView {
  let listeners = 0;
  let listenerConnections = 0;
  let slowListeners = 0;
  let bytesSent = 0;
  for (const pod of pods) {
    const counts = pod.mounts[state.path];
    if (!counts) continue;
    listeners += counts.listeners;
    listenerConnections += counts.connections;
    slowListeners += counts.slow;
    bytesSent += counts.bytesSent;
  }
  return {
    state,
    listeners,
    listenerPeak: Math.max(listeners, typeof peak === 'number' ? peak : 0),
    listenerConnections,
    slowListeners,
    bytesSent,
    listenUrl: listenUrlOf(baseUrl, state.path),
  };
}

function hostOf(baseUrl: string): string {
  return URL.canParse(baseUrl) ? new URL(baseUrl).hostname : 'localhost';
}

/** A host as it may stand in a link; anything else could be another site's words in our pages. */
const plainHost = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/**
 * What links to this server begin with: the configured address, else the configured host
 * name, else — for this one requester only — the host that it asked for.
 */
export function baseUrlFor(
  settings: Settings,
  host: string | undefined,
  secure: boolean,
  port: number,
): string {
  const { publicUrl, hostname } = settings.server;
  if (publicUrl) return publicUrl.replace(/\/+$/, '');
  if (hostname) return `http://${hostname}:${port}`;
  const safeHost = host && plainHost.test(host) ? host : `localhost:${port}`;
  return `${secure ? 'https' : 'http'}://${safeHost}`;
}
