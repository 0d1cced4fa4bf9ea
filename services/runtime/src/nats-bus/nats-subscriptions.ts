/**
 * What a bus is subscribed to, across connections: made on each of them, and deaf to what
 * an earlier one still delivers. Nothing that a receiver throws reaches the client library,
 * whose reading it would end.
 */
import type { Subscription } from '@legacystream/core/ports/bus.ts';
import type { Msg, NatsConnection } from '@nats-io/transport-node';

type Entry = {
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly receive: (message: Msg) => void;
  made: { unsubscribe(): void } | undefined;
};

export class NatsSubscriptions {
  readonly #entries = new Set<Entry>();
  #connection: NatsConnection | undefined;

  /** @param queue of the subscriptions of a queue, one gets a message */
  add(pattern: string, receive: (message: Msg) => void, queue?: string): Subscription {
    const entry: Entry = { pattern, queue, receive, made: undefined };
    this.#entries.add(entry);
    this.#make(entry);
    return { unsubscribe: () => this.#remove(entry) };
  }

  up(connection: NatsConnection): void {
    this.#connection = connection;
    for (const entry of this.#entries) this.#make(entry);
  }

  down(): void {
    this.#connection = undefined;
    for (const entry of this.#entries) entry.made = undefined;
  }

  close(): void {
    for (const entry of this.#entries) this.#remove(entry);
  }

  #make(entry: Entry): void {
    const connection = this.#connection;
    if (!connection) return;
    const callback = (error: Error | null, message: Msg): void => {
      // A refusal is told by the connection's status, too.
      if (error || this.#connection !== connection || !this.#entries.has(entry)) return;
      try {
        entry.receive(message);
      } catch {
        // It cannot be read; there is nobody to tell.
      }
    };
    try {
      entry.made = connection.subscribe(
        entry.pattern,
        entry.queue ? { queue: entry.queue, callback } : { callback },
      );
    } catch {
      // The connection has just ended; the next one makes it.
    }
  }

  #remove(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    try {
      entry.made?.unsubscribe();
    } catch {
      // The connection has just ended, and the subscription with it.
    }
  }
}
