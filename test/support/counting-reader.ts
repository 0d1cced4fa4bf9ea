/**
 * Reads a stream of counting frames (counting-frames.ts) that is cut anywhere, and keeps
 * count of what is wrong with it.
 */
import {
  type CountingFormat,
  countingFrame,
  countingFrameBytes,
  type FrameLabel,
  labelAt,
} from './counting-frames.ts';

export type HeardFrame = FrameLabel & {
  /** Its first byte's place among the bytes that were read. */
  readonly at: number;
};

/** A place at which the next number is not one more. */
export type CountingGap = { readonly after: number; readonly next: number };

const none = Buffer.alloc(0);

export class CountingReader {
  readonly format: CountingFormat;
  /** Whole frames, in the order in which they were heard. */
  readonly frames: HeardFrame[] = [];
  /** Numbers of the first and of the latest frame. */
  first: number | undefined;
  last: number | undefined;
  count = 0;
  /** Frames that never came between two that did, and the places at which they are missing. */
  lost = 0;
  jumps = 0;
  /** Frames that came again, or out of order. */
  doubled = 0;
  /** Wherever numbers do not follow each other, forward or back; another source is no gap. */
  readonly gaps: CountingGap[] = [];
  /** Bytes, zeroes aside, that belong to no whole frame: torn off one, or foreign. */
  tornBytes = 0;
  /** Those of them that came before the first frame. */
  leadBytes = 0;
  /** Zero bytes outside of frames, as at the start of an ICY stream, and the most of them on end. */
  zeroBytes = 0;
  longestZeroRun = 0;
  #zeroRun = 0;
  #source: number | undefined;
  #highest = -1;
  #at = 0;
  #rest = none;
  readonly #onFrame: ((frame: HeardFrame) => void) | undefined;

  /** @param onFrame told of each frame, instead of its being kept */
  constructor(format: CountingFormat, onFrame?: (frame: HeardFrame) => void) {
    this.format = format;
    this.#onFrame = onFrame;
  }

  get numbers(): number[] {
    return this.frames.map(({ number }) => number);
  }

  /** Bytes of whatever kind that belong to no whole frame. */
  get strayBytes(): number {
    return this.tornBytes + this.zeroBytes;
  }

  /** Bytes at the end that begin a frame; what follows has not come yet. */
  get openBytes(): number {
    return this.#rest.length;
  }

  /** Bytes are read before it returns, never kept. */
  push(bytes: Uint8Array): void {
    const input =
      this.#rest.length > 0
        ? Buffer.concat([this.#rest, bytes])
        : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at < input.length) {
      const step = this.#step(input, at);
      if (step === 0) break;
      at += step;
    }
    this.#at += at;
    this.#rest = Buffer.from(input.subarray(at));
  }

  /** How many bytes were understood at `at`; 0 if more are needed for that. */
  #step(input: Buffer, at: number): number {
    if (input[at] === 0) {
      this.zeroBytes += 1;
      this.#zeroRun += 1;
      this.longestZeroRun = Math.max(this.longestZeroRun, this.#zeroRun);
      return 1;
    }
    const label = labelAt(input, at, this.format);
    if (label === 'open') return 0;
    if (label) {
      const length = countingFrameBytes(label.number, this.format);
      const whole = countingFrame(label.number, this.format, label.source);
      const end = Math.min(at + length, input.length);
      if (input.compare(whole, 0, end - at, at, end) === 0) {
        if (end < at + length) return 0;
        this.#take({ ...label, at: this.#at + at });
        return length;
      }
    }
    this.tornBytes += 1;
    if (this.count === 0) this.leadBytes += 1;
    this.#zeroRun = 0;
    return 1;
  }

  #take(frame: HeardFrame): void {
    const { source, number } = frame;
    if (source === this.#source) this.#follow(number);
    else this.#highest = number;
    this.#source = source;
    this.first ??= number;
    this.last = number;
    this.count += 1;
    this.#zeroRun = 0;
    if (this.#onFrame) this.#onFrame(frame);
    else this.frames.push(frame);
  }

  #follow(number: number): void {
    if (number !== this.last! + 1) this.gaps.push({ after: this.last!, next: number });
    if (number <= this.#highest) {
      this.doubled += 1;
      return;
    }
    if (number > this.#highest + 1) {
      this.lost += number - this.#highest - 1;
      this.jumps += 1;
    }
    this.#highest = number;
  }
}

/** All of it at once. */
export function readCountingFrames(bytes: Uint8Array, format: CountingFormat): CountingReader {
  const reader = new CountingReader(format);
  reader.push(bytes);
  return reader;
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
