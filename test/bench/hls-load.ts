/** The load client of HLS: a small program in C, since one in Node would be slower than the servers. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { BenchContext } from './bench-context.ts';
import { spawnPlaced } from './placement.ts';

export type HlsLoadKind = 'playlists' | 'segments' | 'mix';

/** Since it began. */
export type HlsLoadCounts = {
  readonly playlists: number;
  readonly segments: number;
  readonly bodyBytes: number;
  /** Answers that were read in full and compared. */
  readonly compared: number;
  readonly failed: number;
  readonly firstFailure: string;
};

export type HlsLoadOptions = {
  readonly port: number;
  readonly connections: number;
  readonly kind: HlsLoadKind;
  /** File with what to ask for; its form is told in hls-load.c. */
  readonly list: string;
};

const source = new URL('load/hls-load.c', import.meta.url);
const answerTimeoutMs = 10_000;

export class HlsLoad {
  readonly #child: ChildProcess;
  readonly #end: () => Promise<void>;
  #answer: ((line: string) => void) | undefined;

  private constructor(child: ChildProcess, end: () => Promise<void>) {
    this.#child = child;
    this.#end = end;
    createInterface(child.stdout!).on('line', (line) => this.#answer?.(line));
    // Whoever asks it hears that it has gone.
    child.stdin!.on('error', () => {});
  }

  /** @throws Error where there is no C compiler */
  static async start(bench: BenchContext, options: HlsLoadOptions): Promise<HlsLoad> {
    const program = await bench.compiled(source);
    if (!program) throw new Error('the load client of hls needs a C compiler');
    const { port, connections, kind, list } = options;
    const child = spawnPlaced('load', program, [String(port), String(connections), kind, list], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return new HlsLoad(child, bench.cleanup.addChild(child));
  }

  /** @throws Error when an answer was not what it had to be */
  async counts(): Promise<HlsLoadCounts> {
    const line = await new Promise<string>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`the load client of hls ${why}`));
      const timer = setTimeout(() => fail('did not answer'), answerTimeoutMs);
      const onExit = () => {
        clearTimeout(timer);
        fail('ended');
      };
      this.#child.once('exit', onExit);
      this.#answer = (told) => {
        clearTimeout(timer);
        this.#child.off('exit', onExit);
        resolve(told);
      };
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return onExit();
      this.#child.stdin!.write('counts\n');
    });
    const counts = JSON.parse(line) as HlsLoadCounts;
    if (counts.failed > 0) throw new Error(`hls: ${counts.failed} requests failed: ${counts.firstFailure}`);
    return counts;
  }

  end(): Promise<void> {
    return this.#end();
  }
}
