import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Envelope } from '@legacystream/core/bus/envelope.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import fc from 'fast-check';
import { message } from '../../../test/fixtures/mount-states.ts';
import { ScriptedBus } from '../../../test/fixtures/scripted-bus.ts';
import { AudioSequence, maxHeldBytes, maxHistoryMs, maxHoldMs } from './audio-sequence.ts';

const subject = 'audio.live';
const small = (epoch: number, seq: number) => message(epoch, seq, { payload: Buffer.from([seq & 0xff]) });
const run = (epoch: number, from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => small(epoch, from + i));
const names = (epoch: number, from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => `${epoch}.${from + i}`);

class Reading {
  readonly bus = new ScriptedBus();
  readonly clock = new ManualClock();
  readonly applied: string[] = [];
  catchUps = 0;
  readonly sequence = new AudioSequence(
    this.bus,
    this.clock,
    subject,
    { epoch: 10, historyBytes: 1_000_000, historyMs: 60_000 },
    {
      apply: ({ epoch, seq }: Envelope) => this.applied.push(`${epoch}.${seq}`),
      caughtUp: () => (this.catchUps += 1),
    },
  );

  live(...messages: Uint8Array[]): void {
    for (const data of messages) this.bus.publish(subject, data);
  }

  /** One that is live and has taken seq 1 to `to` of epoch 10; what is told of it from now on is the test's. */
  static async warm(to: number): Promise<Reading> {
    const reading = new Reading();
    await reading.bus.tell(run(10, 1, to));
    assert.equal(reading.sequence.isCaughtUp, true);
    return reading;
  }
}

test('a cold reader holds what is live until the history is there, and begins with the oldest of both', async () => {
  const reading = new Reading();
  reading.live(...run(10, 7, 9));
  assert.deepEqual([reading.applied, reading.sequence.isCaughtUp], [[], false]);
  await reading.bus.tell(run(10, 3, 8));
  assert.deepEqual([reading.applied, reading.catchUps], [names(10, 3, 9), 1]);
  assert.deepEqual(reading.bus.asked, [{ maxBytes: 1_000_000, maxAgeMs: 60_000 }]);
  assert.deepEqual(reading.sequence.stats, { malformed: 0, stale: 0, repaired: 0, lost: 0 });
  assert.equal(reading.clock.pendingTimers, 0);
});

test('a cold reader does without a history that fails, comes late or outgrows what may be held', async () => {
  const failed = new Reading();
  failed.live(...run(10, 7, 8));
  await failed.bus.tell(new Error('away'));
  const late = new Reading();
  late.live(...run(10, 7, 8));
  late.clock.advance(maxHistoryMs);
  await late.bus.tell(run(10, 1, 8));
  const flooded = new Reading();
  const big = Buffer.alloc(500_000);
  for (let seq = 7; seq < 7 + Math.ceil(maxHeldBytes / big.length); seq += 1) {
    flooded.live(message(10, seq, { payload: big }));
  }
  for (const { applied, catchUps, sequence } of [failed, late, flooded]) {
    assert.deepEqual(applied.slice(0, 2), names(10, 7, 8));
    assert.deepEqual([catchUps, sequence.stats.lost], [1, 0]);
  }
});

test('what is missing among all that a cold reader begins with is asked for again', async () => {
  const reading = new Reading();
  reading.live(small(10, 7), small(10, 9));
  reading.clock.advance(maxHistoryMs);
  assert.deepEqual([reading.applied, reading.catchUps], [['10.7'], 0]);
  assert.deepEqual(reading.bus.asked[1], { maxBytes: 1_000_000, maxAgeMs: maxHistoryMs + 2_000 });
  await reading.bus.tell(run(10, 6, 9));
  assert.deepEqual([reading.applied, reading.catchUps], [names(10, 7, 9), 1]);
});

test('a gap is filled from the history at once, asked for no further back than it may lie', async () => {
  const reading = await Reading.warm(5);
  reading.clock.advance(7_000);
  reading.live(small(10, 6));
  reading.clock.advance(500);
  reading.live(small(10, 9), small(10, 10));
  assert.deepEqual(reading.bus.asked.slice(1), [{ maxBytes: 1_000_000, maxAgeMs: 2_500 }]);
  assert.equal(reading.applied.at(-1), '10.6');
  await reading.bus.tell(run(10, 4, 10));
  assert.deepEqual(reading.applied, names(10, 1, 10));
  assert.deepEqual(reading.sequence.stats, { malformed: 0, stale: 0, repaired: 2, lost: 0 });
  assert.equal(reading.clock.pendingTimers, 0);
});

