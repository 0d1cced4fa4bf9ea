/**
 * Sends an answer as its request asks for it (RFC 9110): whole, the head alone, a range of it, or
 * that it is what the client has; and waits until the client has taken it.
 */
import type { Socket } from 'node:net';
import type { Clock } from '@legacystream/core/clock.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import { HlsAnswer, rangeOf } from './hls-answer.ts';
import { noStore } from './hls-answers.ts';

const nothing = new Uint8Array(0);
/** Longest that a connection may take to read an answer before the next request of it is read. */
const drainMs = 60_000;

export class AnswerSender {
  readonly #server: string;
  readonly #clock: Clock;

  constructor(server: string, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  /** @returns bytes written */
  write(socket: Socket, head: RequestHead, answer: HlsAnswer, isLast: boolean): number {
    const nowMs = this.#clock.wallMs();
    const isHead = head.method === 'HEAD';
    if (answer.status !== 200) return answer.write(socket, nowMs, !isHead, isLast);
    if (answer.isFresh(head)) {
      return new HlsAnswer(304, this.#server, [immutableOrNot(answer)], nothing, answer.etag).write(
        socket,
        nowMs,
        false,
        isLast,
      );
    }
    const rangeText = head.headers.get('range');
    if (rangeText === undefined || head.headers.has('if-range'))
      return answer.write(socket, nowMs, !isHead, isLast);
    return this.#writeRange(socket, rangeText, answer, isHead, isLast);
  }

  #writeRange(
    socket: Socket,
    rangeText: string,
    answer: HlsAnswer,
    isHead: boolean,
    isLast: boolean,
  ): number {
    const nowMs = this.#clock.wallMs();
    const { body, etag } = answer;
    const range = rangeOf(rangeText, body.byteLength);
    if (range === 'none') return answer.write(socket, nowMs, !isHead, isLast);
    if (!range) {
      const fields = [`Content-Range: bytes */${body.byteLength}`];
      return new HlsAnswer(416, this.#server, fields, nothing).write(socket, nowMs, false, isLast);
    }
    const fields = [
      ...answer.fields,
      `Content-Range: bytes ${range.from}-${range.to - 1}/${body.byteLength}`,
    ];
    const part = new HlsAnswer(206, this.#server, fields, body.subarray(range.from, range.to), etag);
    return part.write(socket, nowMs, !isHead, isLast);
  }

  /** @returns false when the connection does not take what was written */
  async drained(socket: Socket): Promise<boolean> {
    if (socket.writableLength === 0) return true;
    return new Promise((resolve) => {
      const settle = (isDrained: boolean) => {
        timer.cancel();
        socket.off('drain', onDrain).off('close', onClose);
        resolve(isDrained);
      };
      const onDrain = () => settle(true);
      const onClose = () => settle(false);
      const timer = this.#clock.after(drainMs, () => settle(false));
      socket.once('drain', onDrain).once('close', onClose);
    });
  }
}

function immutableOrNot(answer: HlsAnswer): string {
  return answer.fields.find((field) => field.startsWith('Cache-Control')) ?? noStore;
}
