/**
 * Keeps one connection to NATS: connects in the background for as long as it takes, and
 * again when the connection ends, when its server does not answer pings any more, or when
 * its server announces that it will leave.
 *
 * The client library's own reconnecting is not used: while it has no connection it takes
 * messages and forgets them, and it waits for a frozen server's socket to drain.
 */

import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import type { NatsStatus } from './nats-bus-options.ts';
import { connectOnce } from './nats-transport.ts';

export type NatsLinkOptions = {
  readonly clock: Clock;
  readonly servers: readonly string[];
  readonly usesTls: boolean;
  /** Asked for every attempt; may throw. */
  readonly connectionOptions: () => NodeConnectionOptions;
  readonly onUp: (connection: NatsConnection) => void;
  readonly onDown: () => void;
  /** This user may not do something on the connection. */
  readonly onRefused: (operation: 'publish' | 'subscribe', subject: string) => void;
  readonly onStatus: (status: NatsStatus) => void;
};

const retryMs = 200;
const retryJitterMs = 100;
/** A refused user is not let in by asking five times a second. */
const refusedRetryMs = 2_000;
const maxServers = 64;
const closeMs = 300;
const maxReasonsTold = 5;

export class NatsLink {
  readonly #options: NatsLinkOptions;
  #connection: NatsConnection | undefined;
  /** Servers that the cluster told of. */
  #gossiped: readonly string[] = [];
  #retry: Timer | undefined;
  #isConnecting = false;
  #isClosed = false;
  /** Why no connection came about, since the last one. */
  readonly #reasonsTold = new Set<string>();

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    void this.#connect();
  }

  get connection(): NatsConnection | undefined {
    return this.#connection;
  }

  /** Gives the connection up for another one. */
  restart(reason: string, avoid?: string): void {
    const connection = this.#connection;
    if (!connection || this.#isClosed) return;
    this.#drop(connection, reason);
    void this.#connect(avoid);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    const connection = this.#connection;
    this.#connection = undefined;
    if (!connection) return;
    const timeout = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(closeMs, timeout.resolve);
    await Promise.race([connection.close().catch(() => {}), timeout.promise]);
    timer.cancel();
  }

  async #connect(avoid?: string): Promise<void> {
    if (this.#isConnecting || this.#isClosed || this.#connection) return;
    this.#isConnecting = true;
    try {
      const known = [...new Set([...this.#options.servers, ...this.#gossiped])];
      const others = known.filter((server) => server !== avoid);
      const servers = others.length > 0 ? others : known;
      const connection = await connectOnce({ ...this.#options.connectionOptions(), servers });
      this.#isConnecting = false;
      if (this.#isClosed) return void connection.close().catch(() => {});
      this.#take(connection);
    } catch (error) {
      this.#isConnecting = false;
      this.#connectLater(error);
    }
  }

  #connectLater(error: unknown): void {
    if (this.#isClosed) return;
    const reason = reasonOf(error);
    if (!this.#reasonsTold.has(reason) && this.#reasonsTold.size < maxReasonsTold) {
      this.#reasonsTold.add(reason);
      this.#options.onStatus({ event: 'unreachable', reason });
    }
    const isRefused = error instanceof Error && error.name === 'AuthorizationError';
    const delayMs = (isRefused ? refusedRetryMs : retryMs) + Math.random() * retryJitterMs;
    this.#retry = this.#options.clock.after(delayMs, () => void this.#connect());
  }

  #take(connection: NatsConnection): void {
    this.#connection = connection;
    this.#reasonsTold.clear();
    void this.#follow(connection);
    void connection.closed().then((error) => this.#lost(connection, error));
    this.#learnServers(connection);
    const server = connection.getServer();
    const version = connection.info?.version ?? '';
    this.#options.onStatus({ event: 'connected', server, version });
    this.#options.onUp(connection);
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (this.#connection !== connection) return;
      if (status.type === 'disconnect') this.#lost(connection, undefined);
      else if (status.type === 'update') this.#learnServers(connection);
      else if (status.type === 'ldm') this.#leave(connection);
      else if (status.type === 'error') this.#judge(status.error);
    }
  }

  #judge(error: Error): void {
    const { operation, subject } = error as { operation?: unknown; subject?: unknown };
    if (error.name === 'PermissionViolationError' && typeof subject === 'string') {
      this.#options.onRefused(operation === 'publish' ? 'publish' : 'subscribe', subject);
      return;
    }
    this.#options.onStatus({ event: 'error', reason: reasonOf(error) });
  }

  /** The server will go. Alone it is kept to its end: there is nothing better. */
  #leave(connection: NatsConnection): void {
    const server = connection.getServer();
    const known = new Set([...this.#options.servers, ...this.#gossiped]);
    known.delete(server);
    if (known.size > 0) this.restart('the server is about to leave', server);
  }

  #learnServers(connection: NatsConnection): void {
    // With TLS a gossiped address is not what the certificate names.
    if (this.#options.usesTls) return;
    this.#gossiped = connection
      .getServers()
      .filter((server) => server.gossiped)
      .map((server) => server.listen)
      .slice(0, maxServers);
  }

  #lost(connection: NatsConnection, error: unknown): void {
    if (this.#connection !== connection || this.#isClosed) return;
    this.#drop(connection, error ? reasonOf(error) : 'the connection ended');
    this.#retry = this.#options.clock.after(Math.random() * retryJitterMs, () => void this.#connect());
  }

  #drop(connection: NatsConnection, reason: string): void {
    this.#connection = undefined;
    connection.close().catch(() => {});
    this.#options.onStatus({ event: 'disconnected', reason });
    this.#options.onDown();
  }
}

/** One line; the library puts no credentials into its messages. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s+/g, ' ').slice(0, 300);
}
