/** The checksums of FLAC frames (RFC 9639 §9.1.8, §9.3), neither reflected nor inverted. */

const crc8Table = makeTable(8, 0x07);
const crc16Tables = makeCrc16Tables();

function makeTable(bits: number, polynomial: number): Uint16Array {
  const table = new Uint16Array(256);
  const top = 1 << (bits - 1);
  const mask = (1 << bits) - 1;
  for (let value = 0; value < 256; value++) {
    let crc = value << (bits - 8);
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & top ? polynomial : 0)) & mask;
    table[value] = crc;
  }
  return table;
}

/** Table k advances a byte by k further zero bytes, so that four bytes are taken in one step. */
function makeCrc16Tables(): readonly [Uint16Array, Uint16Array, Uint16Array, Uint16Array] {
  const first = makeTable(16, 0x8005);
  const next = (table: Uint16Array) => table.map((crc) => (crc << 8) ^ first[crc >> 8]!);
  const second = next(first);
  const third = next(second);
  return [first, second, third, next(third)];
}

/** CRC-8 (polynomial 0x07) of the bytes from `from` to `to`: of a frame header without its last byte. */
export function computeFlacCrc8(bytes: Uint8Array, from: number, to: number): number {
  let crc = 0;
  for (let at = from; at < to; at++) crc = crc8Table[crc ^ bytes[at]!]!;
  return crc;
}

/** Goes on with a CRC-16 (polynomial 0x8005) that began at 0. Over a whole frame with its CRC it gives 0. */
export function advanceFlacCrc16(crc: number, bytes: Uint8Array, from: number, to: number): number {
  const [t0, t1, t2, t3] = crc16Tables;
  let state = crc;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    state =
      t3[(state >> 8) ^ bytes[at]!]! ^
      t2[(state & 255) ^ bytes[at + 1]!]! ^
      t1[bytes[at + 2]!]! ^
      t0[bytes[at + 3]!]!;
  }
  for (; at < to; at++) state = ((state << 8) & 0xffff) ^ t0[(state >> 8) ^ bytes[at]!]!;
  return state;
}
