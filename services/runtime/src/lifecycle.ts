/**
 * The life of a process: named parts start in order and close in reverse order, each
 * within its deadline. A part that overruns or fails while it closes is logged and passed
 * over, so that the others still close. Starting what fails closes what had started.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Log } from './log.ts';

export type LifecyclePart = {
  readonly name: string;
  readonly start?: () => Promise<void> | void;
  readonly close?: () => Promise<void> | void;
  readonly startDeadlineMs?: number;
  readonly closeDeadlineMs?: number;
};

export type LifecycleOptions = { readonly clock: Clock; readonly log: Log };

const defaultStartDeadlineMs = 30_000;
const defaultCloseDeadlineMs = 5000;

export class Lifecycle {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #parts: LifecyclePart[] = [];
  /** Parts whose start was begun, also one that failed half-way: it may hold something. */
  readonly #begun: LifecyclePart[] = [];
  #starting: Promise<void> | undefined;
  /** The step of a start that is under way: closing waits for it, so that nothing opens behind its back. */
  #startingPart: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: LifecycleOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** True from the moment closing begins. */
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Adds the next part, before the start. */
  add(part: LifecyclePart): void {
    if (this.#starting) throw new Error(`${part.name} was added after the start`);
    this.#parts.push(part);
  }

  /**
   * Starts the parts in the order in which they were added. Idempotent.
   * @throws what a part threw, or LegacyStreamError LS_START_TIMEOUT, LS_CLOSED
   */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Closes what was started, the last first. Idempotent, never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #start(): Promise<void> {
    try {
      for (const part of this.#parts) {
        if (this.#closing) throw new LegacyStreamError('LS_CLOSED', 'closed while it started');
        this.#begun.push(part);
        const deadlineMs = part.startDeadlineMs ?? defaultStartDeadlineMs;
        this.#startingPart = this.#within(deadlineMs, part.start);
        const outcome = await this.#startingPart;
        if (outcome === 'late') {
          throw new LegacyStreamError(
            'LS_START_TIMEOUT',
            `${part.name} did not start within ${deadlineMs} ms`,
          );
        }
        this.#log.debug('part.started', { part: part.name });
      }
      this.#startingPart = undefined;
    } catch (error) {
      this.#startingPart = undefined;
      // Whoever closes in the middle of the start waits for it already.
      if (!this.#closing) await this.close();
      throw error;
    }
  }

  async #close(): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const opening = this.#startingPart;
    if (opening) await this.#within(defaultCloseDeadlineMs, () => opening.then(ignore, ignore));
    for (let part = this.#begun.pop(); part; part = this.#begun.pop()) {
      const deadlineMs = part.closeDeadlineMs ?? defaultCloseDeadlineMs;
      try {
        if ((await this.#within(deadlineMs, part.close)) === 'late') {
          this.#log.warn(
            'part.overran',
            { part: part.name, deadlineMs },
            `${part.name} did not close in time`,
          );
        } else {
          this.#log.debug('part.closed', { part: part.name });
        }
      } catch (error) {
        this.#log.error('part.failed', { part: part.name, error }, `${part.name} failed to close`);
      }
    }
    this.#log.debug('lifecycle.closed', { tookMs: Math.round(this.#clock.monotonicMs() - startMs) });
  }

  /** Runs a step and says whether it ended within its deadline; one that is late goes on unheard. */
  async #within(
    deadlineMs: number,
    step: (() => Promise<void> | void) | undefined,
  ): Promise<'done' | 'late'> {
    if (!step) return 'done';
    // The clock's timers do not keep the process alive, and the step may hold nothing that does.
    const alive = setInterval(() => {}, 0x7fffffff);
    const deadline = Promise.withResolvers<'late'>();
    const timer = this.#clock.after(deadlineMs, () => deadline.resolve('late'));
    try {
      const done = Promise.resolve(step()).then(() => 'done' as const);
      done.catch(() => {});
      return await Promise.race([done, deadline.promise]);
    } finally {
      timer.cancel();
      clearInterval(alive);
    }
  }
}

function ignore(): void {}
