/**
 * Appends lines to a file or to standard output without ever holding up the event loop
 * or ending the process: one write is under way at a time, what comes meanwhile waits in
 * bounded memory, and lines beyond that are counted as lost. A disk that is full, a
 * directory that is gone or a pipe that nobody reads is tried again each second.
 *
 * Standard output is written through the process's own stream where it is a pipe, because
 * a thread blocked in a pipe would hold up the end of the process as well.
 */
import { close, closeSync, fstatSync, open, openSync, write, writeSync } from 'node:fs';
import type { Clock, Timer } from '@legacystream/core/clock.ts';

export type LineSinkOptions = {
  /** `-` for standard output. */
  readonly path: string;
  readonly clock: Clock;
  /** How long lines are gathered; 0 for the current turn of the event loop. */
  readonly gatherMs?: number;
  /** Lines are written sooner once they come to this. */
  readonly gatherBytes?: number;
  readonly maxBufferedBytes?: number;
  /** Told of every failed write and lost line; the caller limits its reports. */
  readonly onTrouble?: (error: Error, lostLines: number) => void;
};

type WriteDone = (error: Error | null, writtenBytes: number) => void;

const retryMs = 1000;
/** A file shared with a program that made it non-blocking is merely busy. */
const busyRetryMs = 50;
const newline = 0x0a;

const openSinks = new Set<LineSink>();
function flushAllAtExit(): void {
  for (const sink of openSinks) sink.flushSync();
}

export class LineSink {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #gatherMs: number;
  readonly #gatherBytes: number;
  readonly #maxBufferedBytes: number;
  readonly #onTrouble: (error: Error, lostLines: number) => void;
  /** Standard output as a pipe or socket. */
  readonly #stream: NodeJS.WritableStream | undefined;
  #fd: number | undefined;
  #lines: string[] = [];
  #linesBytes = 0;
  /** What is being written, and how much of it was. */
  #chunk: Buffer | undefined;
  #written = 0;
  #busy = false;
  #gathering = false;
  #gatherTimer: Timer | undefined;
  #retryTimer: Timer | undefined;
  #reopenWanted = false;
  #closed = false;
  #lostLines = 0;
  #idleWaiters: (() => void)[] = [];

  constructor(options: LineSinkOptions) {
    this.#path = options.path;
    this.#clock = options.clock;
    this.#gatherMs = options.gatherMs ?? 0;
    this.#gatherBytes = options.gatherBytes ?? 64 * 1024;
    this.#maxBufferedBytes = options.maxBufferedBytes ?? 4 * 1024 * 1024;
    this.#onTrouble = options.onTrouble ?? (() => {});
    if (this.#path === '-') {
      this.#stream = pipedOutput();
      this.#fd = this.#stream ? undefined : 1;
    }
    if (openSinks.size === 0) process.on('exit', flushAllAtExit);
    openSinks.add(this);
  }

  /** Lines that could not be kept. */
  get lostLines(): number {
    return this.#lostLines;
  }

