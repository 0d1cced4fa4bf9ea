/**
 * Requests to the back ends that decide over listeners. Bounded whatever they do: requests under
 * way of a mount and in all, those that wait for a place, the time of each, what is read of an
 * answer. Redirects are not followed, as Icecast does not; the body says nothing.
 */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Clock } from '@legacystream/core/clock.ts';
import { PlaceQueue } from './place-queue.ts';

export type AuthCall = {
  /** Requests of one key share their places. */
  readonly key: string;
  readonly url: string;
  readonly authorization: string;
  readonly body: string;
  /** For the head of the answer and, unless `placeMs` is given, for a place before. */
  readonly timeoutMs: number;
  readonly placeMs?: number;
};

const placesOfKey = 32;
const placesInAll = 256;
const maxHeadBytes = 16 * 1024;
/** More of a body is not worth the connection. */
const maxBodyBytes = 64 * 1024;
const idleMs = 10_000;

export class AuthCalls {
  readonly #clock: Clock;
  readonly #userAgent: string;
  readonly #maxWaiting: number;
  readonly #agents = {
    'http:': new HttpAgent({ keepAlive: true, maxFreeSockets: placesOfKey, timeout: idleMs }),
    'https:': new HttpsAgent({ keepAlive: true, maxFreeSockets: placesOfKey, timeout: idleMs }),
  };
  readonly #inAll: PlaceQueue;
  readonly #byKey = new Map<string, PlaceQueue>();
  /** Not answered yet, those that wait for a place included. */
  pending = 0;

  /** @param maxWaiting requests that wait for a place; those beyond fail at once */
  constructor(clock: Clock, userAgent: string, maxWaiting: number) {
    this.#clock = clock;
    this.#userAgent = userAgent;
    this.#maxWaiting = maxWaiting;
    this.#inAll = new PlaceQueue(clock, placesInAll, maxWaiting);
  }

  /** The headers of the answer, names and values in turn. @throws when there is none in time */
  async send(call: AuthCall): Promise<readonly string[]> {
    const untilMs = this.#clock.monotonicMs() + (call.placeMs ?? call.timeoutMs);
    const leftMs = () => untilMs - this.#clock.monotonicMs();
    this.pending += 1;
    try {
      const first = await this.#exchange(call, leftMs);
      // A connection that was kept may be closed by the other side at this very moment: nothing was read of it.
      const answer = first === 'stale' ? await this.#exchange(call, leftMs) : first;
      if (answer === 'stale') throw new Error('the connection was closed');
      return answer;
    } finally {
      this.pending -= 1;
    }
  }

  close(): void {
    this.#agents['http:'].destroy();
    this.#agents['https:'].destroy();
  }

  /** A place is taken until the connection is free again, be the listener answered long before. */
  async #exchange(call: AuthCall, leftMs: () => number): Promise<readonly string[] | 'stale'> {
    const leave = await this.#enter(call.key, leftMs);
    const { protocol } = new URL(call.url);
    const isSecure = protocol === 'https:';
    return new Promise((resolve, reject) => {
      const request = (isSecure ? requestHttps : requestHttp)(call.url, {
        method: 'POST',
        agent: this.#agents[isSecure ? 'https:' : 'http:'],
        maxHeaderSize: maxHeadBytes,
        headers: {
          Authorization: call.authorization,
          'User-Agent': this.#userAgent,
          Accept: '*/*',
          'Content-Length': Buffer.byteLength(call.body),
          'Content-Type': 'application/x-www-form-urlencoded',
        },
      });
      const answerMs = call.placeMs === undefined ? leftMs() : call.timeoutMs;
      const timer = this.#clock.after(Math.max(0, answerMs), () =>
        request.destroy(new Error('no answer in time')),
      );
      request.once('response', (response) => {
        resolve(response.rawHeaders);
        discard(response);
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (request.reusedSocket && error.code === 'ECONNRESET') resolve('stale');
        else reject(error);
      });
      request.once('close', () => {
        timer.cancel();
        leave();
        reject(new Error('no answer'));
      });
      request.end(call.body);
    });
  }

  /** @returns what gives the place back @throws when none was free in time */
  async #enter(key: string, leftMs: () => number): Promise<() => void> {
    const ofKey = this.#byKey.get(key) ?? new PlaceQueue(this.#clock, placesOfKey, this.#maxWaiting);
    this.#byKey.set(key, ofKey);
    const leaveKey = () => {
      ofKey.leave();
      if (ofKey.isIdle) this.#byKey.delete(key);
    };
    if (!(await ofKey.enter(leftMs()))) throw new Error('too many requests are under way');
    if (await this.#inAll.enter(leftMs())) {
      return () => {
        this.#inAll.leave();
        leaveKey();
      };
    }
    leaveKey();
    throw new Error('too many requests are under way');
  }
}

function discard(response: IncomingMessage): void {
  let bytes = 0;
  response.on('error', () => {});
  response.on('data', (data: Buffer) => {
    bytes += data.byteLength;
    if (bytes > maxBodyBytes) response.destroy();
  });
}
