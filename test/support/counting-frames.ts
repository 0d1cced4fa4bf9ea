/**
 * Audio frames that count: each is a frame with a valid header that carries its number and
 * the id of its source, and every byte of it follows from the two. Whoever reads them back
 * from what a listener was sent (counting-reader.ts) sees every frame that was lost,
 * doubled, moved or torn, and whose it was.
 *
 * The MP3 ones are silent and can be played; the AAC ones are as large as frames can be,
 * to fill the buffers of a connection within seconds of audio. No byte after the header can
 * be taken for a header or a tag, and none after the side information is zero.
 */
export type CountingFormat = {
  readonly contentType: string;
  /** All that comes before the label. */
  readonly header: Uint8Array;
  /** Without padding. */
  readonly frameBytes: number;
  readonly frameMs: number;
  /** So many frames of 49 are padded by one byte, as a constant bitrate at 44.1 kHz demands. */
  readonly paddedOf49?: number;
};

export type FrameLabel = { readonly source: number; readonly number: number };

const sourceDigits = 4;
const numberDigits = 8;
/** The upper half of each byte of the label; the lower is a hexadecimal digit. */
const digitMark = 1;
const labelBytes = sourceDigits + numberDigits;
/** In the third byte of an MP3 header. */
const paddingBit = 2;

type Mp3Rate = Pick<CountingFormat, 'frameBytes' | 'frameMs' | 'paddedOf49'>;

/** Stereo; the side information is all zero, so that the frame has no sound and the rest is ours. */
function mp3Format(bitrateIndex: number, sampleRateIndex: 0 | 1, rate: Mp3Rate): CountingFormat {
  const header = new Uint8Array(4 + 32);
  header.set([0xff, 0xfb, (bitrateIndex << 4) | (sampleRateIndex << 2), 0x40]);
  return { contentType: 'audio/mpeg', header, ...rate };
}

function mp3At48kHz(bitrateIndex: number, bitrateKbps: number): CountingFormat {
  return mp3Format(bitrateIndex, 1, { frameBytes: bitrateKbps * 3, frameMs: 24 });
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
  mp3At64: mp3At48kHz(5, 64),
  mp3At128: mp3At48kHz(9, 128),
  mp3At320: mp3At48kHz(14, 320),
  /** 128 kb/s at 44.1 kHz: 144 × 128,000 / 44,100 bytes are 417 and 47/49. */
  mp3Padded: mp3Format(9, 0, { frameBytes: 417, frameMs: 26.122, paddedOf49: 47 }),
  /** 129 kb/s. */
  aacAt128: aacFormat(172),
  /** 768 kB of audio a second. */
  largeAac: aacFormat(8_191),
} as const;

function paddingOf(number: number, { paddedOf49 = 0 }: CountingFormat): number {
  const phase = number % 49;
  return Math.floor(((phase + 1) * paddedOf49) / 49) - Math.floor((phase * paddedOf49) / 49);
}

export function countingFrameBytes(number: number, format: CountingFormat): number {
  return format.frameBytes + paddingOf(number, format);
}

/**
 * @param number 0 … 2^32 − 1
 * @param source 0 … 65535, where a test tells sources apart
 */
export function countingFrame(number: number, format: CountingFormat, source = 0): Buffer {
  const { header } = format;
  const padding = paddingOf(number, format);
  const frame = Buffer.alloc(format.frameBytes + padding, 0x20 | ((source * 7 + number) & 0x1f));
  frame.set(header);
  if (padding > 0) frame[2] = frame[2]! | paddingBit;
  writeDigits(frame, header.length, sourceDigits, source);
  writeDigits(frame, header.length + sourceDigits, numberDigits, number);
  return frame;
}

/** Frames `first` … `first + count - 1` in one piece. */
export function countingFrames(first: number, count: number, format: CountingFormat, source = 0): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => countingFrame(first + i, format, source)));
}

/** What a frame at `at` would say of itself; `open` if the bytes end before that and may begin one. */
export function labelAt(bytes: Buffer, at: number, format: CountingFormat): FrameLabel | 'open' | undefined {
  const { header } = format;
  for (let i = 0; i < header.length && at + i < bytes.length; i += 1) {
    const differing = bytes[at + i]! ^ header[i]!;
    if (differing !== 0 && !(i === 2 && format.paddedOf49 && differing === paddingBit)) return undefined;
  }
  const labelStart = at + header.length;
  const labelEnd = labelStart + labelBytes;
  for (let i = labelStart; i < labelEnd && i < bytes.length; i += 1) {
    if (bytes[i]! >> 4 !== digitMark) return undefined;
  }
  if (labelEnd > bytes.length) return 'open';
  return {
    source: readDigits(bytes, labelStart, sourceDigits),
    number: readDigits(bytes, labelStart + sourceDigits, numberDigits),
  };
}

function writeDigits(frame: Buffer, at: number, digits: number, value: number): void {
  for (let i = 0; i < digits; i += 1) {
    frame[at + i] = (digitMark << 4) | ((value >>> (4 * (digits - 1 - i))) & 0x0f);
  }
}

function readDigits(bytes: Buffer, at: number, digits: number): number {
  let value = 0;
  for (let i = 0; i < digits; i += 1) value = value * 16 + (bytes[at + i]! & 0x0f);
  return value;
}
