import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingListener } from '../../../../test/fixtures/recording-listener.ts';
import { WheelStage } from '../../../../test/fixtures/wheel-stage.ts';
import { countingFormats, countingFrames } from '../../../../test/support/counting-frames.ts';
import { readCountingFrames } from '../../../../test/support/counting-reader.ts';

const format = countingFormats.mp3Padded;

test('one that has not taken its last write is never given a second', () => {
  const stage = new WheelStage();
  stage.run(6000);
  const frozen = stage.join();
  frozen.frozen = true;
  stage.run(20_000);
  assert.equal(frozen.writes.length, 2, 'the burst, which was taken, and the one write that was not');
  assert.equal(frozen.crowdedWrites, 0);
  assert.ok(frozen.pendingBytes <= 65_536);
});

test('the frozen never delay the others', () => {
  const heardWith = (frozenCount: number) => {
    const stage = new WheelStage({ period: { minMs: 200, maxMs: 200 } });
    stage.run(6000);
    const listener = stage.join();
    for (let i = 0; i < frozenCount; i += 1) stage.join(i % 2 === 0, false).frozen = true;
    let worstMs = 0;
    let latestMs = stage.clock.monotonicMs();
    listener.onWrite = () => {
      worstMs = Math.max(worstMs, stage.clock.monotonicMs() - latestMs);
      latestMs = stage.clock.monotonicMs();
    };
    stage.run(20_000);
    const { lost, last } = readCountingFrames(listener.received, format);
    assert.equal(lost, 0);
    assert.ok(last! >= stage.next - 16);
    return worstMs;
  };
  assert.ok(heardWith(300) <= heardWith(0) + 25);
});

test('one that takes its bytes again catches up by writes of bounded size, losing nothing', () => {
  const stage = new WheelStage();
  stage.run(6000);
  const listener = stage.join();
  listener.frozen = true;
  stage.run(25_000);
  listener.frozen = false;
  listener.drain();
  const before = listener.writes.length;
  stage.run(1000);
  const caughtUp = listener.writes.slice(before).map((data) => data.length);
  assert.ok(caughtUp.length > 5 && Math.max(...caughtUp) <= 65_536);
  const { lost, doubled, tornBytes } = readCountingFrames(listener.received, format);
  assert.deepEqual([lost, doubled, tornBytes], [0, 0, 0]);
  assert.equal(stage.wheel.stats.skips, 0);
});

test('a piece larger than a write to catch up goes out whole', () => {
  const stage = new WheelStage();
  stage.run(1000);
  const listener = stage.join();
  listener.frozen = true;
  stage.run(500);
  for (let i = 0; i < 3; i += 1) stage.feed(300);
  listener.frozen = false;
  listener.drain();
  stage.idle(1000);
  assert.equal(listener.position, stage.channel.head);
  assert.equal(readCountingFrames(listener.received, format).lost, 0);
});

test('all who are equally far behind are written the same buffer to catch up', () => {
  const stage = new WheelStage();
  stage.run(6000);
  const listeners = Array.from({ length: 20 }, () => stage.join());
  for (const listener of listeners) listener.frozen = true;
  stage.run(100, 1);
  stage.run(15_000);
  for (const listener of listeners) {
    listener.frozen = false;
    listener.drain();
  }
  const made = new Set<Uint8Array>();
  let writes = 0;
  for (const listener of listeners) {
    listener.onWrite = (data) => {
      made.add(data);
      writes += 1;
    };
  }
  stage.idle(100);
  assert.ok(writes >= 20 && made.size <= writes / 5, `${made.size} buffers for ${writes} writes`);
});

