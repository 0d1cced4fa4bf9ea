import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoxWriter } from './box-writer.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('sizes of nested boxes count everything within', () => {
  const writer = new BoxWriter(100);
  writer.box('moov', () => {
    writer.fullBox('trex', 1, 0x020304, () => writer.u16(0x0506));
    writer.u8(7);
  });
  assert.equal(hex(writer.copy()), '000000176d6f6f76' + '0000000e74726578' + '01020304' + '0506' + '07');
});

test('flags of a full box do not reach into its version, nor the sign bit out of it', () => {
  const writer = new BoxWriter(12);
  writer.end(writer.beginFull('abcd', 0xff, 0xff_ffff));
  assert.equal(hex(writer.finish()), '0000000c61626364ffffffff');
});

test('64-bit fields hold every safe whole number', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const writer = new BoxWriter(8);
      writer.u64(value);
      const bytes = writer.finish();
      assert.equal(new DataView(bytes.buffer).getBigUint64(0), BigInt(value));
    }),
    { examples: [[2 ** 32 - 1], [2 ** 32], [2 ** 33 + 1], [Number.MAX_SAFE_INTEGER]] },
  );
});

test('what fills its room is given without a copy, and nothing less is given as finished', () => {
  const writer = new BoxWriter(3);
  writer.data(Uint8Array.of(1, 2));
  assert.throws(() => writer.finish(), RangeError);
  assert.equal(hex(writer.copy()), '0102');
  writer.u8(3);
  assert.equal(hex(writer.finish()), '010203');
  assert.equal(writer.finish(), writer.finish());
});

test('nothing is written beyond the room', () => {
  const beyond: ((writer: BoxWriter) => void)[] = [
    (writer) => writer.u32(0),
    (writer) => writer.data(new Uint8Array(4)),
    (writer) => writer.zeros(4),
    (writer) => writer.text('abcd'),
    (writer) => writer.begin('abcd'),
  ];
  for (const write of beyond) assert.throws(() => write(new BoxWriter(3)), RangeError);
});
