/**
 * The encoders of a run: counting sources on one mount or on hundreds, paced by the clock.
 * Those of many mounts send at different moments, as encoders do that know nothing of each
 * other. When each frame of the first mount was sent is remembered.
 */
import { CountingSource } from '../support/counting-source.ts';
import { monotonicUs } from './monotonic-time.ts';
import type { SourceRequest, SourceState } from './source-request.ts';
import { serveCommands } from './worker-commands.ts';

const tickMs = 2;
const loginsAtOnce = 20;
const maxStamps = 200_000;

let request: SourceRequest | undefined;
let sources: CountingSource[] = [];
/** Frames that each source has sent in real time since it went on air. */
let sent: number[] = [];
let onAirSinceMs = 0;
let pausedAtMs: number | undefined;
let stamps: [number, number][] = [];
let timer: NodeJS.Timeout | undefined;

async function start(wanted: SourceRequest): Promise<void> {
  if (request) throw new Error('the sources are on air already');
  request = wanted;
  const { port, user, password, mounts, format, headStartMs } = wanted;
  for (let first = 0; first < mounts.length; first += loginsAtOnce) {
    const group = mounts.slice(first, first + loginsAtOnce);
    const logins = group.map((mount) =>
      CountingSource.start({ port, mount, user, password, format, silent: true }),
    );
    sources.push(...(await Promise.all(logins)));
  }
  // As connections are by default: the system may gather small writes.
  for (const { socket } of sources) socket.setNoDelay(false);
  sent = sources.map(() => 0);
  onAirSinceMs = performance.now();
  for (const source of sources) source.sendAhead(Math.floor(headStartMs / format.frameMs));
  timer = setInterval(sendDue, tickMs);
}

function sendDue(): void {
  if (!request || pausedAtMs !== undefined) return;
  const { format, framesPerWrite, speed } = request;
  const writeMs = (format.frameMs * framesPerWrite) / speed;
  const elapsedMs = performance.now() - onAirSinceMs;
  for (let i = 0; i < sources.length; i += 1) {
    const due = Math.floor(elapsedMs / writeMs + i / sources.length) * framesPerWrite;
    const missing = due - sent[i]!;
    if (missing <= 0) continue;
    sent[i] = due;
    const source = sources[i]!;
    if (i === 0) stamp(source.nextNumber, missing);
    source.sendAhead(missing);
  }
}

function stamp(first: number, count: number): void {
  const nowUs = monotonicUs();
  for (let number = first; number < first + count && stamps.length < maxStamps; number += 1) {
    stamps.push([number, nowUs]);
  }
}

function resume(): void {
  if (pausedAtMs === undefined) return;
  onAirSinceMs += performance.now() - pausedAtMs;
  pausedAtMs = undefined;
}

function stop(): void {
  clearInterval(timer);
  for (const source of sources) source.destroy();
  sources = [];
  stamps = [];
  request = undefined;
  pausedAtMs = undefined;
}

serveCommands({
  start,
  pause: () => {
    pausedAtMs ??= performance.now();
  },
  resume,
  stop,
  state: (): SourceState => ({
    onAir: sources.filter(({ socket }) => !socket.destroyed).length,
    // What a server does not take stays with its encoder.
    unsentBytes: sources.reduce((sum, { socket }) => sum + socket.writableLength, 0),
  }),
  takeStamps: () => stamps.splice(0),
});
