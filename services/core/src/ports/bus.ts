/**
 * Port: the bus that pushes everything live between pods (design §6).
 *
 * Semantics every adapter keeps, proved by test/contract/bus.contract.ts:
 *  - `publish` never blocks, never throws and never reports delivery. Messages of one
 *    publisher on one subject arrive in order, each at most once per subscription. One to
 *    a subject that is malformed or has a wildcard is dropped and counted.
 *  - Handlers are called outside of `publish` (never re-entrantly) and must not block; one
 *    that throws is counted and does not disturb the others.
 *  - A subscription gets what is published after `subscribe` returned, nothing before and
 *    nothing after `unsubscribe`. `*` stands for exactly one token of a subject, a final `>`
 *    for one or more. `subscribe` and `respond` throw LS_PARAMETER_INVALID for a subject
 *    that can match nothing.
 *  - Audio is the exception to both: after a reconnect a publisher may send its latest again,
 *    so that it may come more than once, and at a younger subscription; readers drop it by
 *    (epoch, seq).
 *  - While the bus is disconnected, `publish` drops and counts; readers see the gap by
 *    sequence number and repair it from `history`.
 *  - `history` gives the retained tail of one audio subject, oldest first, bounded by age
 *    and bytes. It may be empty and may end before the newest message; readers splice by
 *    (epoch, seq) and drop duplicates.
 *  - `request` asks one responder of the subject; it rejects with LS_BUS_NO_RESPONDER when
 *    nobody answers for the subject, LS_BUS_RESPONDER_FAILED when the responder throws or
 *    rejects (counted like a handler that throws), LS_BUS_TIMEOUT when the answer is late.
 *    What a responder published before it answered reaches the asker before the answer.
 *  - After `close` nothing is delivered: `publish` drops and counts, `subscribe` and `respond`
 *    give inert subscriptions, `history` is empty, `request` rejects with LS_CLOSED, and so
 *    does every request that waits. `close` is idempotent.
 *  - Message bytes belong to the receiver for reading only; nobody changes them.
 */
export type BusHandler = (data: Uint8Array, subject: string) => void;
export type BusResponder = (data: Uint8Array, subject: string) => Uint8Array | Promise<Uint8Array>;

export interface Subscription {
  /** Stops delivery at once; idempotent. */
  unsubscribe(): void;
}

export type HistoryBounds = {
  /** Newest messages to give at most, in bytes of payload. */
  readonly maxBytes: number;
  /** Oldest age to give, in milliseconds. */
  readonly maxAgeMs: number;
};

export type BusStats = {
  published: number;
  delivered: number;
  /** Not sent because the bus was disconnected, closed or overfull, or the subject was malformed. */
  dropped: number;
  /** Handlers and responders that threw. */
  handlerErrors: number;
};

export interface Bus {
  readonly connected: boolean;
  readonly stats: Readonly<BusStats>;
  publish(subject: string, data: Uint8Array): void;
  subscribe(subject: string, handler: BusHandler): Subscription;
  history(subject: string, bounds: HistoryBounds): Promise<readonly Uint8Array[]>;
  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  respond(subject: string, responder: BusResponder): Subscription;
  close(): Promise<void>;
}
