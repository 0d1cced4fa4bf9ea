/** A child process of the benchmark, a source or a load client, that takes commands and answers them. */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cleanup } from './cleanup.ts';
import { type Place, spawnPlaced } from './placement.ts';
import type { CommandAnswer } from './worker-commands.ts';

type Waiting = { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void };

const defaultTimeoutMs = 30_000;

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #end: () => Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  private constructor(child: ChildProcess, name: string, cleanup: Cleanup) {
    this.#child = child;
    this.#name = name;
    this.#end = cleanup.addChild(child);
    child.on('message', (message: CommandAnswer) => this.#take(message));
    child.once('error', (error) => this.#fail(error));
    child.once('exit', (code, signal) => this.#fail(new Error(`${name} ended with ${code ?? signal}`)));
  }

  /** @param script beside this file */
  static start(script: string, place: Place, cleanup: Cleanup): WorkerProcess {
    const file = fileURLToPath(new URL(script, import.meta.url));
    const child = spawnPlaced(place, process.execPath, [file], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // Formats of frames hold bytes, which JSON would not keep.
      serialization: 'advanced',
    });
    return new WorkerProcess(child, script, cleanup);
  }

  call<Result>(command: string, argument?: unknown, timeoutMs = defaultTimeoutMs): Promise<Result> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise<Result>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          this.#settle(id, new Error(`${this.#name} did not answer ${command} in ${timeoutMs / 1_000} s`)),
        timeoutMs,
      );
      const done = () => clearTimeout(timer);
      this.#waiting.set(id, {
        resolve: (result) => {
          done();
          resolve(result as Result);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      this.#child.send({ id, command, argument }, (error) => {
        if (error) this.#settle(id, error);
      });
    });
  }

  end(): Promise<void> {
    return this.#end();
  }

  #take({ id, result, error }: CommandAnswer): void {
    this.#settle(id, error === undefined ? undefined : new Error(`${this.#name}: ${error}`), result);
  }

  #settle(id: number, error?: Error, result?: unknown): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(error);
    else waiting?.resolve(result);
  }

  #fail(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id, error);
  }
}
