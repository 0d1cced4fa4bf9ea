import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeIcy } from '../../../../test/fixtures/heard-icy.ts';
import type { RecordingListener } from '../../../../test/fixtures/recording-listener.ts';
import { WheelStage } from '../../../../test/fixtures/wheel-stage.ts';
import { countingFormats, countingFrameBytes } from '../../../../test/support/counting-frames.ts';
import { CountingReader } from '../../../../test/support/counting-reader.ts';
import { IcyReader } from '../../../../test/support/icy-body.ts';
import { Channel } from './channel.ts';
import { IcyStream } from './icy-stream.ts';

const format = countingFormats.mp3Padded;

test('a listener hears whole frames, the title in force first, and each change in time', () => {
  const stage = new WheelStage();
  stage.title('before');
  stage.run(10_000);
  stage.title('in the burst');
  stage.run(2000);
  const listener = stage.join(true);
  stage.run(10_000);
  stage.title('while on air');
  stage.run(10_000);
  const { audio, blocks, fullBlocks } = judgeIcy(stage, listener);
  assert.equal(audio.lost, 0);
  assert.ok(blocks >= 20 && fullBlocks >= 2 && fullBlocks <= 3);
});

type Step =
  | { readonly kind: 'feed'; readonly frames: number }
  | { readonly kind: 'title' | 'join' | 'freeze' | 'thaw'; readonly which: number }
  | { readonly kind: 'pass'; readonly ticks: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('feed' as const), frames: fc.integer({ min: 1, max: 20 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ticks: fc.integer({ min: 1, max: 12 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('title' as const, 'join' as const, 'freeze' as const, 'thaw' as const),
      which: fc.nat({ max: 30 }),
    }),
  },
);

function play(stage: WheelStage, steps: readonly Step[]): RecordingListener[] {
  const listeners: RecordingListener[] = [];
  stage.feed(3);
  for (const one of steps) {
    if (one.kind === 'feed') stage.feed(one.frames);
    else if (one.kind === 'pass') stage.idle(one.ticks * stage.tickMs);
    else if (one.kind === 'title') stage.title(`Title No ${one.which} – é`);
    else if (one.kind === 'join') listeners.push(stage.join(true));
    else {
      const listener = listeners[one.which % Math.max(1, listeners.length)];
      if (!listener) continue;
      listener.frozen = one.kind === 'freeze';
      if (one.kind === 'thaw') listener.drain();
    }
  }
  for (const listener of listeners) {
    listener.frozen = false;
    listener.drain();
  }
  for (let i = 0; i < 20; i += 1) {
    stage.feed(2);
    stage.idle(100);
  }
  return listeners;
}

test('whatever happens, every listener reads whole frames and the right blocks', () => {
  const metaints = fc.constantFrom(256, 700, 1024, 4000, 16_000);
  let moves = 0;
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 20, maxLength: 200 }),
      metaints,
      fc.boolean(),
      (steps, metaint, isTight) => {
        const stage = new WheelStage({
          metaint,
          limits: isTight ? { ringUs: 3e6, burstUs: 1e6 } : {},
          slow: { maxLagBytes: isTight ? 20_000 : 60_000, maxSkips: 1000 },
        });
        for (const listener of play(stage, steps)) {
          const { audio } = judgeIcy(stage, listener);
          assert.equal(audio.last, stage.next - 1, 'it is at live again');
          assert.equal(listener.crowdedWrites, 0);
          moves += audio.gaps.length;
        }
      },
    ),
    { numRuns: 400 },
  );
  assert.ok(moves > 20, `${moves} moves were tried`);
});

test('more than ten thousand intervals lie exactly on the grid', () => {
  const stage = new WheelStage({ metaint: 256, limits: { ringUs: 10e6 } });
  stage.run(3000);
  const listener = stage.join(true);
  for (let i = 0; i < 60; i += 1) {
    stage.title(`Title ${i}`);
    stage.run(3000);
  }
  const { audio, blocks, fullBlocks } = judgeIcy(stage, listener);
  assert.ok(blocks > 10_000, `${blocks}`);
  assert.equal(audio.lost, 0);
  assert.ok(fullBlocks >= 60 && fullBlocks <= 62);
});

test('the interleaved stream is the same however it is cut', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 3, maxLength: 60 });
  const cuts = fc.uniqueArray(fc.nat({ max: 59 }));
  fc.assert(
    fc.property(lengths, cuts, fc.integer({ min: 256, max: 3000 }), (list, at, metaint) => {
      const channel = new Channel({ ringUs: 60e6, ringBytes: 1e6, burstUs: 5e6, burstBytes: 65_536 });
      const icy = new IcyStream(channel, metaint);
      const edges = [0];
      for (const [i, length] of list.entries()) {
        if (i % 5 === 2) channel.setTitle(`Title ${i}`, '');
        channel.append(Buffer.alloc(length, i + 1), 1000, true);
        edges.push(channel.head);
      }
      const inner = [...new Set(at.map((i) => edges[i % edges.length]!))].sort((a, b) => a - b);
      const stops = [0, ...inner.filter((edge) => edge > 0 && edge < channel.head), channel.head];
      const parts = stops.slice(1).map((to, i) => icy.range(stops[i]!, to, false));
      assert.deepEqual(Buffer.concat(parts), Buffer.from(icy.range(0, channel.head, false)));
      for (const [i, to] of stops.slice(1).entries()) {
        const from = stops[i]!;
        const hasBlock = icy.range(from, to, false).length > to - from;
        assert.equal(icy.crosses(from, to), hasBlock);
      }
    }),
    { numRuns: 100 },
  );
});