test('a history that does not have it yet is asked again, until it is too late', async () => {
  const reading = await Reading.warm(5);
  reading.live(small(10, 7));
  const askedMs: number[] = [];
  for (let ms = 0, asked = 1; ms < 2_000; ms += 50, reading.clock.advance(50)) {
    if (reading.bus.asked.length > asked) askedMs.push(ms);
    asked = reading.bus.asked.length;
    await reading.bus.tell([]);
    if (ms < maxHoldMs) assert.equal(reading.applied.at(-1), '10.5');
  }
  assert.deepEqual(askedMs, [0, 200, 600, 1_400]);
  assert.deepEqual(reading.applied, [...names(10, 1, 5), '10.7']);
  assert.deepEqual([reading.sequence.stats.lost, reading.sequence.stats.repaired], [1, 0]);
  reading.live(small(10, 6));
  assert.equal(reading.applied.at(-1), '10.7', 'what was given up does not come after all');
  assert.equal(reading.sequence.stats.stale, 1);
  assert.equal(reading.clock.pendingTimers, 0);
});

test('what comes late or is published again fills a gap as well', async () => {
  const reading = await Reading.warm(5);
  reading.live(small(10, 8));
  reading.live(small(10, 7));
  reading.clock.advance(1_000);
  reading.live(...run(10, 2, 6));
  assert.deepEqual(reading.applied, names(10, 1, 8));
  assert.deepEqual(reading.sequence.stats, { malformed: 0, stale: 4, repaired: 2, lost: 0 });
});

test('each gap has its own time, and nothing waits longer for two than for one', async () => {
  const reading = await Reading.warm(1);
  reading.live(small(10, 3));
  reading.clock.advance(1_000);
  reading.live(small(10, 5));
  reading.clock.advance(500);
  assert.equal(reading.applied.at(-1), '10.3');
  reading.clock.advance(999);
  assert.equal(reading.applied.at(-1), '10.3');
  reading.clock.advance(1);
  assert.equal(reading.applied.at(-1), '10.5');
  assert.equal(reading.sequence.stats.lost, 2);
});

test('a gap behind one that has closed is asked for at once', async () => {
  const reading = await Reading.warm(1);
  reading.live(small(10, 3), small(10, 5));
  await reading.bus.tell([]);
  const asked = reading.bus.asked.length;
  reading.live(small(10, 2));
  assert.deepEqual([reading.applied.at(-1), reading.bus.asked.length], ['10.3', asked + 1]);
  await reading.bus.tell(run(10, 1, 5));
  assert.deepEqual([reading.applied, reading.clock.pendingTimers], [names(10, 1, 5), 0]);
});

test('a flood behind a gap is applied when it outgrows what may be held', async () => {
  const reading = await Reading.warm(1);
  const big = Buffer.alloc(500_000);
  for (let seq = 3; seq < 3 + Math.ceil(maxHeldBytes / big.length); seq += 1) {
    reading.live(message(10, seq, { payload: big }));
  }
  assert.deepEqual([reading.applied.length, reading.sequence.stats.lost], [10, 1]);
});

test('a new writer is heard at once, and its predecessor no more', async () => {
  const reading = await Reading.warm(3);
  reading.live(small(11, 1), small(10, 4), small(11, 2));
  assert.deepEqual(reading.applied, [...names(10, 1, 3), '11.1', '11.2']);
  assert.equal(reading.sequence.stats.stale, 1);
});

test('a new writer that is first heard late has its beginning repaired, after the rest of its predecessor', async () => {
  const reading = await Reading.warm(3);
  reading.live(small(11, 3));
  assert.equal(reading.applied.at(-1), '10.3');
  await reading.bus.tell([...run(10, 1, 6), ...run(11, 1, 3)]);
  assert.deepEqual(reading.applied, [...names(10, 1, 6), ...names(11, 1, 3)]);
  assert.equal(reading.sequence.stats.lost, 0);
});

test('a gap of the old writer is closed before the new one is heard, or given up in time', async () => {
  const [closed, givenUp] = [await Reading.warm(3), await Reading.warm(3)];
  for (const reading of [closed, givenUp]) {
    reading.live(small(10, 5), small(11, 1), small(11, 2));
    assert.equal(reading.applied.at(-1), '10.3');
  }
  closed.live(small(10, 4));
  assert.deepEqual(closed.applied, [...names(10, 1, 5), '11.1', '11.2']);
  givenUp.clock.advance(maxHoldMs);
  assert.deepEqual(givenUp.applied, [...names(10, 1, 3), '10.5', '11.1', '11.2']);
  assert.deepEqual([closed.sequence.stats.lost, givenUp.sequence.stats.lost], [0, 1]);
});

