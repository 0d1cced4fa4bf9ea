/**
 * A command in a process group of its own, so that whatever it starts can be ended with it.
 * Its output is kept, bounded: the beginning and the end, which is where the reasons are.
 */
import { type ChildProcess, spawn } from 'node:child_process';

const headBytes = 32 * 1024;
const tailBytes = 64 * 1024;

export type Outcome = {
  /** Exit code, or undefined when a signal ended it or it could not be started. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  readonly output: string;
};

const running = new Set<ChildProcess>();

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing of the group is left.
  }
}

/** Ends every group at once; for the runner's own end. */
export function killAllGroups(): void {
  for (const child of running) killGroup(child);
}

class BoundedOutput {
  #head = '';
  #tail = '';
  #dropped = false;

  push(text: string): void {
    const room = headBytes - this.#head.length;
    this.#head += text.slice(0, Math.max(room, 0));
    this.#tail += text.slice(Math.max(room, 0));
    if (this.#tail.length > 2 * tailBytes) {
      this.#tail = this.#tail.slice(-tailBytes);
      this.#dropped = true;
    }
  }

  toString(): string {
    return this.#head + (this.#dropped ? '\n[…]\n' : '') + this.#tail;
  }
}

/** Runs a command to its end or to its time limit; nothing of its group is alive afterwards. */
export function runInGroup(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly timeoutMs: number },
): Promise<Outcome> {
  return new Promise((resolve) => {
    const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' };
    delete env['FORCE_COLOR'];
    const child = spawn(program, args, {
      cwd: options.cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    const output = new BoundedOutput();
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
    }
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, options.timeoutMs);

    let ended = false;
    const end = (code: number | null, signal: string | null) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      running.delete(child);
      resolve({ code: code ?? undefined, signal: signal ?? undefined, timedOut, output: output.toString() });
    };
    child.on('error', (error) => {
      output.push(`${error.message}\n`);
      end(null, null);
    });
    child.on('exit', (code, signal) => {
      killGroup(child);
      // A process that left the group may still hold the pipes; it does not hold the runner.
      const patience = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 2_000);
      child.on('close', () => {
        clearTimeout(patience);
        end(code, signal);
      });
    });
  });
}
