import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { advanceFlacCrc16, computeFlacCrc8 } from './flac-crc.ts';

/** The definition of a CRC, bit by bit. */
function referenceCrc(bytes: Uint8Array, width: number, polynomial: number): number {
  let crc = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const top = (crc >> (width - 1)) & 1;
      crc = ((crc << 1) & ((1 << width) - 1)) ^ (top !== ((byte >> bit) & 1) ? polynomial : 0);
    }
  }
  return crc;
}

test('both checksums are those that the definition gives', () => {
  const digits = Buffer.from('123456789');
  assert.equal(computeFlacCrc8(digits, 0, 9), 0xf4);
  assert.equal(advanceFlacCrc16(0, digits, 0, 9), 0xfee8);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      assert.equal(computeFlacCrc8(bytes, 0, bytes.length), referenceCrc(bytes, 8, 0x07));
      assert.equal(advanceFlacCrc16(0, bytes, 0, bytes.length), referenceCrc(bytes, 16, 0x8005));
    }),
  );
});

test('CRC-16 may be taken in any pieces', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(50), (bytes, cut) => {
      const at = Math.min(cut, bytes.length);
      const crc = advanceFlacCrc16(advanceFlacCrc16(0, bytes, 0, at), bytes, at, bytes.length);
      assert.equal(crc, advanceFlacCrc16(0, bytes, 0, bytes.length));
    }),
  );
});
