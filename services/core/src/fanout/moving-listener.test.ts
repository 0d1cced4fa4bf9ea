import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordingListener } from '../../../../test/fixtures/recording-listener.ts';
import { WheelStage } from '../../../../test/fixtures/wheel-stage.ts';
import { countingFormats } from '../../../../test/support/counting-frames.ts';
import { readCountingFrames } from '../../../../test/support/counting-reader.ts';
import { readIcyBody, titlesOf } from '../../../../test/support/icy-body.ts';

const format = countingFormats.mp3Padded;
const metaint = 16_000;
/** Frames of the second channel count from here. */
const second = 100_000;

/** Two channels on the same time. */
class Stages {
  readonly a = new WheelStage();
  readonly b = new WheelStage();

  constructor() {
    this.b.next = second;
  }

  /** In steps, so that neither clock is far ahead of the other. */
  run(ms: number): void {
    for (let passed = 0; passed < ms; passed += 25) {
      this.a.run(25);
      this.b.run(25);
    }
  }

  move(listener: RecordingListener, from = this.a, to = this.b): void {
    to.wheel.admit(listener, from.wheel.release(listener));
  }
}

/** The numbers that were heard of each channel, in the order of the stretches. */
function stretchesOf(numbers: readonly number[]): number[][] {
  const stretches: number[][] = [];
  for (const number of numbers) {
    const last = stretches.at(-1);
    if (last && last[0]! >= second === number >= second) last.push(number);
    else stretches.push([number]);
  }
  return stretches;
}

function assertConsecutive(numbers: readonly number[]): void {
  for (let i = 1; i < numbers.length; i += 1) assert.equal(numbers[i], numbers[i - 1]! + 1);
}

test('a moved listener goes on between two whole frames, as near to live as it was', () => {
  const stages = new Stages();
  stages.run(6000);
  const listener = stages.a.join();
  stages.run(2000);
  const live = stages.b.next;
  stages.move(listener);
  assert.deepEqual([stages.a.wheel.listenerCount, stages.b.wheel.listenerCount], [0, 1]);
  stages.run(2000);
  const { numbers, tornBytes, zeroBytes } = readCountingFrames(listener.received, format);
  assert.deepEqual([tornBytes, zeroBytes], [0, 0]);
  const [before, after, ...more] = stretchesOf(numbers);
  assert.ok(before && after && more.length === 0);
  assertConsecutive(before);
  assertConsecutive(after);
  // One piece of four frames lasts 104 ms, and one turn may have passed.
  assert.ok(Math.abs(after[0]! - live) <= 8, `${after[0]} is near ${live}`);
  assert.ok(after.at(-1)! >= stages.b.next - 8);
  assert.equal(stages.b.wheel.stats.skips, 0);
});

test('the byte count of an ICY listener goes on wherever in an interval it is moved, and it is told the title', () => {
  for (let lateMs = 0; lateMs < 1500; lateMs += 125) {
    const stages = new Stages();
    stages.a.title('First');
    stages.b.title('Second');
    stages.run(6000);
    stages.b.run(lateMs * 3);
    const listener = stages.a.join(true);
    stages.run(2000 + lateMs);
    stages.move(listener);
    stages.run(4000);
    stages.move(listener, stages.b, stages.a);
    stages.run(4000);
    const { audio, blocks } = readIcyBody(listener.received, metaint);
    const { numbers, tornBytes, longestZeroRun } = readCountingFrames(audio, format);
    assert.equal(tornBytes, 0, `moved after ${lateMs} ms`);
    assert.ok(longestZeroRun < metaint);
    const stretches = stretchesOf(numbers);
    assert.equal(stretches.length, 3);
    for (const stretch of stretches) assertConsecutive(stretch);
    assert.deepEqual(titlesOf(blocks), ['First', 'Second', 'First']);
  }
});

