import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { packedTag, timestamp90k } from './packed-audio.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const owner = Buffer.from('com.apple.streaming.transportStreamTimestamp\0').toString('hex');

test('the tag of a segment is written byte for byte as the reference has it', () => {
  const expected = `4944330400000000003f50524956000000350000${owner}00000000000dbba0`;
  assert.equal(hex(packedTag(900_000, undefined)), expected);
});

test('the timestamp comes first and the title follows it', () => {
  const tag = Buffer.from(packedTag(0, { title: 'T1', artist: 'A1', url: '' }));
  assert.equal(tag.length, 73 + 14 + 14);
  assert.equal(tag[9], 73 + 14 + 14 - 10);
  assert.equal(hex(tag.subarray(10, 14)), '50524956');
  assert.equal(hex(tag.subarray(73)), '5449543200000004000003543100' + '5450453100000004000003413100');
});

test('a timestamp has 33 bits and begins again after them', () => {
  const stamp = (ticks90k: number) => hex(packedTag(ticks90k, undefined).subarray(65));
  assert.equal(stamp(2 ** 33 - 1), '00000001ffffffff');
  assert.equal(stamp(2 ** 33), '0000000000000000');
  assert.equal(stamp(2 ** 33 + 5), '0000000000000005');
});

test('running counts are rounded to the nearest tick, each by itself', () => {
  assert.equal(timestamp90k(0, 44_100), 0);
  assert.equal(timestamp90k(44_100 * 10, 44_100), 900_000);
  assert.equal(timestamp90k(1024, 44_100), 2090);
  assert.equal(timestamp90k(1024 * 1000, 44_100), 2_089_796);
  assert.equal(timestamp90k(1152, 48_000), 2160);
});

test('the clock wraps after 26.5 hours without losing a tick', () => {
  // 2^33 ticks are 4,581,298,449.07 samples, and a sample is 1.875 ticks.
  assert.equal(timestamp90k(4_581_298_448, 48_000), 2 ** 33 - 2);
  assert.equal(timestamp90k(4_581_298_449, 48_000), 0);
  assert.equal(timestamp90k(4_581_298_450, 48_000), 2);
});

test('any count up to 2^53 is as exact as whole numbers are', () => {
  const timescales = fc.constantFrom(7350, 8000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000, 192_000);
  fc.assert(
    fc.property(fc.maxSafeNat(), timescales, (ticks, timescale) => {
      const scale = BigInt(timescale);
      const rounded = (BigInt(ticks) * 180_000n + scale) / (2n * scale);
      assert.equal(BigInt(timestamp90k(ticks, timescale)), rounded % 2n ** 33n);
    }),
    { examples: [[Number.MAX_SAFE_INTEGER, 44_100]] },
  );
});
