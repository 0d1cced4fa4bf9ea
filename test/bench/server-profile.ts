/**
 * CPU profiles of our server in the measured windows alone, taken through its inspector.
 * Sampling costs time of its own, so figures of a profiled run are not for comparing.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BenchContext } from './bench-context.ts';
import type { BenchServer } from './servers/bench-server.ts';

type ProfileNode = {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
};
type Profile = {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

const samplingUs = 500;
const answerTimeoutMs = 20_000;
const shownFunctions = 12;

let profiles = 0;

/** Does what is to be profiled; the profile is written where the options ask for one. */
export async function profileDuring<T>(
  bench: BenchContext,
  server: BenchServer,
  action: () => Promise<T>,
): Promise<T> {
  const { profileFolder } = bench.options;
  if (profileFolder === undefined || server.inspectorUrl === undefined) return action();
  const inspector = await Inspector.connect(server.inspectorUrl);
  try {
    await inspector.call('Profiler.enable');
    await inspector.call('Profiler.setSamplingInterval', { interval: samplingUs });
    await inspector.call('Profiler.start');
    const result = await action();
    const { profile } = (await inspector.call('Profiler.stop')) as { profile: Profile };
    await mkdir(profileFolder, { recursive: true });
    profiles += 1;
    const file = join(profileFolder, `window-${profiles}.cpuprofile`);
    await writeFile(file, JSON.stringify(profile));
    bench.say(`${file}:`);
    for (const line of topFunctions(profile)) bench.say(`  ${line}`);
    return result;
  } finally {
    inspector.close();
  }
}

/** The functions with the most time of their own, as shares of the time that was not idle. */
function topFunctions({ nodes, samples, timeDeltas }: Profile): string[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  let total = 0;
  for (const [i, id] of samples.entries()) {
    const timeUs = timeDeltas[i + 1] ?? 0;
    const name = names.get(id) ?? '?';
    if (name === '(idle)') continue;
    times.set(name, (times.get(name) ?? 0) + timeUs);
    total += timeUs;
  }
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, shownFunctions)
    .map(([name, timeUs]) => `${((100 * timeUs) / total).toFixed(2).padStart(6)} % ${name}`);
}

function nameOf({ functionName, url, lineNumber }: ProfileNode['callFrame']): string {
  const place = url === '' ? '' : ` ${basename(url)}:${lineNumber + 1}`;
  return `${functionName || '(anonymous)'}${place}`;
}

/** As much of the inspector's protocol as a profile takes. */
class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (id === undefined) return;
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  static async connect(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true });
      socket.addEventListener('error', () => reject(new Error(`no inspector at ${url}`)), { once: true });
    });
    return new Inspector(socket);
  }

  call(method: string, params: object = {}): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} was not answered`)), answerTimeoutMs);
      this.#waiting.set(id, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  close(): void {
    this.#socket.close();
  }
}
