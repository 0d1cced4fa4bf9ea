/**
 * The bus of a single process (port `Bus`).
 *
 * `publish` only appends to a queue; one immediate per turn of the event loop delivers a
 * bounded share of it, so that sockets are served however much is published. Buffers are
 * passed on as given. The queue is bounded: what does not fit is dropped and counted, and
 * readers repair the gap from the history.
 */
import { isSubject } from '@legacystream/core/bus/subject-pattern.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type {
  Bus,
  BusHandler,
  BusResponder,
  BusStats,
  HistoryBounds,
  Subscription,
} from '@legacystream/core/ports/bus.ts';
import { MessageHistory, type MessageHistoryOptions } from './message-history.ts';
import { SubjectTable } from './subject-table.ts';

export type MemoryBusOptions = {
  readonly clock: Clock;
  /** Which subjects have a history: those with this prefix, or those it is true for. Absent: none. */
  readonly retain?: string | ((subject: string) => boolean);
  readonly history?: MessageHistoryOptions;
  /** Bytes that may wait for delivery, each message charged {@link queuedOverheadBytes} more. */
  readonly maxQueuedBytes?: number;
  readonly onHandlerError?: (error: unknown, subject: string) => void;
};

const queuedOverheadBytes = 64;
/** Calls of handlers per turn of the event loop, counted after each message. */
const deliveriesPerTurn = 1024;
const sweepPeriodMs = 30_000;

type Subscriber = { readonly handler: BusHandler; readonly sinceOrder: number };
type Queued = { readonly subject: string; readonly data: Uint8Array; readonly order: number };
type PendingRequest = { readonly fail: (error: LegacyStreamError) => void };

export class MemoryBus implements Bus {
  readonly stats: BusStats = { published: 0, delivered: 0, dropped: 0, handlerErrors: 0 };
  readonly #clock: Clock;
  readonly #retains: (subject: string) => boolean;
  readonly #history: MessageHistory;
  readonly #maxQueuedBytes: number;
  readonly #onHandlerError: (error: unknown, subject: string) => void;
  readonly #subscribers = new SubjectTable<Subscriber>();
  readonly #responders = new SubjectTable<BusResponder>();
  readonly #requests = new Set<PendingRequest>();
  readonly #sweeper: Timer;
  #queue: Queued[] = [];
  #queueHead = 0;
  #queuedBytes = 0;
  #order = 0;
  #drainScheduled = false;
  #closed = false;

  constructor(options: MemoryBusOptions) {
    const { retain } = options;
    this.#clock = options.clock;
    this.#retains =
      typeof retain === 'string' ? (subject) => subject.startsWith(retain) : (retain ?? (() => false));
    this.#history = new MessageHistory(options.clock, options.history);
    this.#maxQueuedBytes = options.maxQueuedBytes ?? 64 * 1024 * 1024;
    this.#onHandlerError = options.onHandlerError ?? (() => {});
    this.#sweeper = options.clock.every(sweepPeriodMs, () => this.#history.sweep());
  }

  get connected(): boolean {
    return !this.#closed;
  }

  publish(subject: string, data: Uint8Array): void {
    if (this.#closed || !isSubject(subject)) {
      this.stats.dropped++;
      return;
    }
    if (this.#retains(subject)) this.#history.append(subject, data);
    const bytes = data.byteLength + queuedOverheadBytes;
    if (this.#queuedBytes + bytes > this.#maxQueuedBytes) {
      this.stats.dropped++;
      return;
    }
    this.stats.published++;
    this.#queuedBytes += bytes;
    this.#queue.push({ subject, data, order: this.#order++ });
    this.#scheduleDrain();
  }

  subscribe(subject: string, handler: BusHandler): Subscription {
    const subscriber: Subscriber = { handler, sinceOrder: this.#order };
    const remove = this.#subscribers.add(subject, subscriber);
    if (this.#closed) remove();
    return { unsubscribe: remove };
  }

  async history(subject: string, bounds: HistoryBounds): Promise<readonly Uint8Array[]> {
    return this.#history.read(subject, bounds);
  }

  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      const settle = (): boolean => {
        timer.cancel();
        return this.#requests.delete(request);
      };
      const fail = (error: LegacyStreamError): void => {
        if (settle()) reject(error);
      };
      const request: PendingRequest = { fail };
      const timer = this.#clock.after(timeoutMs, () =>
        fail(new LegacyStreamError('LS_BUS_TIMEOUT', `no answer on ${subject} within ${timeoutMs} ms`)),
      );
      this.#requests.add(request);
      setImmediate(async () => {
        if (!this.#requests.has(request)) return;
        const responder = this.#responders.first(subject);
        if (!responder) {
          fail(new LegacyStreamError('LS_BUS_NO_RESPONDER', `nobody answers on ${subject}`));
          return;
        }
        try {
          const answer = await responder(data, subject);
          await this.#deliverUntil(this.#order);
          if (settle()) resolve(answer);
        } catch (cause) {
          this.#reportHandlerError(cause, subject);
          fail(
            new LegacyStreamError('LS_BUS_RESPONDER_FAILED', `the responder on ${subject} failed`, { cause }),
          );
        }
      });
    });
  }

  respond(subject: string, responder: BusResponder): Subscription {
    // The same function may answer twice; each call of `respond` is an entry of its own.
    const remove = this.#responders.add(subject, (data, on) => responder(data, on));
    if (this.#closed) remove();
    return { unsubscribe: remove };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#sweeper.cancel();
    this.stats.dropped += this.#queue.length - this.#queueHead;
    this.#queue = [];
    this.#queueHead = 0;
    this.#queuedBytes = 0;
    this.#subscribers.clear();
    this.#responders.clear();
    this.#history.clear();
    for (const request of this.#requests) request.fail(closedError());
  }

  #scheduleDrain(): void {
    if (this.#drainScheduled) return;
    this.#drainScheduled = true;
    setImmediate(() => this.#drain());
  }

  #drain(): void {
    this.#drainScheduled = false;
    const until = this.stats.delivered + this.stats.handlerErrors + deliveriesPerTurn;
    // Messages that nobody wants count as well: at most four to each allowed delivery.
    for (let messages = 0; this.#queueHead < this.#queue.length; messages++) {
      if (messages >= 4 * deliveriesPerTurn || this.stats.delivered + this.stats.handlerErrors >= until)
        break;
      const message = this.#queue[this.#queueHead++]!;
      this.#queuedBytes -= message.data.byteLength + queuedOverheadBytes;
      this.#subscribers.visit(message.subject, message, this.#deliver);
    }
    if (this.#queueHead === this.#queue.length) {
      this.#queue = [];
      this.#queueHead = 0;
      return;
    }
    if (this.#queueHead * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
    this.#scheduleDrain();
  }

  /** Settles when everything published before `order` has been delivered. */
  async #deliverUntil(order: number): Promise<void> {
    while ((this.#queue[this.#queueHead]?.order ?? order) < order) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  readonly #deliver = (subscriber: Subscriber, message: Queued): void => {
    if (this.#closed || message.order < subscriber.sinceOrder) return;
    try {
      subscriber.handler(message.data, message.subject);
      this.stats.delivered++;
    } catch (error) {
      this.#reportHandlerError(error, message.subject);
    }
  };

  #reportHandlerError(error: unknown, subject: string): void {
    this.stats.handlerErrors++;
    try {
      this.#onHandlerError(error, subject);
    } catch {
      // A report that fails must not become the next failure of the bus.
    }
  }
}

function closedError(): LegacyStreamError {
  return new LegacyStreamError('LS_CLOSED', 'the bus is closed');
}