  /** Takes one line, without its line feed. Never throws, never waits. */
  write(line: string): void {
    if (this.#closed) {
      this.#lostLines++;
      return;
    }
    // UTF-16 length is near enough: what is written here is all but pure ASCII.
    const bytes = line.length + 1;
    if (this.#linesBytes + (this.#chunk?.byteLength ?? 0) + bytes > this.#maxBufferedBytes) {
      this.#lostLines++;
      this.#onTrouble(new Error('lines come faster than they can be written'), this.#lostLines);
      return;
    }
    this.#lines.push(line);
    this.#linesBytes += bytes;
    if (this.#linesBytes >= this.#gatherBytes) this.#pump();
    else this.#gather();
  }

  /** Goes on in a file newly opened under the same name: for programs that rotate logs. */
  reopen(): void {
    if (this.#path === '-' || this.#closed) return;
    this.#reopenWanted = true;
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    this.#pump();
  }

  /** Resolves when everything was written, or writing failed. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      this.#pump();
    });
  }

  /** Writes what waits before the process ends. */
  flushSync(): void {
    const lines = this.#takeLines();
    const chunk = this.#busy ? undefined : this.#chunk?.subarray(this.#written);
    const rest = Buffer.concat([chunk ?? Buffer.alloc(0), lines ?? Buffer.alloc(0)]);
    if (!this.#busy) this.#chunk = undefined;
    if (rest.byteLength === 0) return;
    try {
      if (this.#stream) {
        this.#stream.write(rest);
        return;
      }
      const fd = this.#fd ?? openSync(this.#path, 'a', 0o640);
      this.#fd = fd;
      for (let at = 0; at < rest.byteLength; ) at += writeSync(fd, rest, at);
    } catch {
      // The process ends, and there is nobody left to tell.
    }
  }

  /** Writes what can be written and lets go of the file. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.flush();
    this.#gatherTimer?.cancel();
    this.#retryTimer?.cancel();
    openSinks.delete(this);
    if (openSinks.size === 0) process.off('exit', flushAllAtExit);
    this.#lostLines += this.#lines.length + countLines(this.#chunk?.subarray(this.#written));
    this.#closeFile();
  }

  #gather(): void {
    if (this.#gathering || this.#busy || this.#retryTimer) return;
    this.#gathering = true;
    if (this.#gatherMs > 0) this.#gatherTimer = this.#clock.after(this.#gatherMs, () => this.#pump());
    else setImmediate(() => this.#pump());
  }

  #pump(): void {
    if (this.#busy || this.#retryTimer) {
      if (this.#retryTimer) this.#settleWaiters();
      return;
    }
    this.#gathering = false;
    this.#gatherTimer?.cancel();
    if (this.#reopenWanted) this.#rewindToLine();
    this.#chunk ??= this.#takeLines();
    if (!this.#chunk) {
      this.#settleWaiters();
      return;
    }
    this.#busy = true;
    if (this.#stream || this.#fd !== undefined) {
      this.#writeChunk();
      return;
    }
    open(this.#path, 'a', 0o640, (error, fd) => {
      if (error) {
        this.#fail(error);
        return;
      }
      this.#fd = fd;
      this.#writeChunk();
    });
  }

  #writeChunk(): void {
    const chunk = this.#chunk!;
    const done: WriteDone = (error, writtenBytes) => {
      if (error) {
        this.#fail(error);
        return;
      }
      this.#written += writtenBytes;
      if (this.#written < chunk.byteLength) {
        this.#writeChunk();
        return;
      }
      this.#chunk = undefined;
      this.#written = 0;
      this.#busy = false;
      this.#pump();
    };
    if (this.#stream) {
      const left = chunk.byteLength - this.#written;
      this.#stream.write(chunk.subarray(this.#written), (error) => done(error ?? null, left));
    } else {
      write(this.#fd!, chunk, this.#written, done);
    }
  }

  #fail(error: NodeJS.ErrnoException): void {
    this.#busy = false;
    const isBusy = error.code === 'EAGAIN';
    if (!isBusy) {
      this.#closeFile();
      this.#onTrouble(error, this.#lostLines);
    }
    this.#retryTimer = this.#clock.after(isBusy ? busyRetryMs : retryMs, () => {
      this.#retryTimer = undefined;
      this.#pump();
    });
    this.#settleWaiters();
  }

  /** A line torn by the change of files is written whole into the new one. */
  #rewindToLine(): void {
    this.#reopenWanted = false;
    this.#closeFile();
    if (this.#chunk && this.#written > 0) {
      this.#written = this.#chunk.lastIndexOf(newline, this.#written - 1) + 1;
    }
  }

  #takeLines(): Buffer | undefined {
    if (this.#lines.length === 0) return undefined;
    const text = `${this.#lines.join('\n')}\n`;
    this.#lines = [];
    this.#linesBytes = 0;
    return Buffer.from(text);
  }

  #closeFile(): void {
    if (this.#fd === undefined || this.#path === '-') return;
    if (this.#closed) closeQuietly(this.#fd);
    else close(this.#fd, () => {});
    this.#fd = undefined;
  }

  #settleWaiters(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }
}

function pipedOutput(): NodeJS.WritableStream | undefined {
  try {
    const status = fstatSync(1);
    if (!status.isFIFO() && !status.isSocket()) return undefined;
  } catch {
    // A closed standard output fails with each write, and is counted there.
    return undefined;
  }
  // The write's own callback reports the error; without a listener the event would end the process.
  if (!process.stdout.listeners('error').includes(ignore)) process.stdout.on('error', ignore);
  return process.stdout;
}

function ignore(): void {}

function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Nothing can be done about a file that does not close.
  }
}

function countLines(bytes: Buffer | undefined): number {
  let count = 0;
  if (bytes) for (const byte of bytes) if (byte === newline) count++;
  return count;
}
