import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { decodeHlsMessage } from '@legacystream/core/hls/hls-message.ts';
import { applyChange, type HlsWindow, nextMsn } from '@legacystream/core/hls/hls-window.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { countingFormats, countingFrame } from '../../../../test/support/counting-frames.ts';
import { HlsOutput, type HlsOutputDeps } from './hls-output.ts';
import { HlsPredecessors } from './hls-predecessors.ts';

const mountId = 'mount';
const lingerMs = 30_000;
const format = countingFormats.mp3At64;
const settings = { container: 'auto', segmentS: 1, partS: 0.5, lowLatency: false, windowS: 8 } as const;

/** The pods of one mount: a store, a bus, and whoever follows. */
class Rig {
  readonly clock = new ManualClock();
  readonly store = new MemoryStateStore({ clock: this.clock });
  /** What followers make of what they are told; every number that was given out, and by whom. */
  readonly given = new Map<number, string[]>();
  followed: HlsWindow | undefined;
  #epoch = this.clock.wallMs();

  pod(store: StateStore = this.store): HlsOutputDeps {
    return {
      bus: { publish: (_, data) => this.#hear(data), subscribe: () => ({ unsubscribe: () => {} }) },
      store,
      clock: this.clock,
      subjects: new Subjects('main'),
      predecessors: new HlsPredecessors(),
      stats: { segments: 0, storeFailures: 0 },
    };
  }

  open(pod: HlsOutputDeps): HlsOutput {
    this.#epoch += 1;
    const output = new HlsOutput(pod, settings, mountId, this.#epoch);
    output.codec('mp3');
    return output;
  }

  /** Audio in real time. */
  async play(output: HlsOutput, seconds: number): Promise<void> {
    for (let i = 0; i < (seconds * 1000) / format.frameMs; i += 1) {
      const data = countingFrame(i, format);
      const durationUs = format.frameMs * 1000;
      output.chunk({ data, durationUs, frameCount: 1, frameBytes: [data.byteLength], syncPoint: true });
      await this.pass(format.frameMs);
    }
  }

  /** Time passes, and whatever waits for a promise goes on meanwhile. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      this.clock.advance(Math.min(50, left));
      await turn();
    }
  }

  #hear(data: Uint8Array): void {
    const { head } = decodeHlsMessage(data)!;
    if (head.type === 'window') this.followed = head.window;
    if (head.type !== 'change') return;
    if (head.epoch === this.followed!.epoch) this.followed = applyChange(this.followed!, head.change);
    if (head.change.type !== 'segment' && head.change.type !== 'gap') return;
    const msn = nextMsn(this.followed!) - 1;
    this.given.set(msn, [...(this.given.get(msn) ?? []), `${head.epoch} ${head.change.type}`]);
  }

  givenBy({ epoch }: HlsOutput): number {
    return [...this.given.values()].flat().filter((use) => use.startsWith(`${epoch} `)).length;
  }

  assertNumbersOnce(): void {
    for (const [msn, uses] of this.given) assert.equal(uses.length, 1, `${msn} is ${uses.join(' and ')}`);
  }
}

describe('the HLS of a mount', () => {
  test('a packager that lingers says nothing once another has read what it wrote', async () => {
    // However the other pod's reading and writing falls between the gaps of this one.
    for (let awayMs = 0; awayMs <= 1_200; awayMs += 50) {
      const rig = new Rig();
      const first = rig.open(rig.pod());
      await rig.play(first, 3.3);
      first.end(lingerMs);
      await rig.pass(awayMs + 1);
      const second = rig.open(rig.pod());
      // It has read; its first audio comes later, and nobody has told the first pod of it.
      await rig.pass(1_500);
      await rig.play(second, 2.5);
      assert.ok(rig.givenBy(second) >= 2, 'the second goes on');
      rig.assertNumbersOnce();
      first.stop();
      second.stop();
    }
  });

  test('a packager whose mount another one has is not heard, though it does not know', async () => {
    const rig = new Rig();
    const first = rig.open(rig.pod());
    await rig.play(first, 2.2);
    const second = rig.open(rig.pod());
    await rig.play(second, 0.2);
    const before = rig.givenBy(first);
    await rig.play(first, 3);
    assert.equal(rig.givenBy(first), before);
    await rig.play(second, 2);
    rig.assertNumbersOnce();
    assert.ok(rig.givenBy(second) > 0);
    second.stop();
  });

  test('a store that does not answer holds nothing up for long, and what it missed is told it later', async () => {
    const rig = new Rig();
    let isSilent = false;
    const pending: (() => void)[] = [];
    const store = new Proxy(rig.store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          if (isSilent) await new Promise<void>((resolve) => pending.push(resolve));
          return value.apply(target, args);
        };
      },
    });
    const output = rig.open(rig.pod(store));
    await rig.play(output, 2.2);
    isSilent = true;
    const before = rig.given.size;
    await rig.play(output, 5.3);
    assert.ok(rig.given.size >= before + 5, `${rig.given.size - before} segments in five seconds`);
    isSilent = false;
    for (const resume of pending) resume();
    await rig.play(output, 2);
    const heir = rig.open(rig.pod());
    await rig.play(heir, 2);
    rig.assertNumbersOnce();
    heir.stop();
  });

  test('a source that comes back again and again leaves nothing behind but its last session', async () => {
    const rig = new Rig();
    const pod = rig.pod();
    const sessions: WeakRef<HlsOutput>[] = [];
    for (let i = 0; i < 6; i += 1) sessions.push(await session(rig, pod));
    await rig.pass(lingerMs + 1_000);
    await rig.pass(1_000);
    collectGarbage();
    const kept = sessions.filter((ref) => ref.deref() !== undefined).length;
    assert.ok(kept <= 2, `${kept} of 6 sessions are kept`);
  });
});

/** In a function of its own, so that nothing of it stays in reach of the test. */
async function session(rig: Rig, pod: HlsOutputDeps): Promise<WeakRef<HlsOutput>> {
  const output = rig.open(pod);
  await rig.play(output, 1.5);
  output.end(lingerMs);
  await rig.pass(300);
  return new WeakRef(output);
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}