test('one that has bytes to take is written nothing more before it has taken them', () => {
  for (const icy of [false, true]) {
    const stages = new Stages();
    stages.run(6000);
    const listener = stages.a.join(icy);
    listener.frozen = true;
    stages.run(1000);
    const writes = listener.writes.length;
    assert.ok(listener.pendingBytes > 0);
    stages.move(listener);
    stages.run(5000);
    assert.equal(listener.writes.length, writes);
    listener.frozen = false;
    listener.drain();
    stages.run(3000);
    assert.equal(listener.crowdedWrites, 0);
    const audio = icy ? readIcyBody(listener.received, metaint).audio : listener.received;
    const { numbers, tornBytes } = readCountingFrames(audio, format);
    assert.equal(tornBytes, 0);
    const [before, after] = stretchesOf(numbers);
    assertConsecutive(before!);
    assertConsecutive(after!);
    // It hears of the second channel what it missed, within the bounds of a move to live.
    assert.ok(after![0]! < stages.b.next - 200, `${after![0]} with ${stages.b.next} at the head`);
  }
});

test('one that never takes its bytes is cut where it was moved to', () => {
  const stages = new Stages();
  stages.run(6000);
  const listener = stages.a.join();
  listener.frozen = true;
  stages.run(10_000);
  stages.move(listener);
  stages.run(25_000);
  assert.equal(listener.endedBy, 'too-slow');
  assert.deepEqual([stages.a.wheel.stats.cuts, stages.b.wheel.stats.cuts], [0, 1]);
  assert.equal(stages.b.wheel.listenerCount, 0);
});

test('where there is nothing to begin with yet, it waits', () => {
  const stages = new Stages();
  stages.a.run(6000);
  const listener = stages.a.join(true);
  const writes = listener.writes.length;
  stages.move(listener);
  stages.b.idle(1000);
  assert.equal(listener.writes.length, writes);
  stages.b.run(1000);
  assert.ok(listener.writes.length > writes);
  assert.equal(listener.position, stages.b.channel.head);
});

test('one that is moved on before its first turn hears nothing of the channel between, and all it missed meanwhile', () => {
  const stages = new Stages();
  const third = new WheelStage();
  third.next = 2 * second;
  // Positions of one channel say nothing about another.
  stages.a.feed(1000);
  stages.run(6000);
  third.run(6000);
  const listener = stages.a.join(true);
  listener.frozen = true;
  stages.run(100);
  third.run(100);
  const missedFrom = third.next;
  stages.move(listener);
  stages.run(3000);
  third.run(3000);
  stages.move(listener, stages.b, third);
  listener.frozen = false;
  listener.drain();
  third.run(3000);
  const { audio } = readIcyBody(listener.received, metaint);
  const { numbers, tornBytes } = readCountingFrames(audio, format);
  assert.equal(tornBytes, 0);
  const [, after] = stretchesOf(numbers);
  assert.ok(after![0]! >= 2 * second);
  // An interval of metadata, which is 38 frames, may have to be passed over.
  assert.ok(Math.abs(after![0]! - missedFrom) <= 45, `${after![0]} is near ${missedFrom}`);
});

test('codec headers of the other channel come before its audio', () => {
  const stages = new Stages();
  const headers = Buffer.from('headers');
  stages.b.channel.setHeaders(headers, false);
  stages.run(3000);
  const listener = stages.a.join();
  const writes = listener.writes.length;
  stages.move(listener);
  stages.b.idle(100);
  assert.deepEqual(listener.writes[writes], headers);
  assert.equal(readCountingFrames(Buffer.from(listener.writes[writes + 1]!), format).strayBytes, 0);
});

test('one that is released when the mount ends still gets what there is', () => {
  const stages = new Stages();
  stages.run(3000);
  const listener = stages.a.join();
  stages.move(listener);
  stages.b.wheel.closeAll('mount-ended');
  assert.equal(listener.endedBy, 'mount-ended');
  assert.ok(readCountingFrames(listener.received, format).last! >= second);
});
