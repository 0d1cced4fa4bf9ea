/** What a {@link NatsBus} is told and what it tells. */
import type { Clock } from '@legacystream/core/clock.ts';
import type { BusStats } from '@legacystream/core/ports/bus.ts';

export type NatsTlsFiles = {
  /** Certificates that servers' are checked against; absent: those of the system. */
  readonly caPath?: string;
  /** Certificate and key of this client, where servers ask for them. */
  readonly certificatePath?: string;
  readonly privateKeyPath?: string;
};

export type NatsStreamOptions = {
  readonly name: string;
  /** Whether this pod creates and repairs the stream; edges only read it. Default: true. */
  readonly manages?: boolean;
  readonly maxAgeMs?: number;
  readonly maxBytes?: number;
  /** Default: 3 where NATS is a cluster that has room for them, else 1. */
  readonly replicas?: number;
};

export type NatsBusOptions = {
  /** `host:port`, as from parseNatsUrl. */
  readonly servers: readonly string[];
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** A file with a user's JWT and seed, as `nsc` writes it; read again for every connection. */
  readonly credentialsPath?: string;
  /** Present: TLS is required. */
  readonly tls?: NatsTlsFiles;
  /** Shown by the server's monitoring: the pod id. */
  readonly name: string;
  readonly clock: Clock;
  /** Subjects with this prefix are retained and sent again; ends with a dot. */
  readonly audioPrefix: string;
  readonly stream: NatsStreamOptions;
  /** Where answers arrive; the user must be allowed to subscribe to it. */
  readonly inboxPrefix?: string;
  /** What was published on audio subjects this recently is sent again after a reconnect. */
  readonly ringMs?: number;
  readonly ringBytes?: number;
  /** Bytes that may be written and not yet taken by the server. */
  readonly maxUnconfirmedBytes?: number;
  readonly onStatus?: (status: NatsStatus) => void;
  readonly onHandlerError?: (error: unknown, subject: string) => void;
};

/** What an operator wants to know; each said once when it becomes true, never per message. */
export type NatsStatus =
  | { readonly event: 'connected'; readonly server: string; readonly version: string }
  | { readonly event: 'disconnected'; readonly reason: string }
  | { readonly event: 'unreachable'; readonly reason: string }
  | { readonly event: 'refused'; readonly operation: 'publish' | 'subscribe'; readonly subject: string }
  | { readonly event: 'stream.created' | 'stream.updated'; readonly name: string; readonly replicas: number }
  | { readonly event: 'stream.unavailable'; readonly name: string; readonly reason: string }
  | { readonly event: 'history.failed'; readonly reason: string }
  | { readonly event: 'error'; readonly reason: string };

export type NatsBusStats = BusStats & {
  /** Connections after the first. */
  reconnects: number;
  /** Audio messages sent again. */
  republished: number;
  /** Reads of a history that failed. */
  historyFailures: number;
};