test('a stretch without a block is the very audio of the plain listeners', () => {
  const stage = new WheelStage({ metaint: 100_000 });
  stage.run(1000);
  const [plain, icy] = [stage.join(), stage.join(true)];
  stage.run(1000);
  assert.ok(plain.writes.length > 5);
  for (const data of plain.writes.slice(1)) assert.ok(icy.writes.includes(data));
});

test('a title that changes to and fro between two grid points is told as it ends', () => {
  const stage = new WheelStage({ metaint: 4000 });
  stage.title('One');
  stage.feed(20);
  const listener = stage.join(true);
  stage.run(1000);
  stage.title('Two');
  stage.feed(1);
  stage.title('One');
  stage.run(2000);
  judgeIcy(stage, listener);
});

test('a slow listener far behind is told of a title whose change has left the ring', () => {
  const stage = new WheelStage({ metaint: 16_000, limits: { ringUs: 700_000, burstUs: 0 } });
  stage.run(3000);
  const listener = stage.join(true);
  listener.frozen = true;
  stage.run(100);
  stage.title('New');
  stage.run(600);
  listener.frozen = false;
  listener.drain();
  stage.run(3000);
  judgeIcy(stage, listener);
});

for (const metaint of [16_000, 100_000]) {
  test(`one who is moved to live gets less zeroes than a decoder bears, at an interval of ${metaint}`, () => {
    const stage = new WheelStage({ metaint, slow: { maxLagBytes: 150_000, maxSkips: 1000 } });
    stage.run(6000);
    const listener = stage.join(true);
    for (let i = 0; i < 30; i += 1) {
      listener.frozen = true;
      stage.run(10_000 + i * 100);
      listener.frozen = false;
      listener.drain();
      stage.run(3000);
    }
    const audio = new CountingReader(format);
    const decoder = new IcyReader(stage.icy.metaint, (bytes) => audio.push(bytes));
    decoder.push(listener.received);
    assert.equal(stage.wheel.stats.skips, 30);
    assert.equal(audio.gaps.length, 30);
    for (const [i, { number, at }] of audio.frames.entries()) {
      const next = audio.frames[i + 1];
      const zeroes = next ? next.at - at - countingFrameBytes(number, format) : 0;
      assert.ok(zeroes < 1024, `${zeroes} zeroes on end`);
    }
    judgeIcy(stage, listener);
  });
}

test('with frames larger than a decoder bears to miss, a move goes where enough of one is left', () => {
  const frameBytes = 1440;
  const channel = new Channel({ ringUs: 600e6, ringBytes: 1e7, burstUs: 60e6, burstBytes: 65_536 });
  const icy = new IcyStream(channel, 16_000, () => frameBytes);
  for (let i = 0; i < 200; i += 1) channel.append(Buffer.alloc(4 * frameBytes, 1), 100_000, true);
  const entry = channel.burstEntry()!;
  for (let i = 0; i < 100; i += 1) {
    const from = i * 4 * frameBytes;
    const { countFrom, audioFrom } = icy.moveNear(from, entry);
    assert.equal((countFrom - from) % 16_000, 0);
    assert.ok(countFrom >= entry.start && countFrom < channel.head);
    assert.equal(audioFrom % frameBytes, 0);
    assert.ok(audioFrom >= countFrom && audioFrom - countFrom <= 1000, `${audioFrom - countFrom} zeroes`);
  }
});

test('a burst keeps three quarters of its length on the grid, and its zeroes stay below one interval', () => {
  for (const [burstBytes, metaint] of [
    [65_536, 16_000],
    [10_000, 16_000],
    [20_000, 16_000],
    [16_384, 8192],
    [0, 16_000],
  ] as const) {
    const stage = new WheelStage({ metaint, limits: { burstBytes, burstUs: 60e6 } });
    stage.run(10_000);
    for (let i = 0; i < 60; i += 1) {
      stage.run(100);
      const burst = stage.channel.head - stage.channel.burstEntry()!.start;
      const audio = new CountingReader(format);
      new IcyReader(metaint, (bytes) => audio.push(bytes)).push(stage.join(true).received);
      const heard = stage.channel.head - stage.axis[audio.first!]!;
      assert.ok(heard <= burst && heard * 4 >= burst * 3, `${heard} of ${burst}`);
      assert.ok(audio.zeroBytes < metaint);
      assert.equal(audio.last, stage.next - 1);
    }
  }
});
