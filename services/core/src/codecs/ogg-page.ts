/**
 * Ogg pages (RFC 3533 §6): measured, verified, read and written.
 *
 * Reading looks only at the bytes given and never throws; a page counts as one only
 * if its CRC-32 (polynomial 0x04C11DB7, no reflection, CRC field taken as zero) agrees.
 * Granule positions are signed 64-bit and therefore bigint; −1 means that no packet
 * ends on the page.
 */

/** 27 bytes of header, 255 lacing values, 255 segments of 255 bytes. */
export const maxOggPageBytes = 27 + 255 + 255 * 255;
export const oggPageHeaderBytes = 27;

export const oggFlags = { continued: 1, firstPage: 2, lastPage: 4 } as const;

export type OggPage = {
  /** A sum of `oggFlags`. */
  readonly flags: number;
  readonly granule: bigint;
  readonly serial: number;
  readonly sequence: number;
  /** Lengths of the segments; a value below 255 ends a packet. */
  readonly lacing: Uint8Array;
  readonly body: Uint8Array;
};

const crcTables = makeCrcTables();

/** Table k advances a byte by k further zero bytes, so that four bytes are taken in one step. */
function makeCrcTables(): readonly [Int32Array, Int32Array, Int32Array, Int32Array] {
  const tables = [
    new Int32Array(256),
    new Int32Array(256),
    new Int32Array(256),
    new Int32Array(256),
  ] as const;
  for (let value = 0; value < 256; value++) {
    let crc = value << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    tables[0][value] = crc;
  }
  for (let value = 0; value < 256; value++) {
    let crc = tables[0][value]!;
    for (const table of tables.slice(1)) {
      crc = (crc << 8) ^ tables[0][crc >>> 24]!;
      table[value] = crc;
    }
  }
  return tables;
}

function advanceCrc(crc: number, bytes: Uint8Array, from: number, to: number): number {
  const [t0, t1, t2, t3] = crcTables;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    crc ^= (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    crc = t3[crc >>> 24]! ^ t2[(crc >>> 16) & 255]! ^ t1[(crc >>> 8) & 255]! ^ t0[crc & 255]!;
  }
  for (; at < to; at++) crc = (crc << 8) ^ t0[(crc >>> 24) ^ bytes[at]!]!;
  return crc;
}

/** The checksum of the page that fills `bytes` from `at` to `end`, whatever its CRC field holds. */
export function computeOggCrc(bytes: Uint8Array, at: number, end: number): number {
  const [t0, t1, t2, t3] = crcTables;
  let crc = advanceCrc(0, bytes, at, at + 22);
  // The four bytes of the CRC field count as zero.
  crc = t3[crc >>> 24]! ^ t2[(crc >>> 16) & 255]! ^ t1[(crc >>> 8) & 255]! ^ t0[crc & 255]!;
  return advanceCrc(crc, bytes, at + 26, end) >>> 0;
}

/**
 * The length of the page starting at `at`: 0 if no page can start there; negative if
 * that many bytes must be there before its length can be told.
 */
export function measureOggPage(bytes: Uint8Array, at: number, end: number): number {
  if (!isOggCapture(bytes, at, end)) return 0;
  if (end - at < oggPageHeaderBytes) return -oggPageHeaderBytes;
  if (bytes[at + 4] !== 0 || bytes[at + 5]! > 7) return 0;
  const segments = bytes[at + 26]!;
  const headerBytes = oggPageHeaderBytes + segments;
  if (end - at < headerBytes) return -headerBytes;
  let length = headerBytes;
  for (let index = oggPageHeaderBytes; index < headerBytes; index++) length += bytes[at + index]!;
  return length;
}

/** Whether the bytes at `at` are `OggS`, or as much of it as is there. */
export function isOggCapture(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    bytes[at] === 0x4f &&
    (at + 1 >= end || bytes[at + 1] === 0x67) &&
    (at + 2 >= end || bytes[at + 2] === 0x67) &&
    (at + 3 >= end || bytes[at + 3] === 0x53)
  );
}

/** The CRC field of the page at `at`. */
export function readOggCrc(bytes: Uint8Array, at: number): number {
  const crc = bytes[at + 22]! | (bytes[at + 23]! << 8) | (bytes[at + 24]! << 16) | (bytes[at + 25]! << 24);
  return crc >>> 0;
}

/** The page starting at `at`, if all of it is there and its CRC agrees. Shares the bytes given. */
export function parseOggPage(bytes: Uint8Array, at = 0): OggPage | undefined {
  const length = measureOggPage(bytes, at, bytes.length);
  if (length <= 0 || at + length > bytes.length) return undefined;
  if (computeOggCrc(bytes, at, at + length) !== readOggCrc(bytes, at)) return undefined;
  return readOggPage(bytes, at, length);
}

/** The fields of a page whose length and CRC are already known to be right. Shares the bytes given. */
export function readOggPage(bytes: Uint8Array, at: number, length: number): OggPage {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
  const bodyAt = at + oggPageHeaderBytes + bytes[at + 26]!;
  return {
    flags: bytes[at + 5]!,
    granule: view.getBigInt64(6, true),
    serial: view.getUint32(14, true),
    sequence: view.getUint32(18, true),
    lacing: bytes.subarray(at + oggPageHeaderBytes, bodyAt),
    body: bytes.subarray(bodyAt, at + length),
  };
}

/** The bytes of a page. The lacing must have at most 255 values that add up to the body. */
export function encodeOggPage(page: OggPage): Uint8Array {
  const bodyAt = oggPageHeaderBytes + page.lacing.length;
  const bytes = new Uint8Array(bodyAt + page.body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x4f676753);
  bytes[5] = page.flags;
  view.setBigInt64(6, page.granule, true);
  view.setUint32(14, page.serial, true);
  view.setUint32(18, page.sequence, true);
  bytes[26] = page.lacing.length;
  bytes.set(page.lacing, oggPageHeaderBytes);
  bytes.set(page.body, bodyAt);
  view.setUint32(22, computeOggCrc(bytes, 0, bytes.length), true);
  return bytes;
}
