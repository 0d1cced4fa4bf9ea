import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forgeElement } from '../../../../test/fixtures/audio/forge-containers.ts';
import { MatroskaBlockClock } from './matroska-block-clock.ts';

const block = (ticks: number) => Uint8Array.of(0x81, (ticks >> 8) & 255, ticks & 255, 0);

test('a block is given the time since the one before it, over clusters too', () => {
  const clock = new MatroskaBlockClock(1000, 20_000);
  const durations = [0, 20, 41].map((ticks) => clock.advanceBlockUs(block(ticks), 0));
  clock.beginCluster(100);
  durations.push(clock.advanceBlockUs(block(-40), 0), clock.advanceBlockUs(block(0), 0));
  assert.deepEqual(durations, [20_000, 20_000, 21_000, 19_000, 40_000]);
});

test('the block in a group counts, and its other fields do not', () => {
  const clock = new MatroskaBlockClock(1000, 0);
  clock.advanceBlockUs(block(0), 0);
  const group = Buffer.concat([forgeElement(0x9b, Uint8Array.of(9)), forgeElement(0xa1, block(30))]);
  assert.equal(clock.advanceGroupUs(group, 0), 30_000);
});

test('small steps back give nothing and are not counted twice; jumps give at most ten seconds', () => {
  const clock = new MatroskaBlockClock(1000, 0);
  const at = (cluster: number, ticks: number) => {
    clock.beginCluster(cluster);
    return clock.advanceBlockUs(block(ticks), 0);
  };
  const durations = [at(0, 100), at(0, 90), at(0, 120), at(90_000, 0), at(0, 50), at(0, 70)];
  assert.deepEqual(durations, [0, 0, 20_000, 10_000_000, 0, 20_000]);
});

test('a block too short for a time gives none', () => {
  assert.equal(new MatroskaBlockClock(1000, 20_000).advanceBlockUs(Uint8Array.of(0x81, 0), 0), 0);
});

test('track numbers of two bytes are passed over', () => {
  const clock = new MatroskaBlockClock(1000, 0);
  clock.advanceBlockUs(block(0), 0);
  assert.equal(clock.advanceBlockUs(Uint8Array.of(0x40, 0x81, 0, 25, 0), 0), 25_000);
});
