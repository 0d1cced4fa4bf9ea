import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeliveryRhythm, defaultRhythmLimits } from './delivery-rhythm.ts';

const { leastSilenceMs, mostSilenceMs, marginMs } = defaultRhythmLimits;

/** Delivers `lumpMs` of audio every `lumpMs`. @returns the time of the last lump */
function deliver(rhythm: DeliveryRhythm, lumpMs: number, lumps: number, fromMs = 0): number {
  let nowMs = fromMs;
  for (let i = 0; i < lumps; i += 1) {
    nowMs += lumpMs;
    rhythm.received(nowMs);
    rhythm.add(lumpMs * 1000);
  }
  return nowMs;
}

test('an encoder that delivers evenly has failed after the least silence', () => {
  const rhythm = new DeliveryRhythm(0);
  const lastMs = deliver(rhythm, 50, 20);
  assert.equal(rhythm.failsInMs(lastMs), leastSilenceMs);
  assert.equal(rhythm.failsInMs(lastMs + leastSilenceMs - 1), 1);
  assert.equal(rhythm.failsInMs(lastMs + leastSilenceMs), 0);
  assert.equal(rhythm.failsInMs(lastMs + 60_000), 0);
});

test('an encoder that delivers a second at once is not late before that second is over', () => {
  const rhythm = new DeliveryRhythm(0);
  const lastMs = deliver(rhythm, 1_000, 5);
  assert.equal(rhythm.failsInMs(lastMs + 1_000), marginMs);
  assert.equal(rhythm.failsInMs(lastMs + 1_000 + marginMs), 0);
});

test('a lump that comes in many pieces is one', () => {
  const rhythm = new DeliveryRhythm(0);
  for (let ms = 1_000; ms < 1_020; ms += 1) {
    rhythm.received(ms);
    rhythm.add(50_000);
  }
  assert.equal(rhythm.failsAfterMs, 1_000 + marginMs);
});

test('a head start does not make an encoder safe for longer than the longest silence, and is forgotten soon', () => {
  const rhythm = new DeliveryRhythm(0);
  rhythm.received(100);
  rhythm.add(30_000_000);
  assert.equal(rhythm.failsAfterMs, mostSilenceMs);
  deliver(rhythm, 50, 4, 100);
  assert.equal(rhythm.failsAfterMs, leastSilenceMs);
});

test('audio of unknown length has failed after the least silence', () => {
  const rhythm = new DeliveryRhythm(0);
  rhythm.received(1_000);
  rhythm.add(0);
  assert.equal(rhythm.failsAfterMs, leastSilenceMs);
});

test('silence during which nobody read is excused', () => {
  const rhythm = new DeliveryRhythm(0);
  rhythm.excuse(5_000);
  assert.equal(rhythm.silentMs(5_000), 0);
  assert.equal(rhythm.failsInMs(5_000), leastSilenceMs);
});
