/** A server under test, as the scenarios see it; each kind starts one in a file of its own. */
export type ServerName = 'ours' | 'edge' | 'icecast' | 'nginx' | 'sendLoop';

export const serverLabels: Readonly<Record<ServerName, string>> = {
  ours: 'LegacyStream',
  edge: 'an edge of ours',
  icecast: 'Icecast',
  nginx: 'nginx',
  sendLoop: 'send loop',
};

export interface BenchServer {
  readonly name: ServerName;
  readonly version: string;
  readonly pid: number;
  /** Where listeners connect. */
  readonly port: number;
  /** Connections a second that it can follow; with more of them it becomes slower, or forgets some. */
  readonly joinsPerSecond: number;
  /** Where sources log in; undefined for one that makes its own bytes. */
  readonly source: { readonly port: number; readonly user: string; readonly password: string } | undefined;
  /** Where profiles are taken, if it was started for that. */
  readonly inspectorUrl?: string | undefined;
  /** Settles when its behaviour has: periods that adapt have come to rest. */
  settle(): Promise<void>;
  setTitle(mount: string, title: string): Promise<void>;
  /** What it counts itself, by names of ours; empty for one that tells nothing. */
  counters(): Promise<ServerCounters>;
  /** Stops sending without a source to tell it to; only for one without sources. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export type ServerCounters = {
  readonly listeners?: number;
  readonly skips?: number;
  readonly cuts?: number;
  readonly lostMessages?: number;
  readonly periodMs?: number;
};

export type StartOptions = {
  /** Listeners connect with TLS. */
  readonly tls?: boolean;
  /** Bytes that may wait for one slow listener. */
  readonly maxQueueBytes?: number;
  /** What a server of files serves; only nginx. */
  readonly folder?: string;
};

/** Why there is no such server in this run, in words for the report. */
export class Unavailable extends Error {}
