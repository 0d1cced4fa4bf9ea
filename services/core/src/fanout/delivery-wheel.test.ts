import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecordingListener } from '../../../../test/fixtures/recording-listener.ts';
import { WheelStage } from '../../../../test/fixtures/wheel-stage.ts';
import { countingFormats } from '../../../../test/support/counting-frames.ts';
import { readCountingFrames } from '../../../../test/support/counting-reader.ts';

const format = countingFormats.mp3Padded;

test('a plain listener hears every frame from its burst on, once and whole', () => {
  const stage = new WheelStage();
  stage.run(20_000);
  const listener = stage.join();
  const head = stage.next;
  stage.run(30_000);
  stage.idle(200);
  const heard = readCountingFrames(listener.received, format);
  assert.equal(heard.last, stage.next - 1);
  assert.equal(heard.count, stage.next - heard.first!);
  assert.deepEqual([heard.tornBytes, heard.zeroBytes, heard.openBytes, heard.doubled], [0, 0, 0, 0]);
  assert.ok(heard.first! < head && listener.writes[0]!.length <= 65_536);
  assert.equal(listener.bytesSent, listener.received.length);
  assert.equal(stage.wheel.stats.bytes, listener.bytesSent);
  assert.equal(stage.wheel.stats.writes, listener.writes.length);
});

test('nobody is taken on board while there is nothing to begin with', () => {
  const stage = new WheelStage();
  assert.equal(stage.wheel.join(new RecordingListener()), false);
  assert.equal(stage.wheel.listenerCount, 0);
  stage.feed(1);
  stage.join();
  assert.equal(stage.wheel.listenerCount, 1);
});

test('the headers of the codec come before the burst', () => {
  const stage = new WheelStage();
  const headers = Buffer.from('codec headers');
  stage.channel.setHeaders(headers, true);
  stage.run(3000);
  const listener = stage.join();
  assert.equal(listener.writes[0], headers);
  assert.equal(readCountingFrames(listener.writes[1]!, format).tornBytes, 0);
});

test('all who are served from one position to one head are written the same buffer', () => {
  const stage = new WheelStage({ period: { minMs: 100, maxMs: 100 } });
  stage.run(8000);
  const plain = Array.from({ length: 50 }, () => stage.join());
  const icy = Array.from({ length: 50 }, () => stage.join(true));
  const made = new Map<string, Uint8Array>();
  let shared = 0;
  for (const listener of [...plain, ...icy]) {
    const [burst] = listener.writes;
    assert.equal(burst, (listener.icy ? icy : plain)[0]!.writes[0]);
    listener.onWrite = (data) => {
      const key = `${listener.icy} ${stage.channel.head} ${data.length}`;
      const first = made.get(key);
      if (!first) made.set(key, data);
      else if (first === data) shared += 1;
      else assert.fail('the same bytes were made twice');
    };
  }
  stage.run(10_000);
  assert.ok(shared > 5000);
});

test('each listener has its turn once per period, whoever comes and leaves', () => {
  const change = fc.record({
    afterTicks: fc.integer({ min: 0, max: 30 }),
    joins: fc.nat({ max: 60 }),
    leaves: fc.nat({ max: 60 }),
  });
  const periods = fc.integer({ min: 50, max: 400 });
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 20 }),
      periods,
      fc.nat(),
      (changes, periodMs, seed) => {
        const stage = new WheelStage({ period: { minMs: periodMs, maxMs: periodMs } });
        stage.feed(4);
        const aboard: RecordingListener[] = [];
        const latestMs = new Map<RecordingListener, number>();
        const run = (ticks: number) => {
          for (let i = 0; i < ticks; i += 1) {
            stage.feed(1);
            stage.clock.advance(stage.tickMs);
            stage.wheel.tick(0);
            const nowMs = stage.clock.monotonicMs();
            for (const listener of aboard) {
              const gapMs = nowMs - latestMs.get(listener)!;
              assert.ok(gapMs <= periodMs + stage.tickMs, `${gapMs} ms without a turn at ${periodMs}`);
            }
          }
        };
        for (const { afterTicks, joins, leaves } of changes) {
          run(afterTicks);
          for (let i = 0; i < leaves && aboard.length > 0; i += 1) {
            const [left] = aboard.splice((seed + i * 7) % aboard.length, 1);
            stage.wheel.leave(left!);
            left!.onWrite = () => assert.fail('one that left was written to');
          }
          for (let i = 0; i < joins; i += 1) {
            const listener = stage.join();
            listener.onWrite = () => latestMs.set(listener, stage.clock.monotonicMs());
            latestMs.set(listener, stage.clock.monotonicMs());
            aboard.push(listener);
          }
          assert.equal(stage.wheel.listenerCount, aboard.length);
        }
        run(30);
      },
    ),
    { numRuns: 40 },
  );
});

test('a crowd that came in one moment is spread over the period', () => {
  const stage = new WheelStage({ period: { minMs: 500, maxMs: 500 } });
  stage.feed(4);
  let turns = 0;
  for (let i = 0; i < 1000; i += 1) stage.join(false, false).onWrite = () => (turns += 1);
  const perTick: number[] = [];
  for (let tick = 0; tick < 100; tick += 1) {
    turns = 0;
    stage.run(stage.tickMs, 1);
    perTick.push(turns);
  }
  assert.ok(Math.max(...perTick) <= 60, `${Math.max(...perTick)} turns in one tick`);
  const total = perTick.reduce((sum, count) => sum + count, 0);
  assert.ok(total >= 4900 && total <= 5100, 'everybody has one turn per period');
});

