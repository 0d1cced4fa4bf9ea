/** A thread's line to the hub: numbers its calls and hands on what comes back. */
import type { MessagePort, Transferable } from 'node:worker_threads';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { errorOf, type FromHub, type Outcome, type RemoteMethod, type ToHub } from './port-messages.ts';

/** A hub that does not answer is gone or hangs; nothing may wait for it forever. */
const callTimeoutMs = 5_000;

type Receiver = (message: Extract<FromHub, { type: 'message' | 'ask' }>) => void;

export class PortLink {
  readonly #port: MessagePort;
  readonly #calls = new Map<number, (outcome: Outcome) => void>();
  readonly #receivers = new Map<number, Receiver>();
  #ids = 0;
  #reach = { bus: true, store: true };
  #closed = false;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (message: FromHub) => {
      if (message.type === 'result') this.#calls.get(message.id)?.(message.outcome);
      else if (message.type === 'reach') this.#reach = message;
      else this.#receivers.get(message.id)?.(message);
    });
    port.once('close', () => this.close());
  }

  get connected(): boolean {
    return !this.#closed;
  }

  /** Whether the main thread's own bus and store can be reached. */
  get reach(): { readonly bus: boolean; readonly store: boolean } {
    return this.#reach;
  }

  /** Opens a subscription or a responder; its messages come to `receiver`. */
  open(type: 'subscribe' | 'respond', subject: string, receiver: Receiver): () => void {
    const id = ++this.#ids;
    this.#receivers.set(id, receiver);
    this.post({ type, id, subject });
    return () => {
      if (this.#receivers.delete(id)) this.post({ type: 'cancel', id });
    };
  }

  /**
   * @param given what of the arguments the hub gets instead of a copy; gone here afterwards
   * @throws what the hub's side threw, or LegacyStreamError LS_CLOSED, LS_BUS_TIMEOUT
   */
  call(
    method: RemoteMethod,
    args: readonly unknown[],
    timeoutMs = callTimeoutMs,
    given: readonly Transferable[] = [],
  ): Promise<unknown> {
    if (this.#closed) return Promise.reject(new LegacyStreamError('LS_CLOSED', 'the main thread has gone'));
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      const settle = (outcome: Outcome) => {
        clearTimeout(timer);
        this.#calls.delete(id);
        if (outcome.ok) resolve(outcome.value);
        else reject(errorOf(outcome));
      };
      const late: Outcome = {
        ok: false,
        code: 'LS_BUS_TIMEOUT',
        message: `${method} was not answered in time`,
      };
      const timer = setTimeout(() => settle(late), timeoutMs);
      timer.unref();
      this.#calls.set(id, settle);
      try {
        this.post({ type: 'call', id, method, args }, given);
      } catch {
        settle({ ok: false, code: 'LS_PARAMETER_INVALID', message: 'a value cannot leave its thread' });
      }
    });
  }

  /** @returns false when there is nobody to post to any more */
  post(message: ToHub, given: readonly Transferable[] = []): boolean {
    if (this.#closed) return false;
    this.#port.postMessage(message, given);
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#receivers.clear();
    const gone: Outcome = { ok: false, code: 'LS_CLOSED', message: 'the main thread has gone' };
    for (const settle of [...this.#calls.values()]) settle(gone);
    this.#port.close();
  }
}