test('one that is too far behind goes on near live, on a frame, with a cushion', () => {
  const stage = new WheelStage({ slow: { maxLagBytes: 200_000 } });
  stage.run(6000);
  const listener = stage.join();
  listener.frozen = true;
  stage.run(25_000);
  listener.frozen = false;
  listener.drain();
  const before = listener.writes.length;
  stage.run(50);
  assert.equal(stage.wheel.stats.skips, 1);
  const [write] = listener.writes.slice(before);
  assert.ok(write!.length > 40_000 && write!.length <= 65_536);
  stage.run(5000);
  const { gaps, tornBytes, zeroBytes, last } = readCountingFrames(listener.received, format);
  assert.equal(gaps.length, 1);
  assert.deepEqual([tornBytes, zeroBytes, last! > stage.next - 10], [0, 0, true]);
  // Frames may have a byte of padding.
  const missing = (gaps[0]!.next - gaps[0]!.after - 1) * format.frameBytes;
  const { skippedBytes } = stage.wheel.stats;
  assert.ok(skippedBytes >= missing && skippedBytes < missing * 1.003, `${skippedBytes} of ${missing}`);
});

test('one whose place has left the ring goes on near live, too', () => {
  const stage = new WheelStage({ limits: { ringUs: 8e6 } });
  stage.run(10_000);
  const [plain, icy] = [stage.join(), stage.join(true)];
  for (const listener of [plain, icy]) listener.frozen = true;
  stage.run(20_000);
  assert.ok(plain.position < stage.channel.tail);
  for (const listener of [plain, icy]) {
    listener.frozen = false;
    listener.drain();
  }
  stage.run(2000);
  assert.equal(stage.wheel.stats.skips, 2);
  assert.equal(readCountingFrames(plain.received, format).gaps.length, 1);
  assert.equal(stage.wheel.stats.cuts, 0);
});

test('a bound below the burst skips nobody back in time, and nobody starves', () => {
  const stage = new WheelStage({ slow: { maxLagBytes: 4096 } });
  stage.run(6000);
  const listener = stage.join();
  for (let i = 0; i < 20; i += 1) {
    listener.frozen = true;
    stage.run(800);
    listener.frozen = false;
    listener.drain();
    stage.run(500);
  }
  const { doubled, last } = readCountingFrames(listener.received, format);
  assert.equal(doubled, 0);
  assert.ok(last! > stage.next - 10);
  assert.ok(stage.wheel.stats.skips > 5);
});

test('one who is skipped again and again without catching up is cut off, once', () => {
  const stage = new WheelStage({ slow: { maxLagBytes: 100_000, maxSkips: 3 } });
  stage.run(6000);
  const listener = stage.join();
  listener.frozen = true;
  for (let i = 0; i < 10 && !listener.endedBy; i += 1) {
    stage.run(10_000);
    listener.drain();
  }
  assert.equal(listener.endedBy, 'too-slow');
  stage.run(5000);
  const { skips, cuts } = stage.wheel.stats;
  assert.deepEqual({ skips, cuts, aboard: listener.aboard }, { skips: 3, cuts: 1, aboard: false });
});

test('skips do not add up for one who catches up in between', () => {
  const stage = new WheelStage({ slow: { maxLagBytes: 100_000, maxSkips: 2 } });
  stage.run(6000);
  const listener = stage.join();
  for (let i = 0; i < 6; i += 1) {
    listener.frozen = true;
    stage.run(10_000);
    listener.frozen = false;
    listener.drain();
    stage.run(3000);
  }
  assert.equal(listener.endedBy, undefined);
  assert.equal(stage.wheel.stats.skips, 6);
});

test('one that takes nothing for too long is cut off, once', () => {
  const stage = new WheelStage({ slow: { maxStallMs: 10_000 } });
  stage.run(6000);
  const listener = stage.join();
  listener.frozen = true;
  stage.run(9000);
  assert.equal(listener.endedBy, undefined);
  stage.run(1500);
  assert.equal(listener.endedBy, 'too-slow');
  assert.equal(listener.pendingBytes > 0, true);
  stage.run(60_000);
  assert.equal(stage.wheel.stats.cuts, 1);
});

