/**
 * The access log: a line per ended connection, gathered for a second or 64 KiB and then
 * appended. A file that cannot be written is reported once a minute and tried on; what
 * does not fit into memory meanwhile is counted as lost.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import { type AccessEntry, formatAccessLine } from './access-line.ts';
import { LineSink } from './line-sink.ts';
import type { Log } from './log.ts';
import { OncePerInterval } from './once-per-interval.ts';

export type AccessLogOptions = {
  /** `-` for standard output. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxBufferedBytes?: number;
};

const gatherMs = 1000;
const gatherBytes = 64 * 1024;
const reportIntervalMs = 60_000;

export class AccessLog {
  readonly #clock: Clock;
  readonly #sink: LineSink;
  readonly #trouble: OncePerInterval;

  constructor(options: AccessLogOptions) {
    const { path, clock, log, maxBufferedBytes } = options;
    this.#clock = clock;
    this.#trouble = new OncePerInterval(clock, reportIntervalMs);
    this.#sink = new LineSink({
      path,
      clock,
      gatherMs,
      gatherBytes,
      ...(maxBufferedBytes === undefined ? {} : { maxBufferedBytes }),
      onTrouble: (error, lostLines) =>
        this.#trouble.report(() =>
          log.error(
            'access_log.failed',
            { path, error, lostLines },
            `the access log cannot be written to ${path}`,
          ),
        ),
    });
  }

  /** Lines that could not be kept. */
  get lostLines(): number {
    return this.#sink.lostLines;
  }

  /** Notes a connection that ends now. */
  record(entry: AccessEntry): void {
    this.#sink.write(formatAccessLine(entry, this.#clock.wallMs()));
  }

  /** Goes on in a new file after the old one was renamed (SIGHUP). */
  reopen(): void {
    this.#sink.reopen();
  }

  flush(): Promise<void> {
    return this.#sink.flush();
  }

  async close(): Promise<void> {
    await this.#sink.close();
    this.#trouble.close();
  }
}
