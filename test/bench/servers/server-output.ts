/** What a server prints: waited for until it says that it is up, and kept to explain why it is not. */
import type { ChildProcess } from 'node:child_process';

const keptCharacters = 4_000;

export class ServerOutput {
  #text = '';
  #line = '';
  #watch: ((line: string) => void) | undefined;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    }
  }

  /** What `find` finds in the first line that has it. @throws when the process ends or the time does before that */
  waitFor<T>(find: (line: string) => T | undefined, timeoutMs: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#watch = undefined;
        this.#child.off('exit', onExit).off('error', onError);
      };
      const fail = (why: string) => {
        done();
        reject(new Error(`${this.#child.spawnargs.at(-1)} ${why}\n${this.#text}`));
      };
      const onExit = (code: number | null, signal: string | null) => fail(`ended with ${code ?? signal}`);
      const onError = (error: Error) => fail(error.message);
      const timer = setTimeout(() => fail('did not start'), timeoutMs);
      this.#child.once('exit', onExit).once('error', onError);
      this.#watch = (line) => {
        const found = find(line);
        if (found === undefined) return;
        done();
        resolve(found);
      };
    });
  }

  get tail(): string {
    return this.#text;
  }

  #take(text: string): void {
    this.#text = (this.#text + text).slice(-keptCharacters);
    if (!this.#watch) return;
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) this.#watch?.(line);
  }
}
