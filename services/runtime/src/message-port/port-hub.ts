/**
 * The side of the thread that has the bus and the store: serves any number of edge threads,
 * each over a message port. When a thread goes, everything that it held here goes with it.
 */
import type { MessagePort } from 'node:worker_threads';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Bus, HistoryBounds, Subscription } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import {
  errorOf,
  type FromHub,
  failureOf,
  type Outcome,
  ownCopy,
  type RemoteMethod,
  type ToHub,
} from './port-messages.ts';

/** How often it is looked whether bus and store can be reached. */
const lookEveryMs = 250;

export class PortHub {
  readonly #bus: Bus;
  readonly #store: StateStore;

  constructor(bus: Bus, store: StateStore) {
    this.#bus = bus;
    this.#store = store;
  }

  /** Serves a thread until its port closes. */
  serve(port: MessagePort): void {
    const client = new HubClient(this.#bus, this.#store, port);
    port.on('message', (message: ToHub) => client.take(message));
    port.once('close', () => client.close());
  }
}

class HubClient {
  readonly #bus: Bus;
  readonly #store: StateStore;
  readonly #port: MessagePort;
  readonly #held = new Map<number, Subscription>();
  readonly #asked = new Map<number, (outcome: Outcome) => void>();
  #asks = 0;
  #closed = false;
  readonly #look: NodeJS.Timeout;
  #reach = { bus: true, store: true };

  constructor(bus: Bus, store: StateStore, port: MessagePort) {
    this.#bus = bus;
    this.#store = store;
    this.#port = port;
    this.#look = setInterval(() => this.#tellReach(), lookEveryMs).unref();
    this.#tellReach();
  }

  take(message: ToHub): void {
    switch (message.type) {
      case 'publish':
        return this.#bus.publish(message.subject, message.data);
      case 'subscribe': {
        const { id } = message;
        const held = this.#bus.subscribe(message.subject, (data, subject) =>
          this.#post({ type: 'message', id, subject, data: ownCopy(data) }),
        );
        this.#held.set(id, held);
        return;
      }
      case 'respond': {
        const { id } = message;
        this.#held.set(
          id,
          this.#bus.respond(message.subject, (data, subject) => this.#ask(id, subject, data)),
        );
        return;
      }
      case 'cancel':
        this.#held.get(message.id)?.unsubscribe();
        this.#held.delete(message.id);
        return;
      case 'reply':
        this.#asked.get(message.ask)?.(message.outcome);
        return;
      case 'call': {
        const { id, method, args } = message;
        this.#call(method, args)
          .then((value): Outcome => ({ ok: true, value }), failureOf)
          .then((outcome) => this.#post({ type: 'result', id, outcome }, givenIn(outcome)));
        return;
      }
      default:
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#look);
    for (const held of this.#held.values()) held.unsubscribe();
    this.#held.clear();
    const gone = failureOf(new LegacyStreamError('LS_CLOSED', 'the thread that was asked has gone'));
    for (const settle of this.#asked.values()) settle(gone);
  }

  async #ask(id: number, subject: string, data: Uint8Array): Promise<Uint8Array> {
    const ask = ++this.#asks;
    const outcome = await new Promise<Outcome>((resolve) => {
      this.#asked.set(ask, resolve);
      this.#post({ type: 'ask', ask, id, subject, data: ownCopy(data) });
    });
    this.#asked.delete(ask);
    if (outcome.ok) return outcome.value as Uint8Array;
    throw errorOf(outcome);
  }

  async #call(method: RemoteMethod, args: readonly unknown[]): Promise<unknown> {
    switch (method) {
      case 'bus.request': {
        const [subject, data, timeoutMs] = args as [string, Uint8Array, number];
        return ownCopy(await this.#bus.request(subject, data, timeoutMs));
      }
      case 'bus.history': {
        const [subject, bounds] = args as [string, HistoryBounds];
        return (await this.#bus.history(subject, bounds)).map(ownCopy);
      }
      case 'store.getBlob': {
        const [group, name] = args as [string, string];
        const blob = await this.#store.getBlob(group, name);
        return blob && ownCopy(blob);
      }
      default: {
        const name = method.slice('store.'.length) as Exclude<keyof StateStore, 'connected' | 'close'>;
        const operation = this.#store[name] as (...args: readonly unknown[]) => Promise<unknown>;
        return operation.apply(this.#store, args as unknown[]);
      }
    }
  }

  /** A thread takes both for reached until it is told otherwise. */
  #tellReach(): void {
    const reach = { bus: this.#bus.connected, store: this.#store.connected };
    if (reach.bus === this.#reach.bus && reach.store === this.#reach.store) return;
    this.#reach = reach;
    this.#post({ type: 'reach', ...reach });
  }

  #post(message: FromHub, given: readonly ArrayBuffer[] = []): void {
    if (!this.#closed) this.#port.postMessage(message, given);
  }
}

/** Bytes that answer a call are a copy made for the thread, see `#call`: it may have them. */
function givenIn(outcome: Outcome): readonly ArrayBuffer[] {
  if (!outcome.ok || !(outcome.value instanceof Uint8Array)) return [];
  return [outcome.value.buffer as ArrayBuffer];
}