test('a pause that ends begins a new count of stalled time', () => {
  const stage = new WheelStage({ slow: { maxStallMs: 10_000 } });
  stage.run(6000);
  const listener = stage.join();
  listener.frozen = true;
  for (let i = 0; i < 5; i += 1) {
    stage.run(8000);
    listener.drain();
    stage.run(100);
  }
  assert.equal(listener.endedBy, undefined);
});

test('one whose connection closes while it is cut off disturbs no turn', () => {
  const stage = new WheelStage({ slow: { maxStallMs: 2000 } });
  stage.run(6000);
  class Leaving extends RecordingListener {
    override close(): void {
      stage.wheel.leave(this);
    }
  }
  const leaving = Array.from({ length: 5 }, () => new Leaving());
  const staying = stage.join();
  for (const listener of leaving) {
    stage.wheel.join(listener);
    listener.frozen = true;
  }
  stage.run(10_000);
  assert.equal(stage.wheel.listenerCount, 1);
  assert.equal(stage.wheel.stats.cuts, 5);
  assert.equal(readCountingFrames(staying.received, format).lost, 0);
});

test('where sync points are rare, one who fell behind waits for the next and loses its place no earlier', () => {
  const stage = new WheelStage({ limits: { ringUs: 4e6 }, slow: { maxLagBytes: 20_000 } });
  stage.feed(4);
  const listener = stage.join();
  const append = (frames: number, syncPoint: boolean) => {
    stage.channel.append(countingFrames(stage.next, frames, format), frames * 26_122, syncPoint);
    stage.next += frames;
  };
  listener.frozen = true;
  for (let i = 0; i < 100; i += 1) {
    append(4, false);
    stage.idle(100);
  }
  listener.frozen = false;
  listener.drain();
  const before = listener.writes.length;
  stage.idle(1000);
  assert.equal(listener.writes.length, before, 'it is nowhere');
  append(4, true);
  stage.idle(200);
  assert.equal(listener.position, stage.channel.head);
  assert.equal(readCountingFrames(listener.received, format).tornBytes, 0);
});

test('one who is moved over a change of headers is sent the new ones, and only then', () => {
  const stage = new WheelStage({ slow: { maxLagBytes: 50_000 } });
  const [one, two] = [Buffer.from('first headers'), Buffer.from('other headers')];
  stage.channel.setHeaders(one, true);
  stage.run(6000);
  const listener = stage.join();
  const skip = () => {
    listener.frozen = true;
    stage.run(10_000);
    listener.frozen = false;
    listener.drain();
    const before = listener.writes.length;
    stage.run(500);
    return listener.writes.slice(before);
  };
  assert.ok(!skip().includes(one), 'it has these');
  listener.frozen = true;
  stage.run(500);
  stage.channel.setHeaders(two, true);
  const [first] = skip();
  assert.equal(first, two);
  assert.ok(!skip().includes(two));
  assert.equal(stage.wheel.stats.skips, 3);
});

test('those who catch up from one place lose nothing when the bound of a write changes between them', () => {
  for (let phase = 0; phase < 16; phase += 1) {
    const stage = new WheelStage({
      period: { minMs: 200, maxMs: 200 },
      slow: { maxLagBytes: 1e7 },
      limits: { ringUs: 600e6 },
    });
    stage.run(3000);
    const listeners = [stage.join(), stage.join()];
    for (const listener of listeners) listener.frozen = true;
    stage.feed(1);
    stage.idle(1000);
    for (let i = 0; i < 500; i += 1) stage.feed(10);
    stage.idle(1000);
    for (let i = 0; i < 50; i += 1) stage.feed(10);
    stage.idle(phase * stage.tickMs);
    for (const listener of listeners) {
      listener.frozen = false;
      listener.drain();
    }
    stage.idle(8000);
    for (const listener of listeners) {
      const { lost, doubled, tornBytes, last } = readCountingFrames(listener.received, format);
      assert.deepEqual([lost, doubled, tornBytes, last], [0, 0, 0, stage.next - 1], `phase ${phase}`);
    }
  }
});
