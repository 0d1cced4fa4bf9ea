import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingListener } from '../../../../test/fixtures/recording-listener.ts';
import { WheelStage } from '../../../../test/fixtures/wheel-stage.ts';
import { countingFormats } from '../../../../test/support/counting-frames.ts';
import { readCountingFrames } from '../../../../test/support/counting-reader.ts';
import { IcyReader } from '../../../../test/support/icy-body.ts';

const format = countingFormats.mp3Padded;
const metaint = 16_000;

/** The audio that a listener was sent, without blocks, and without the lead that was promised. */
function audioOf(listener: RecordingListener, leadBytes: number): Buffer {
  if (!listener.icy) return listener.received.subarray(leadBytes);
  const audio: Uint8Array[] = [];
  new IcyReader(metaint, (piece) => audio.push(piece)).push(listener.received);
  return Buffer.concat(audio).subarray(leadBytes);
}

for (const icy of [false, true]) {
  const kind = icy ? 'an ICY listener' : 'a listener';

  test(`${kind} that goes on anywhere gets the very bytes that follow`, () => {
    const stage = new WheelStage();
    stage.run(10_000);
    const { head } = stage.channel;
    for (const at of [head, head - 1, head - 777, head - 16_000, 16_000, 16_001, stage.channel.tail]) {
      const { leadBytes } = stage.wheel.resumePlace(icy, at);
      const listener = new RecordingListener(icy);
      stage.wheel.resume(listener, at);
      stage.run(4_000);
      const whole = stage.channel.slice(at, listener.position);
      assert.ok(Buffer.compare(audioOf(listener, leadBytes), whole) === 0, `at ${at} of ${head}`);
      assert.equal(listener.position, stage.channel.head);
      if (icy) assert.ok(leadBytes < metaint && (at - leadBytes) % metaint === 0);
      stage.wheel.leave(listener);
    }
  });

  test(`${kind} that joins begins where it is told`, () => {
    const stage = new WheelStage();
    stage.run(10_000);
    stage.channel.setHeaders(Buffer.from(icy ? '' : 'headers'), false);
    stage.run(10_000);
    const { at, leadBytes } = stage.wheel.joinPlace(icy)!;
    const listener = stage.join(icy);
    stage.run(1_000);
    assert.ok(Buffer.compare(audioOf(listener, leadBytes), stage.channel.slice(at, listener.position)) === 0);
  });
}

test('an ICY listener that goes on at the head, on the very grid, gets its first block a whole interval later', () => {
  const measured = new WheelStage();
  measured.run(10_000);
  const interval = measured.channel.head;
  const stage = new WheelStage({ metaint: interval });
  stage.run(10_000);
  const at = stage.channel.head;
  assert.equal(at, interval);
  assert.equal(stage.wheel.resumePlace(true, at).leadBytes, 0);
  stage.title('Artist - Title');
  const listener = new RecordingListener(true);
  stage.wheel.resume(listener, at);
  stage.run(25_000);
  const audio: Uint8Array[] = [];
  const blocks: string[] = [];
  const reader = new IcyReader(
    interval,
    (piece) => audio.push(piece),
    (block) => blocks.push(block.text),
  );
  reader.push(listener.received);
  assert.ok(Buffer.concat(audio).equals(stage.channel.slice(at, listener.position)));
  assert.match(blocks[0] ?? '', /Artist - Title/);
  assert.ok(blocks.length >= 2);
});

test('one that goes on from far back catches up by bounded writes and is not moved to live', () => {
  const stage = new WheelStage({ slow: { maxLagBytes: 100_000 } });
  stage.run(50_000);
  const listener = new RecordingListener();
  stage.wheel.resume(listener, stage.channel.tail + 10);
  stage.run(5_000);
  assert.ok(Math.max(...listener.writes.map(({ length }) => length)) <= 65_536);
  const { lost, doubled, last } = readCountingFrames(listener.received, format);
  assert.deepEqual([lost, doubled, stage.wheel.stats.skips], [0, 0, 0]);
  assert.ok(last! >= stage.next - 16);
  listener.frozen = true;
  stage.run(20_000);
  listener.frozen = false;
  listener.drain();
  stage.run(1_000);
  assert.equal(stage.wheel.stats.skips, 1, 'once live, it may fall behind as little as anybody');
});

test('one that goes on and takes nothing is moved to live when its place has left the ring', () => {
  const stage = new WheelStage({ limits: { ringUs: 10e6 } });
  stage.run(15_000);
  const listener = new RecordingListener();
  stage.wheel.resume(listener, stage.channel.tail);
  listener.frozen = true;
  stage.run(20_000);
  listener.frozen = false;
  listener.drain();
  stage.run(1_000);
  assert.equal(stage.wheel.stats.skips, 1);
  assert.equal(readCountingFrames(listener.received, format).doubled, 0);
});