test('a bus that never answers is not asked without end', async () => {
  const reading = await Reading.warm(1);
  for (let seq = 3; seq < 300; seq += 2) {
    reading.live(small(10, seq));
    reading.clock.advance(100);
  }
  assert.ok(reading.bus.asked.length <= 5, `${reading.bus.asked.length} times`);
  assert.ok(reading.sequence.stats.lost > 100);
});

test('closing leaves no timer and no subscription, and what comes then is ignored', async () => {
  const [cold, repairing] = [new Reading(), await Reading.warm(1)];
  repairing.live(small(10, 3));
  for (const { sequence, bus, clock } of [cold, repairing]) {
    sequence.close();
    await bus.tell(run(10, 1, 3));
    assert.deepEqual([bus.subscriptions, clock.pendingTimers], [0, 0]);
  }
  assert.deepEqual([cold.applied, repairing.applied], [[], ['10.1']]);
});

/** How a message fares: what becomes of it live, how late it is, whether it is retained. */
type Fate = {
  readonly fate: 'live' | 'lost' | 'twice';
  readonly delayMs: number;
  readonly isRetained: boolean;
  readonly republished: number;
};
const stepMs = 100;

/**
 * Sends two epochs to a reader over a bus that loses, delays, doubles and repeats, then
 * waits. The first message arrives at once, and the end of each epoch arrives: what comes
 * before the first is not missed, and what nobody hears of cannot be found missing.
 * @param historyLagMs until when a message is not in the history yet
 */
async function send(fates: readonly Fate[], half: number, historyLagMs: number): Promise<Reading> {
  const reading = new Reading();
  const { bus, clock } = reading;
  const retained: { readonly data: Uint8Array; readonly atMs: number }[] = [];
  bus.answer = ({ maxAgeMs }) => {
    const nowMs = clock.monotonicMs();
    const fits = (atMs: number) => atMs + historyLagMs <= nowMs && nowMs - atMs <= maxAgeMs;
    return retained.filter(({ atMs }) => fits(atMs)).map(({ data }) => data);
  };
  const sent: Uint8Array[] = [];
  const turn = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      clock.advance(stepMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await bus.tell([]);
  for (const [i, { fate, delayMs, isRetained, republished }] of fates.entries()) {
    const isLastOfEpoch = i === half - 1 || i === fates.length - 1;
    const lateMs = i === 0 ? 0 : delayMs;
    const data = i < half ? small(10, i + 1) : small(11, i - half + 1);
    sent.push(data);
    if (isRetained) retained.push({ data, atMs: clock.monotonicMs() });
    if (i === 0 || isLastOfEpoch || fate !== 'lost') clock.after(lateMs, () => reading.live(data));
    if (fate === 'twice') clock.after(2 * lateMs, () => reading.live(data));
    for (const again of sent.slice(-republished - 1, -1)) {
      // Only what is in the history as well: what was lost for good must stay so.
      if (retained.some((one) => one.data === again)) reading.live(again);
    }
    await turn(isLastOfEpoch ? 4_000 : stepMs);
  }
  return reading;
}

const fates = (isRetained: fc.Arbitrary<boolean>) =>
  fc.array(
    fc.record({
      fate: fc.constantFrom<Fate['fate'][]>('live', 'live', 'lost', 'twice'),
      delayMs: fc.constantFrom(0, 0, 0, 50, 150, 400),
      isRetained,
      republished: fc.constantFrom(0, 0, 0, 0, 3, 10),
    }),
    { minLength: 6, maxLength: 40 },
  );

test('however the bus loses, doubles and reorders, with a whole history everything comes once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fates(fc.constant(true)),
      fc.constantFrom(0, 100, 300),
      fc.integer({ min: 2, max: 4 }),
      async (all, lagMs, half) => {
        const { applied, sequence } = await send(all, half, lagMs);
        assert.deepEqual(applied, [...names(10, 1, half), ...names(11, 1, all.length - half)]);
        assert.equal(sequence.stats.lost, 0);
      },
    ),
    { numRuns: 60 },
  );
});

test('with holes in the history only the holes are missing, and counted', async () => {
  const isRetained = fc.constantFrom(true, true, false);
  await fc.assert(
    fc.asyncProperty(fates(isRetained), fc.integer({ min: 2, max: 4 }), async (all, half) => {
      const { applied, sequence } = await send(all, half, 0);
      const arrives = ({ fate, isRetained }: Fate, i: number) =>
        fate !== 'lost' || isRetained || i === 0 || i === half - 1 || i === all.length - 1;
      const name = (i: number) => (i < half ? `10.${i + 1}` : `11.${i - half + 1}`);
      const expected = all.flatMap((one, i) => (arrives(one, i) ? [name(i)] : []));
      assert.deepEqual(applied, expected);
      assert.equal(sequence.stats.lost, all.length - expected.length);
    }),
    { numRuns: 60 },
  );
});
