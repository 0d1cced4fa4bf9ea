/**
 * Publishers give the tails that they hold to readers: what a stream misses while it chooses
 * a new leader, for seconds after a node of the cluster was lost, its publishers still have.
 *
 * A request goes to `<audio>-tail.<mount>.<rendition>`, which every publisher of audio hears;
 * those that have nothing say so. How much a publisher answers with is bounded per second.
 */
import { randomInt } from 'node:crypto';
import type { Clock } from '@legacystream/core/clock.ts';
import type { HistoryBounds } from '@legacystream/core/ports/bus.ts';
import type { Msg } from '@nats-io/transport-node';
import type { ReplyInbox } from './reply-inbox.ts';
import { decodePart, encodeTail } from './tail-parts.ts';

export type TailExchangeOptions = {
  readonly clock: Clock;
  readonly inbox: ReplyInbox;
  readonly audioPrefix: string;
  /** What this publisher holds of a subject, oldest first. */
  readonly read: (subject: string, bounds: HistoryBounds) => Uint8Array[];
  readonly send: (reply: string, data: Uint8Array) => boolean;
};

const waitMs = 150;
const maxTailBytes = 8 * 1024 * 1024;
const maxBytesPerSecond = 32 * 1024 * 1024;
const maxQuestionBytes = 200;

export class TailExchange {
  /** What a publisher of audio subscribes to, with {@link answer}. */
  readonly pattern: string;
  readonly #options: TailExchangeOptions;
  readonly #prefix: string;
  #secondAtMs = Number.NEGATIVE_INFINITY;
  #bytesThisSecond = 0;

  constructor(options: TailExchangeOptions) {
    this.#options = options;
    this.#prefix = `${options.audioPrefix.slice(0, -1)}-tail.`;
    this.pattern = `${this.#prefix}>`;
  }

  /** The tail of an audio subject from whoever publishes on it; empty when nobody answers soon. */
  ask(subject: string, bounds: HistoryBounds): Promise<Uint8Array[]> {
    const { clock, inbox, audioPrefix } = this.#options;
    const question = {
      maxBytes: Math.min(bounds.maxBytes, maxTailBytes),
      maxAgeMs: Math.min(bounds.maxAgeMs, Number.MAX_SAFE_INTEGER),
    };
    return new Promise((resolve) => {
      const answers = new Map<number, Uint8Array[]>();
      let bytes = 0;
      const finish = (messages: Uint8Array[]): void => {
        timer.cancel();
        stop();
        resolve(messages);
      };
      const timer = clock.after(waitMs, () => finish([]));
      const stop = inbox.ask(
        this.#prefix + subject.slice(audioPrefix.length),
        Buffer.from(JSON.stringify(question)),
        ({ data, status }) => {
          if (status === 503) return finish([]);
          const part = decodePart(data);
          bytes += data.byteLength;
          // An answer without messages is that of a publisher of other mounts.
          if (!part || part.messages.length === 0 || bytes > 2 * maxTailBytes) return;
          const found = answers.get(part.answer) ?? [];
          answers.set(part.answer, found);
          for (const message of part.messages) found.push(message);
          if (part.isLast) finish(found);
        },
        () => finish([]),
      );
    });
  }

  /** Answers a question; `reply` has been judged. */
  answer(message: Msg, reply: string): void {
    const { audioPrefix, read, send } = this.#options;
    const bounds = parseQuestion(message.data);
    if (!bounds) return;
    const subject = audioPrefix + message.subject.slice(this.#prefix.length);
    const messages = this.#isExhausted() ? [] : read(subject, bounds);
    for (const part of encodeTail(messages, randomInt(0x1_0000_0000))) {
      this.#bytesThisSecond += part.byteLength;
      if (!send(reply, part)) return;
    }
  }

  #isExhausted(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#secondAtMs >= 1_000) {
      this.#secondAtMs = nowMs;
      this.#bytesThisSecond = 0;
    }
    return this.#bytesThisSecond > maxBytesPerSecond;
  }
}

function parseQuestion(data: Uint8Array): HistoryBounds | undefined {
  if (data.byteLength > maxQuestionBytes) return undefined;
  try {
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
    const { maxBytes, maxAgeMs } = JSON.parse(text) as Record<string, unknown>;
    if (typeof maxBytes !== 'number' || typeof maxAgeMs !== 'number') return undefined;
    return { maxBytes: Math.min(maxBytes, maxTailBytes), maxAgeMs };
  } catch {
    return undefined;
  }
}
