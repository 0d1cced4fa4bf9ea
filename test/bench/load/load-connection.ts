/**
 * One connection of the load client. All read into the very same buffer, so that what
 * comes is thrown away without a copy or an allocation; only one with a checker looks at it.
 */
import { connect, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { FrameChecker, type FrameCheckerOptions } from './frame-checker.ts';
import { pauseUntilMs, type ReadingHabit } from './reading-habit.ts';

export type ConnectionState =
  | 'connecting'
  | 'on-air'
  | 'refused'
  | 'failed'
  | 'timed-out'
  /** Closed by the server after it was on air. */
  | 'dropped'
  /** Closed by us. */
  | 'left';

export type ConnectionTarget = {
  readonly port: number;
  readonly path: string;
  readonly tls: boolean;
  readonly icy: boolean;
  readonly localAddress: string;
  readonly habit: ReadingHabit;
  /** Absent: what comes is thrown away unseen. */
  readonly check?: Pick<FrameCheckerOptions, 'format' | 'onFrame'>;
};

const sharedBuffer = Buffer.allocUnsafeSlow(256 * 1024);
const maxHeadBytes = 16 * 1024;

export class LoadConnection {
  state: ConnectionState = 'connecting';
  /** Why it failed, or the status line that refused it. */
  reason = '';
  readonly startedMs = performance.now();
  /** From connect() to the first byte of the body. */
  firstByteMs = 0;
  bytes = 0;
  lastReadMs = 0;
  /** Longest time without a byte since {@link mark}. */
  gapMs = 0;
  checker: FrameChecker | undefined;
  /** Reads nothing before this time; 0 while it reads. */
  resumeAtMs = 0;
  readonly #target: ConnectionTarget;
  readonly #socket: Socket;
  readonly #onSettled: (connection: LoadConnection) => void;
  #habit: ReadingHabit;
  #head = '';

  constructor(target: ConnectionTarget, onSettled: (connection: LoadConnection) => void) {
    this.#target = target;
    this.#habit = target.habit;
    this.#onSettled = onSettled;
    const { port, localAddress } = target;
    const onread: OnReadOpts = { buffer: sharedBuffer, callback: (size) => this.#read(size) };
    const place = { host: '127.0.0.1', port, localAddress, onread };
    this.#socket = target.tls ? connectTls({ ...place, rejectUnauthorized: false }) : connect(place);
    const { path, icy } = target;
    this.#socket.once(target.tls ? 'secureConnect' : 'connect', () => {
      const lines = [`GET ${path} HTTP/1.0`, 'Host: 127.0.0.1', 'User-Agent: bench'];
      if (icy) lines.push('Icy-MetaData: 1');
      this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    });
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.reason = error.code ?? error.message;
    });
    this.#socket.once('close', () => this.#closed());
  }

  mark(nowMs: number): void {
    this.gapMs = 0;
    this.lastReadMs = nowMs;
  }

  timeOut(): void {
    this.#settle('timed-out');
    this.#socket.destroy();
  }

  resume(): void {
    this.resumeAtMs = 0;
    this.#socket.resume();
  }

  /** Reads everything from now on. */
  wake(): void {
    this.#habit = { kind: 'all' };
    if (this.state === 'on-air') this.resume();
  }

  leave(): void {
    if (this.state === 'on-air') this.state = 'left';
    else if (this.state === 'connecting') this.#settle('left');
    this.#socket.destroy();
  }

  /** @returns false to be paused */
  #read(size: number): boolean {
    const nowMs = performance.now();
    if (this.state === 'on-air') {
      if (nowMs - this.lastReadMs > this.gapMs) this.gapMs = nowMs - this.lastReadMs;
      this.lastReadMs = nowMs;
      this.bytes += size;
      this.checker?.push(sharedBuffer.subarray(0, size));
    } else if (this.state === 'connecting') this.#readHead(size, nowMs);
    if (this.#habit.kind === 'all' || this.state !== 'on-air') return true;
    this.resumeAtMs = pauseUntilMs(this.#habit, nowMs, this.startedMs, size);
    return this.resumeAtMs === 0;
  }

  #readHead(size: number, nowMs: number): void {
    this.#head += sharedBuffer.toString('latin1', 0, size);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#head.length > maxHeadBytes) this.#refuse('endless head');
      return;
    }
    if (!/^(?:HTTP\/1\.[01]|ICY) 200 /.test(this.#head)) return this.#refuse(this.#head.split('\r\n', 1)[0]!);
    const bodyBytes = this.#head.length - end - 4;
    if (bodyBytes === 0) return;
    const { check, icy } = this.#target;
    if (check) {
      const metaint = Number(/^icy-metaint: *(\d+)/im.exec(this.#head.slice(0, end + 2))?.[1] ?? 0);
      if (icy && metaint === 0) return this.#refuse('no icy-metaint');
      this.checker = new FrameChecker({ ...check, metaint: icy ? metaint : undefined });
      this.checker.push(Buffer.from(this.#head.slice(end + 4), 'latin1'));
    }
    this.#head = '';
    this.bytes = bodyBytes;
    this.firstByteMs = nowMs - this.startedMs;
    this.lastReadMs = nowMs;
    this.#settle('on-air');
  }

  #refuse(reason: string): void {
    this.reason = reason;
    this.#settle('refused');
    this.#socket.destroy();
  }

  #closed(): void {
    if (this.state === 'on-air') this.state = 'dropped';
    this.reason ||= 'closed';
    this.#settle('failed');
  }

  #settle(state: ConnectionState): void {
    if (this.state !== 'connecting') return;
    this.state = state;
    this.#head = '';
    this.#onSettled(this);
  }
}
