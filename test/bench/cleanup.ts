/**
 * Everything that a run started and must not leave behind. What came last goes first;
 * each is undone once, whether its user is done with it or the run is broken off.
 */
import type { ChildProcess } from 'node:child_process';

const killAfterMs = 5_000;

export class Cleanup {
  readonly #undos = new Set<() => Promise<void>>();
  readonly #children = new Set<ChildProcess>();
  #running: Promise<void> | undefined;

  constructor() {
    // The last resort, when there is no time to ask.
    process.on('exit', () => {
      for (const child of this.#children) child.kill('SIGKILL');
    });
  }

  /** @returns what undoes it now */
  add(undo: () => Promise<void> | void): () => Promise<void> {
    const once = async () => {
      if (this.#undos.delete(once)) await undo();
    };
    this.#undos.add(once);
    return once;
  }

  /** Sees to it that a process ends with the run. @returns what ends it now */
  addChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): () => Promise<void> {
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return this.add(() => endProcess(child, signal));
  }

  /** Undoes everything that has not been undone; whoever asks for it twice waits for the same. */
  run(): Promise<void> {
    this.#running ??= this.#undoAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #undoAll(): Promise<void> {
    for (;;) {
      // Something may still be about to start when a run is broken off.
      const last = [...this.#undos].at(-1);
      if (!last) return;
      await last().catch(() => {});
    }
  }
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  // One that was stopped takes no other signal before it goes on.
  child.kill('SIGCONT');
  const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  await ended;
  clearTimeout(timer);
}
