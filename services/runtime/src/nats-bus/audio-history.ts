/**
 * The retained tail of one audio subject, read from a JetStream stream by direct get: no
 * consumer, so that nothing is left on the server however a reader ends.
 *
 * Servers from 2.11 send all messages since a time at once. Earlier ones give one message
 * a request: the time is then searched for, and several readers share the stretch from
 * there to the newest message. Ages are by the server's clock for the messages and by
 * ours for now; of the two, the later one is now.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import type { HistoryBounds } from '@legacystream/core/ports/bus.ts';
import type { Answer, ReplyInbox } from './reply-inbox.ts';

type Stored = { readonly seq: number; readonly atMs: number; readonly data: Uint8Array };

const deadlineMs = 3_000;
const maxMessages = 50_000;
const maxWalkedBytes = 32 * 1024 * 1024;
const storedOverheadBytes = 256;
const batchMessages = 1_000;
const walkers = 8;
const searchSteps = 24;
const nearEnoughMs = 500;

export class AudioHistory {
  readonly #clock: Clock;
  readonly #inbox: ReplyInbox;
  readonly #api: string;

  constructor(clock: Clock, inbox: ReplyInbox, stream: string) {
    this.#clock = clock;
    this.#inbox = inbox;
    this.#api = `$JS.API.DIRECT.GET.${stream}`;
  }

  /**
   * The newest messages within the bounds, oldest first; it may end before the newest.
   * @param version of the connected server
   * @throws Error saying why nothing could be read
   */
  async read(subject: string, bounds: HistoryBounds, version: string): Promise<Uint8Array[]> {
    const untilMs = this.#clock.monotonicMs() + deadlineMs;
    const newest = await this.#one(untilMs, `${this.#api}.${subject}`);
    if (!newest) return [];
    const nowMs = Math.max(this.#clock.wallMs(), newest.atMs);
    const sinceMs = nowMs - bounds.maxAgeMs;
    if (newest.atMs < sinceMs || newest.data.byteLength > bounds.maxBytes) return [];
    const found =
      (hasBatches(version) ? await this.#batches(subject, sinceMs, bounds.maxBytes, untilMs) : undefined) ??
      (await this.#walk(subject, newest, sinceMs, untilMs));
    return tailOf(found, sinceMs, bounds.maxBytes);
  }

  /** Undefined when the server that has the stream does not know batches. */
  async #batches(
    subject: string,
    sinceMs: number,
    maxBytes: number,
    untilMs: number,
  ): Promise<Stored[] | undefined> {
    let found: Stored[] = [];
    let first = 0;
    let bytes = 0;
    let count = 0;
    let lastSeq = 0;
    const take = (stored: Stored): void => {
      count += 1;
      lastSeq = stored.seq;
      found.push(stored);
      bytes += stored.data.byteLength;
      // What does not fit before the newest is not kept.
      while (bytes > maxBytes) bytes -= found[first++]!.data.byteLength;
      if (first * 2 <= found.length) return;
      found = found.slice(first);
      first = 0;
    };
    let from: object = { start_time: new Date(sinceMs).toISOString() };
    for (;;) {
      const query = { ...from, batch: batchMessages, next_by_subj: subject };
      const end = await this.#ask(this.#api, JSON.stringify(query), untilMs, take);
      if (end.status === 408 && count === 0) return undefined;
      const isMore = end.status === 204 && Number(end.header('Nats-Num-Pending')) > 0;
      if (!isMore || count === 0) return found.slice(first);
      if (count > maxMessages) throw new Error('the history is too long to be read');
      from = { seq: lastSeq + 1 };
    }
  }

  async #walk(subject: string, newest: Stored, sinceMs: number, untilMs: number): Promise<Stored[]> {
    const first = await this.#firstSince(subject, newest, sinceMs, untilMs);
    const span = Math.ceil((newest.seq - first + 1) / walkers);
    let bytes = 0;
    const stretch = async (from: number, to: number): Promise<Stored[]> => {
      const found: Stored[] = [];
      for (let seq = from; seq < to; ) {
        const stored = await this.#one(untilMs, this.#api, { seq, next_by_subj: subject });
        if (!stored || stored.seq >= to) break;
        found.push(stored);
        bytes += stored.data.byteLength + storedOverheadBytes;
        if (bytes > maxWalkedBytes) throw new Error('the history is too long to be read');
        seq = stored.seq + 1;
      }
      return found;
    };
    const stretches = Array.from({ length: walkers }, (_, i) => first + i * span);
    const parts = await Promise.all(
      stretches.map((from) => stretch(from, Math.min(from + span, newest.seq + 1))),
    );
    return parts.flat();
  }

  /** A sequence number at or somewhat before the first message since a time. */
  async #firstSince(subject: string, newest: Stored, sinceMs: number, untilMs: number): Promise<number> {
    const at = (seq: number) => this.#one(untilMs, this.#api, { seq, next_by_subj: subject });
    let before = await at(1);
    if (!before || before.atMs >= sinceMs) return before?.seq ?? newest.seq;
    let after = newest;
    for (let step = 0; step < searchSteps && after.seq - before.seq > 1; step++) {
      if (sinceMs - before.atMs <= nearEnoughMs) break;
      // Messages come evenly, mostly: a guess by time first, halves where that does not help.
      const share = step % 3 === 2 ? 0.5 : (sinceMs - before.atMs) / Math.max(1, after.atMs - before.atMs);
      const guess = before.seq + Math.max(1, Math.floor((after.seq - before.seq) * Math.min(share, 0.999)));
      const probe = await at(guess);
      if (!probe || probe.seq >= after.seq) {
        // Nothing of this subject between the guess and what is known to be late enough.
        after = { ...after, seq: Math.min(after.seq, guess) };
      } else if (probe.atMs < sinceMs) before = probe;
      else after = probe;
    }
    return before.seq;
  }

  async #one(untilMs: number, api: string, query?: object): Promise<Stored | undefined> {
    let found: Stored | undefined;
    const take = (stored: Stored): void => {
      found = stored;
    };
    await this.#ask(api, query ? JSON.stringify(query) : '', untilMs, take, true);
    return found;
  }

  /** Settles with what ended the answer. */
  #ask(
    api: string,
    query: string,
    untilMs: number,
    take: (stored: Stored) => void,
    single = false,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        timer.cancel();
        stop();
      };
      const fail = (reason: string): void => {
        finish();
        reject(new Error(reason));
      };
      const timer = this.#clock.after(untilMs - this.#clock.monotonicMs(), () =>
        fail('the stream did not answer in time'),
      );
      const stop = this.#inbox.ask(
        api,
        Buffer.from(query),
        (answer) => {
          if (answer.status === 503) return fail('there is no stream, or none that may be read');
          const stored = answer.status === 0 ? parse(answer) : undefined;
          if (stored) take(stored);
          if (stored && !single) return;
          finish();
          resolve(answer);
        },
        () => fail('this user may not read the stream'),
      );
    });
  }
}

function parse({ data, header }: Answer): Stored | undefined {
  const seq = Number(header('Nats-Sequence'));
  const atMs = Date.parse(header('Nats-Time-Stamp'));
  return Number.isSafeInteger(seq) && seq > 0 && Number.isFinite(atMs) ? { seq, atMs, data } : undefined;
}

function tailOf(found: readonly Stored[], sinceMs: number, maxBytes: number): Uint8Array[] {
  let bytes = 0;
  let first = found.length;
  while (first > 0) {
    const { atMs, data } = found[first - 1]!;
    bytes += data.byteLength;
    if (bytes > maxBytes || atMs < sinceMs) break;
    first -= 1;
  }
  return found.slice(first).map(({ data }) => data);
}

/** Batches of direct get came with nats-server 2.11. */
export function hasBatches(version: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 11);
}