test('with few listeners nothing waits longer than the shortest period and a tick', () => {
  const stage = new WheelStage();
  stage.run(1000);
  const listener = stage.join();
  for (let i = 0; i < 200; i += 1) {
    stage.idle(200 + (i % 4) * stage.tickMs);
    stage.feed(4);
    const before = stage.clock.monotonicMs();
    let waitedMs = Number.POSITIVE_INFINITY;
    listener.onWrite = () => (waitedMs = stage.clock.monotonicMs() - before);
    stage.idle(200);
    assert.ok(waitedMs <= 50 + stage.tickMs, `${waitedMs} ms`);
  }
});

test('after a stall of the process everybody is served once, at once', () => {
  const stage = new WheelStage({ period: { minMs: 100, maxMs: 100 } });
  stage.run(2000);
  const listeners = Array.from({ length: 20 }, () => stage.join());
  stage.run(1000);
  const before = listeners.map((listener) => listener.writes.length);
  stage.clock.advance(5000);
  stage.feed(10);
  stage.wheel.tick(20);
  assert.deepEqual(
    listeners.map((listener) => listener.writes.length),
    before.map((writes) => writes + 1),
  );
});

test('the period follows the listeners of the whole edge', () => {
  const stage = new WheelStage();
  stage.run(1000);
  stage.join(false, false);
  stage.run(20_000, 4, 10_000);
  assert.equal(stage.wheel.periodMs, 1000);
  stage.run(30_000, 4, 1);
  assert.equal(stage.wheel.periodMs, 50);
});

test('no period is longer than half of what a listener is given when it joins', () => {
  for (const [burstUs, longestMs] of [
    [2_000_000, 1000],
    [800_000, 400],
    [0, 250],
  ] as const) {
    const stage = new WheelStage({ limits: { burstUs }, period: { minMs: 50, maxMs: 2000 } });
    stage.run(3000);
    stage.join(false, false);
    stage.run(30_000, 4, 10_000);
    assert.ok(stage.wheel.periodMs <= longestMs, `${stage.wheel.periodMs} ms at a burst of ${burstUs} us`);
    assert.ok(stage.wheel.periodMs >= longestMs * 0.8);
  }
});

test('a stream of which more than an ordinary write comes in a period is delivered whole', () => {
  const stage = new WheelStage({ period: { minMs: 1000, maxMs: 1000 } });
  stage.feed(40);
  const listener = stage.join();
  for (let i = 0; i < 400; i += 1) {
    stage.feed(40);
    stage.idle(100);
  }
  stage.idle(1100);
  assert.equal(listener.position, stage.channel.head);
  const heard = readCountingFrames(listener.received, format);
  assert.deepEqual([heard.lost, heard.last], [0, stage.next - 1]);
  assert.equal(stage.wheel.stats.skips, 0);
});

test('closing ends everybody once and nobody is served after', () => {
  const stage = new WheelStage();
  stage.run(1000);
  const listeners = Array.from({ length: 3 }, () => stage.join());
  stage.wheel.leave(listeners[1]!);
  stage.wheel.closeAll('mount-ended');
  assert.deepEqual(
    listeners.map((listener) => listener.endedBy),
    ['mount-ended', undefined, 'mount-ended'],
  );
  assert.equal(stage.wheel.listenerCount, 0);
  const writes = stage.wheel.stats.writes;
  stage.run(1000);
  assert.equal(stage.wheel.stats.writes, writes);
});

test('those who stay are served in time when all who were served just now leave', () => {
  const stage = new WheelStage({ period: { minMs: 400, maxMs: 400 } });
  stage.feed(4);
  const latestMs = new Map<RecordingListener, number>();
  for (let i = 0; i < 200; i += 1) {
    const listener = stage.join(false, false);
    listener.onWrite = () => latestMs.set(listener, stage.clock.monotonicMs());
  }
  stage.run(2000, 1);
  for (let round = 0; round < 6; round += 1) {
    const byTurn = [...latestMs].sort(([, a], [, b]) => b - a);
    for (const [listener] of byTurn.slice(0, byTurn.length / 2)) {
      stage.wheel.leave(listener);
      latestMs.delete(listener);
    }
    for (let tick = 0; tick < 30; tick += 1) {
      stage.feed(1);
      stage.idle(stage.tickMs);
      const waitedMs = stage.clock.monotonicMs() - Math.min(...latestMs.values());
      assert.ok(waitedMs <= 400 + stage.tickMs, `${waitedMs} ms without a turn`);
    }
  }
});

test('a crowd that has left leaves no seats behind', () => {
  const stage = new WheelStage();
  stage.feed(4);
  const crowd = Array.from({ length: 3000 }, () => stage.join(false, false));
  stage.run(1000);
  for (const listener of crowd.slice(1)) stage.wheel.leave(listener);
  stage.run(2000);
  assert.ok(crowd[0]!.seat < 64);
});
