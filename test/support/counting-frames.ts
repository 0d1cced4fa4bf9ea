/**
 * Audio frames that count: each is a frame with a valid header that carries its number and
 * differs from its neighbours in nearly every byte. Whoever reads them back from what a
 * listener was sent sees every frame that was lost, doubled, moved or torn.
 *
 * The MP3 ones are silent and can be played; the AAC ones are as large as frames can be,
 * to fill the buffers of a connection within seconds of audio.
 */
export type CountingFormat = {
  readonly contentType: string;
  readonly header: Uint8Array;
  readonly frameBytes: number;
  readonly frameMs: number;
};

const numberBytes = 4;
const noFrame = -1;

/** 48 kHz stereo; the side information is all zero, so that the frame has no sound and the rest is ours. */
function mp3Format(bitrateIndex: number, bitrateKbps: number): CountingFormat {
  const header = new Uint8Array(4 + 32);
  header.set([0xff, 0xfb, (bitrateIndex << 4) | (1 << 2), 0]);
  return { contentType: 'audio/mpeg', header, frameBytes: bitrateKbps * 3, frameMs: 24 };
}

/** ADTS, AAC LC at 96 kHz; what is inside is no audio. */
function aacFormat(frameBytes: number): CountingFormat {
  const header = Uint8Array.of(
    0xff,
    0xf1,
    1 << 6,
    (2 << 6) | (frameBytes >> 11),
    (frameBytes >> 3) & 0xff,
    ((frameBytes & 7) << 5) | 0x1f,
    0xfc,
  );
  return { contentType: 'audio/aac', header, frameBytes, frameMs: 1024 / 96 };
}

export const countingFormats = {
  mp3At64: mp3Format(5, 64),
  mp3At128: mp3Format(9, 128),
  mp3At320: mp3Format(14, 320),
  /** 768 kB of audio a second. */
  largeAac: aacFormat(8_191),
} as const;

export function countingFrame(number: number, format: CountingFormat): Buffer {
  const { header, frameBytes } = format;
  // Values below 0x40 only: nothing in a frame can be taken for the header of another.
  const frame = Buffer.alloc(frameBytes, 0x20 | (number & 0x1f));
  frame.set(header);
  for (let i = 0; i < numberBytes; i += 1) frame[header.length + i] = (number >>> (18 - 6 * i)) & 0x3f;
  return frame;
}

export function countingFrames(first: number, count: number, format: CountingFormat): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => countingFrame(first + i, format)));
}

export type CountedStream = {
  /** Numbers of the whole frames, in order of arrival. */
  readonly numbers: readonly number[];
  /** Where each of them begins. */
  readonly offsets: readonly number[];
  /** Bytes between frames that are zero, as at the start of an ICY stream. */
  readonly zeroBytes: number;
  /** Other bytes outside of whole frames: torn pieces, or something that is no audio. */
  readonly foreignBytes: number;
};

/** Reads frames back; an unfinished one at the end is left out. */
export function readCountingFrames(bytes: Buffer, format: CountingFormat): CountedStream {
  const { frameBytes } = format;
  const numbers: number[] = [];
  const offsets: number[] = [];
  let zeroBytes = 0;
  let foreignBytes = 0;
  let at = 0;
  while (at < bytes.length) {
    const number = bytes[at] === 0xff ? numberAt(bytes, at + format.header.length) : noFrame;
    const frame = number === noFrame ? undefined : countingFrame(number, format);
    const actual = bytes.subarray(at, at + frameBytes);
    if (frame?.subarray(0, actual.length).equals(actual)) {
      if (actual.length < frameBytes) break;
      numbers.push(number);
      offsets.push(at);
      at += frameBytes;
      continue;
    }
    if (bytes.length - at < format.header.length + numberBytes) break;
    if (bytes[at] === 0) zeroBytes += 1;
    else foreignBytes += 1;
    at += 1;
  }
  return { numbers, offsets, zeroBytes, foreignBytes };
}

/** The places where the next number is not one more: `[before, after]`. */
export function countingGaps(numbers: readonly number[]): [before: number, after: number][] {
  const gaps: [number, number][] = [];
  for (let i = 1; i < numbers.length; i += 1) {
    const [before, after] = [numbers[i - 1]!, numbers[i]!];
    if (after !== before + 1) gaps.push([before, after]);
  }
  return gaps;
}

function numberAt(bytes: Buffer, at: number): number {
  if (at + numberBytes > bytes.length) return noFrame;
  let number = 0;
  for (let i = 0; i < numberBytes; i += 1) number = number * 64 + bytes[at + i]!;
  return number;
}
