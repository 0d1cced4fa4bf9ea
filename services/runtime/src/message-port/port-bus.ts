/** The bus as an edge thread has it: the main thread's, over a message port. */
import { isSubject, isSubjectPattern } from '@legacystream/core/bus/subject-pattern.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type {
  Bus,
  BusHandler,
  BusResponder,
  BusStats,
  HistoryBounds,
  Subscription,
} from '@legacystream/core/ports/bus.ts';
import type { PortLink } from './port-link.ts';
import { failureOf, ownCopy } from './port-messages.ts';

/** The answer to a request may take this much longer than the request itself allows. */
const graceMs = 500;

export class PortBus implements Bus {
  readonly stats: BusStats = { published: 0, delivered: 0, dropped: 0, handlerErrors: 0 };
  readonly #link: PortLink;
  readonly #onHandlerError: (error: unknown, subject: string) => void;

  constructor(link: PortLink, onHandlerError: (error: unknown, subject: string) => void = () => {}) {
    this.#link = link;
    this.#onHandlerError = onHandlerError;
  }

  get connected(): boolean {
    return this.#link.connected && this.#link.reach.bus;
  }

  publish(subject: string, data: Uint8Array): void {
    const isSent = isSubject(subject) && this.#link.post({ type: 'publish', subject, data: ownCopy(data) });
    if (isSent) this.stats.published += 1;
    else this.stats.dropped += 1;
  }

  subscribe(subject: string, handler: BusHandler): Subscription {
    mustBePattern(subject);
    const cancel = this.#link.open('subscribe', subject, (message) => {
      this.stats.delivered += 1;
      try {
        handler(message.data, message.subject);
      } catch (error) {
        this.stats.handlerErrors += 1;
        this.#onHandlerError(error, message.subject);
      }
    });
    return { unsubscribe: cancel };
  }

  async history(subject: string, bounds: HistoryBounds): Promise<readonly Uint8Array[]> {
    if (!this.#link.connected) return [];
    return (await this.#link.call('bus.history', [subject, bounds])) as Uint8Array[];
  }

  async request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    if (!this.#link.connected) throw new LegacyStreamError('LS_CLOSED', 'the bus is closed');
    return (await this.#link.call(
      'bus.request',
      [subject, ownCopy(data), timeoutMs],
      timeoutMs + graceMs,
    )) as Uint8Array;
  }

  respond(subject: string, responder: BusResponder): Subscription {
    mustBePattern(subject);
    const cancel = this.#link.open('respond', subject, (message) => {
      if (message.type !== 'ask') return;
      const { ask } = message;
      Promise.try(() => responder(message.data, message.subject)).then(
        (value) => void this.#link.post({ type: 'reply', ask, outcome: { ok: true, value: ownCopy(value) } }),
        (error: unknown) => {
          this.stats.handlerErrors += 1;
          this.#onHandlerError(error, message.subject);
          this.#link.post({ type: 'reply', ask, outcome: failureOf(error) });
        },
      );
    });
    return { unsubscribe: cancel };
  }

  async close(): Promise<void> {
    this.#link.close();
  }
}

/** The hub would find out too, but later than whoever called can be told. */
function mustBePattern(subject: string): void {
  if (isSubjectPattern(subject)) return;
  throw new LegacyStreamError(
    'LS_PARAMETER_INVALID',
    `"${subject.slice(0, 100)}" is not a subject of the bus`,
  );
}
