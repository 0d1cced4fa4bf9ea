/**
 * Recognises the silent first frame that file encoders write about their file: `Xing`
 * and `Info` (Xing's and LAME's, after the side information) and `VBRI` (Fraunhofer's,
 * always 32 bytes after the header).
 */
import { type Mp3Header, mp3HeaderBytes } from './mp3-header.ts';

const xing = 0x58696e67;
const info = 0x496e666f;
const vbri = 0x56425249;
const crcBytes = 2;
const vbriOffset = mp3HeaderBytes + 32;

/** True for a whole frame that holds no sound but facts about a file. */
export function isMp3InfoFrame(header: Mp3Header, data: Uint8Array): boolean {
  const xingOffset = mp3HeaderBytes + header.sideInfoBytes;
  return (
    isXingAt(data, xingOffset) ||
    (header.hasCrc && isXingAt(data, xingOffset + crcBytes)) ||
    (wordAt(data, vbriOffset) === vbri && wordAt(data, vbriOffset + 4) >>> 16 === 1)
  );
}

/** The flags after the name use the low byte only, which tells it from sound that happens to spell it. */
function isXingAt(data: Uint8Array, at: number): boolean {
  const word = wordAt(data, at);
  return (word === xing || word === info) && wordAt(data, at + 4) >>> 8 === 0;
}

/** Big-endian; 0 beyond the end. */
function wordAt(data: Uint8Array, at: number): number {
  if (at + 4 > data.length) return 0;
  return ((data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!) >>> 0;
}
