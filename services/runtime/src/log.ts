/**
 * The structured log: one JSON object a line, or a readable line to a terminal.
 *
 * Every line has `level`, `time`, `category` (`http.server`, `stream.manager`, …) and
 * `event` (a noun and a past verb: `source.connected`); fields of the caller follow, the
 * message comes last. Written per event, never per chunk. Nothing that happens to the
 * destination ends or holds up the process, and secrets are left out (see redaction.ts).
 */
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import type { Clock } from '@legacystream/core/clock.ts';
import { type Logger, pino, stdTimeFunctions } from 'pino';
import { LineSink } from './line-sink.ts';
import { OncePerInterval } from './once-per-interval.ts';
import { redactFields, redactText } from './redaction.ts';
import { SystemClock } from './system-clock.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Any values but under the names that the log itself gives. */
export type LogFields = { readonly [key: string]: unknown } & {
  readonly [key in 'level' | 'time' | 'category' | 'event' | 'msg']?: never;
};

export interface Log {
  debug(event: string, fields?: LogFields, message?: string): void;
  info(event: string, fields?: LogFields, message?: string): void;
  warn(event: string, fields?: LogFields, message?: string): void;
  error(event: string, fields?: LogFields, message?: string): void;
  /** The same log for another part of the program. */
  child(options: { readonly category: string }): Log;
}

/** The log of the process, which owns the destination. */
export interface RootLog extends Log {
  /** Lines that could not be written. */
  readonly lostLines: number;
  /** Goes on in a new file after the old one was renamed. */
  reopen(): void;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export type LogOptions = {
  readonly level?: LogLevel;
  /** `auto`: `pretty` on a terminal, else `json`. */
  readonly format?: 'auto' | 'json' | 'pretty';
  /** Absent: standard output. */
  readonly file?: string;
  /** The category of the root log. */
  readonly category?: string;
  readonly clock?: Clock;
};

const reservedFields = ['level', 'time', 'category', 'event', 'msg'];

export function createLog(options: LogOptions = {}): RootLog {
  const clock = options.clock ?? new SystemClock();
  const isTerminal = options.file === undefined && isatty(1);
  const format = options.format ?? 'auto';
  const prettify =
    format === 'pretty' || (format === 'auto' && isTerminal) ? loadPrettifier(isTerminal) : undefined;
  const trouble = new OncePerInterval(clock, 60_000);
  const sink = new LineSink({
    path: options.file ?? '-',
    clock,
    onTrouble: (error, lostLines) =>
      trouble.report(() =>
        writeToStderr(`the log cannot be written (${error.message}); ${lostLines} lines lost\n`),
      ),
  });
  const destination = {
    write: (line: string): void => sink.write((prettify ? prettify(line) : line).trimEnd()),
  };
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    destination,
  );
  return new PinoRootLog(logger, options.category ?? 'lifecycle', sink, trouble);
}

class PinoLog implements Log {
  readonly #root: Logger;
  readonly #logger: Logger;

  constructor(root: Logger, category: string) {
    this.#root = root;
    this.#logger = root.child({ category });
  }

  debug(event: string, fields?: LogFields, message?: string): void {
    this.#write('debug', event, fields, message);
  }

  info(event: string, fields?: LogFields, message?: string): void {
    this.#write('info', event, fields, message);
  }

  warn(event: string, fields?: LogFields, message?: string): void {
    this.#write('warn', event, fields, message);
  }

  error(event: string, fields?: LogFields, message?: string): void {
    this.#write('error', event, fields, message);
  }

  child(options: { readonly category: string }): Log {
    return new PinoLog(this.#root, options.category);
  }

  #write(
    level: 'debug' | 'info' | 'warn' | 'error',
    event: string,
    fields?: LogFields,
    message?: string,
  ): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    const line: Record<string, unknown> = fields ? redactFields(fields) : {};
    for (const name of reservedFields) delete line[name];
    const text = message === undefined ? undefined : redactText(message);
    this.#logger[level]({ event, ...line }, text);
  }
}

class PinoRootLog extends PinoLog implements RootLog {
  readonly #sink: LineSink;
  readonly #trouble: OncePerInterval;

  constructor(root: Logger, category: string, sink: LineSink, trouble: OncePerInterval) {
    super(root, category);
    this.#sink = sink;
    this.#trouble = trouble;
  }

  get lostLines(): number {
    return this.#sink.lostLines;
  }

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

type Prettifier = (line: string) => string;

/** The cli package brings pino-pretty along; where it is missing the lines stay JSON. */
function loadPrettifier(colorize: boolean): Prettifier | undefined {
  try {
    const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as {
      prettyFactory(options: object): Prettifier;
    };
    return prettyFactory({
      colorize,
      ignore: 'category,event',
      translateTime: 'SYS:HH:MM:ss.l',
      messageFormat: (line: Record<string, unknown>) =>
        `${line['category']} ${line['event']} ${line['msg'] ?? ''}`.trimEnd(),
    });
  } catch {
    return undefined;
  }
}

function writeToStderr(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // Standard error is the last resort.
  }
}
