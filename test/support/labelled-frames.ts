/**
 * MP3 frames that say who sent them: each carries the id of its source and its own number,
 * and every byte of it follows from the two. Whoever reads a stream of them can tell whose
 * frames it holds, in which order, and whether a single byte is out of place.
 *
 * Layer III, 128 kb/s, 48 kHz: 384 bytes and 24 ms a frame, without padding. No byte after
 * the header can be taken for a header or a tag.
 */
export const labelledFrameBytes = 384;
export const labelledFrameMs = 24;

export type FrameLabel = { readonly source: number; readonly number: number };

const header = [0xff, 0xfb, 0x94, 0x40];
const sourceDigits = 4;
const numberDigits = 8;
const labelEnd = header.length + sourceDigits + numberDigits;

/** @param source 0..65535 */
export function labelledFrame(source: number, number: number): Buffer {
  const frame = Buffer.alloc(labelledFrameBytes, 0x20 | ((source * 7 + number) & 0x0f));
  frame.set(header);
  writeDigits(frame, header.length, sourceDigits, source);
  writeDigits(frame, header.length + sourceDigits, numberDigits, number);
  return frame;
}

/** Frames `from` … `from + count - 1` in one piece. */
export function labelledFrames(source: number, from: number, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => labelledFrame(source, from + i)));
}

export type HeardFrames = {
  readonly frames: readonly FrameLabel[];
  /** Bytes that belong to no whole frame. */
  readonly strayBytes: number;
  /** Bytes at the end that begin a frame; what follows has not come yet. */
  readonly openBytes: number;
};

export function readLabelledFrames(bytes: Buffer): HeardFrames {
  const frames: FrameLabel[] = [];
  let strayBytes = 0;
  let at = 0;
  while (at < bytes.length) {
    const rest = bytes.subarray(at, at + labelledFrameBytes);
    const label = rest.length >= labelEnd ? labelOf(rest) : undefined;
    if (rest.length < labelledFrameBytes && beginsFrame(rest, label)) {
      return { frames, strayBytes, openBytes: rest.length };
    }
    if (label && rest.equals(labelledFrame(label.source, label.number))) {
      frames.push(label);
      at += labelledFrameBytes;
    } else {
      strayBytes += 1;
      at += 1;
    }
  }
  return { frames, strayBytes, openBytes: 0 };
}

/** Runs of consecutive frames of one source: `3: 0-41` for all of them in order, one entry more for each jump. */
export function runsOf(frames: readonly FrameLabel[]): string[] {
  const runs: { source: number; first: number; last: number }[] = [];
  for (const { source, number } of frames) {
    const run = runs.at(-1);
    if (run && run.source === source && run.last + 1 === number) run.last = number;
    else runs.push({ source, first: number, last: number });
  }
  return runs.map(({ source, first, last }) => `${source}: ${first}-${last}`);
}

function beginsFrame(part: Buffer, label: FrameLabel | undefined): boolean {
  if (label) return part.equals(labelledFrame(label.source, label.number).subarray(0, part.length));
  return header.every((byte, i) => i >= part.length || part[i] === byte);
}

function labelOf(frame: Buffer): FrameLabel | undefined {
  const source = readDigits(frame, header.length, sourceDigits);
  const number = readDigits(frame, header.length + sourceDigits, numberDigits);
  return source === undefined || number === undefined ? undefined : { source, number };
}

function writeDigits(frame: Buffer, at: number, digits: number, value: number): void {
  for (let i = 0; i < digits; i++) frame[at + i] = 0x10 | ((value >>> (4 * (digits - 1 - i))) & 0x0f);
}

function readDigits(frame: Buffer, at: number, digits: number): number | undefined {
  let value = 0;
  for (let i = 0; i < digits; i++) {
    const byte = frame[at + i]!;
    if (byte >> 4 !== 1) return undefined;
    value = value * 16 + (byte & 0x0f);
  }
  return value;
}
