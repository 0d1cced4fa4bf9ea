import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WheelStage } from '../../../../test/fixtures/wheel-stage.ts';
import { countingFormats } from '../../../../test/support/counting-frames.ts';
import { readCountingFrames } from '../../../../test/support/counting-reader.ts';

const format = countingFormats.mp3Padded;

test('a small audience is served at once, the very same buffer, and nothing twice', () => {
  const stage = new WheelStage();
  stage.run(3000);
  const listeners = [stage.join(), stage.join(), stage.join()];
  assert.equal(stage.wheel.isPrompt, true);
  stage.feed(4);
  stage.wheel.serveAll();
  for (const listener of listeners) {
    assert.equal(listener.writes.length, 2);
    assert.equal(listener.writes[1], listeners[0]!.writes[1]);
  }
  stage.clock.advance(stage.tickMs * 4);
  stage.wheel.tick(listeners.length);
  assert.equal(listeners[0]!.writes.length, 2);
  const heard = readCountingFrames(listeners[0]!.received, format);
  assert.deepEqual([heard.tornBytes, heard.doubled, heard.last], [0, 0, stage.next - 1]);
});

test('nobody is served promptly where nobody listens, nor a large audience', () => {
  const stage = new WheelStage();
  stage.run(3000);
  assert.equal(stage.wheel.isPrompt, false);
  stage.join();
  stage.run(10_000, 4, 5000);
  assert.equal(stage.wheel.isPrompt, false);
});

test('a frozen listener is passed over when all are served, and cut in time', () => {
  const stage = new WheelStage({ slow: { maxStallMs: 2000 } });
  stage.run(3000);
  const [frozen, other] = [stage.join(), stage.join()];
  frozen.frozen = true;
  for (let i = 0; i < 30; i += 1) {
    stage.clock.advance(100);
    stage.feed(4);
    stage.wheel.serveAll();
  }
  assert.equal(frozen.crowdedWrites, 0);
  assert.equal(frozen.endedBy, 'too-slow');
  assert.equal(other.writes.length, 31);
});

test('who is ended is first sent what there is', () => {
  const stage = new WheelStage();
  stage.run(3000);
  const listener = stage.join();
  stage.feed(4);
  stage.wheel.closeAll('shutdown');
  assert.equal(listener.endedBy, 'shutdown');
  assert.equal(readCountingFrames(listener.received, format).last, stage.next - 1);
  assert.equal(stage.wheel.listenerCount, 0);
});
