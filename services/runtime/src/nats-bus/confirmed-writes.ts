/**
 * Knows how much of what was written to a connection its server has taken: the server
 * answers a ping after all that came before it. So a connection that only seems alive is
 * noticed within seconds, and what lies unsent in this process can be bounded.
 *
 * While something is written a ping goes out every {@link confirmEveryMs}, otherwise every
 * {@link idlePingMs}; one is on its way at a time.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';

export type ConfirmedWritesOptions = {
  readonly clock: Clock;
  /** Sends a ping; settles when its answer is here, rejects when the connection ends. */
  readonly ping: () => Promise<void>;
  /** What `mark` stands for has arrived. */
  readonly onConfirmed: (mark: number, sentAtMs: number) => void;
  readonly onDead: () => void;
  /** What a confirmation stands for; asked when a ping goes out. */
  readonly mark: () => number;
  /** Above this many unconfirmed bytes the next ping does not wait. */
  readonly hurryBytes: number;
  readonly patienceMs?: number;
};

const confirmEveryMs = 200;
const idlePingMs = 5_000;
const defaultPatienceMs = 4_000;
/** After the deadline, in case it is this process that stood still. */
const graceMs = 250;

export class ConfirmedWrites {
  readonly #options: ConfirmedWritesOptions;
  #timer: Timer | undefined;
  #deadline: Timer | undefined;
  #isAsking = false;
  /** Written before the ping that is on its way, and after it. */
  #askedBytes = 0;
  #newBytes = 0;
  #isClosed = false;

  constructor(options: ConfirmedWritesOptions) {
    this.#options = options;
    this.#ask();
  }

  get unconfirmedBytes(): number {
    return this.#askedBytes + this.#newBytes;
  }

  wrote(bytes: number): void {
    const wasIdle = this.#newBytes === 0;
    this.#newBytes += bytes;
    if (this.#isAsking || this.#isClosed) return;
    if (this.#newBytes >= this.#options.hurryBytes) this.#ask();
    else if (wasIdle) this.#askIn(confirmEveryMs);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#deadline?.cancel();
  }

  #askIn(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(ms, () => this.#ask());
  }

  #ask(): void {
    if (this.#isAsking || this.#isClosed) return;
    const { clock, mark: currentMark, patienceMs = defaultPatienceMs } = this.#options;
    this.#timer?.cancel();
    this.#isAsking = true;
    this.#askedBytes = this.#newBytes;
    this.#newBytes = 0;
    const mark = currentMark();
    const sentAtMs = clock.monotonicMs();
    this.#deadline = clock.after(patienceMs, () => {
      this.#deadline = clock.after(graceMs, () => this.#die());
    });
    this.#options.ping().then(
      () => this.#answered(mark, sentAtMs),
      () => this.#die(),
    );
  }

  #answered(mark: number, sentAtMs: number): void {
    if (this.#isClosed) return;
    this.#deadline?.cancel();
    this.#isAsking = false;
    this.#askedBytes = 0;
    this.#options.onConfirmed(mark, sentAtMs);
    if (this.#newBytes >= this.#options.hurryBytes) this.#ask();
    else this.#askIn(this.#newBytes > 0 ? confirmEveryMs : idlePingMs);
  }

  #die(): void {
    if (this.#isClosed) return;
    this.close();
    this.#options.onDead();
  }
}
