/**
 * What status pages and the admin interface say about the server and its mounts:
 * the input of every renderer in this folder. Whoever fills it in has summed the
 * counts of the whole fleet; nothing here says which machine serves what.
 */
import type { MountState } from '../mounts/mount-state.ts';

export type ServerStatus = {
  /** Contact of the operator, as configured. */
  readonly admin: string;
  readonly host: string;
  readonly location: string;
  /** Product and version: `LegacyStream 0.1.0`. */
  readonly serverId: string;
  readonly startedAtMs: number;
  /** Connections that carried a request, since the start. */
  readonly clientConnections: number;
  /** Connections that are open now. */
  readonly clients: number;
  /** Every TCP connection accepted, since the start. */
  readonly connections: number;
  readonly fileConnections: number;
  readonly listenerConnections: number;
  readonly listeners: number;
  readonly sourceClientConnections: number;
  readonly sourceRelayConnections: number;
  readonly sourceTotalConnections: number;
  readonly sources: number;
  /** Open followers of the live statistics. */
  readonly stats: number;
  readonly statsConnections: number;
};

export type MountStatusView = {
  readonly state: MountState;
  readonly listeners: number;
  readonly listenerPeak: number;
  /** Listeners that ever came to this mount in this session. */
  readonly listenerConnections: number;
  readonly slowListeners: number;
  readonly bytesSent: number;
  /** Absolute, percent-encoded: see `listenUrlOf`. */
  readonly listenUrl: string;
  /** The mount that listeners go to when the source drops. */
  readonly fallback?: string;
  /** How listeners log in (`url`, `htpasswd`), where they must. */
  readonly authenticator?: string;
};

/** The mounts that exist, in the byte order of their paths, which is Icecast's. */
export function mountsOnAir(mounts: readonly MountStatusView[]): MountStatusView[] {
  return mounts
    .filter((mount) => mount.state.status !== 'ended')
    .sort((a, b) => Buffer.compare(Buffer.from(a.state.path), Buffer.from(b.state.path)));
}

/** The mounts that the public may know of, in the same order. */
export function publicMounts(mounts: readonly MountStatusView[]): MountStatusView[] {
  return mountsOnAir(mounts).filter((mount) => !mount.state.hidden);
}
