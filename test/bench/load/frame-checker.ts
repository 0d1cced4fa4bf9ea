/**
 * Judges what one listener is sent, as it comes: takes ICY blocks out where they must
 * stand and reads the counting frames between them. Whatever is lost, doubled, torn or
 * out of its place is counted.
 */
import { type CountingFormat, countingFrame } from '../../support/counting-frames.ts';

export type CheckCounts = {
  frames: number;
  /** Places where numbers jump forward, and the frames that are missing there. */
  jumps: number;
  lostFrames: number;
  /** Frames whose number is not above that of the frame before. */
  doubledFrames: number;
  /** Bytes that belong to no whole frame, after the first one. */
  tornBytes: number;
  /** The same before the first frame, where a server may begin in the middle of one. */
  leadBytes: number;
  /** Zeros outside of frames: where an ICY stream begins or is skipped to live. */
  zeroBytes: number;
  /** ICY blocks that are none: the position is wrong. */
  badBlocks: number;
  titles: number;
};

export function noCounts(): CheckCounts {
  return {
    frames: 0,
    jumps: 0,
    lostFrames: 0,
    doubledFrames: 0,
    tornBytes: 0,
    leadBytes: 0,
    zeroBytes: 0,
    badBlocks: 0,
    titles: 0,
  };
}

export function addCounts(to: CheckCounts, more: CheckCounts): void {
  for (const name of Object.keys(to) as (keyof CheckCounts)[]) to[name] += more[name];
}

export function subtractCounts(counts: CheckCounts, less: CheckCounts): CheckCounts {
  const rest = { ...counts };
  for (const name of Object.keys(rest) as (keyof CheckCounts)[]) rest[name] -= less[name];
  return rest;
}

/** `skipped`: the listener was slow on purpose, and frames that it missed are not an error. */
export function isFlawless(counts: CheckCounts, skipped = false): boolean {
  const { frames, lostFrames, doubledFrames, tornBytes, badBlocks } = counts;
  return frames > 0 && (skipped || lostFrames === 0) && doubledFrames + tornBytes + badBlocks === 0;
}

export type FrameCheckerOptions = {
  readonly format: CountingFormat;
  /** Bytes of audio between two blocks, as the server said; undefined without ICY. */
  readonly metaint?: number | undefined;
  /** Told of each frame when its last byte has come. */
  readonly onFrame?: (number: number) => void;
};

const empty = Buffer.alloc(0);
const sync = 0xff;
const numberBytes = 4;
const blockText = /^StreamTitle='.*?';(?:StreamUrl='.*?';)?\0*$/s;

export class FrameChecker {
  readonly counts = noCounts();
  readonly #options: FrameCheckerOptions;
  #lastNumber: number | undefined;
  #rest: Buffer = empty;
  #audioLeft: number;
  /** The block that is being read; undefined within audio. */
  #block: Buffer | undefined;
  #blockFilled = 0;

  constructor(options: FrameCheckerOptions) {
    this.#options = options;
    this.#audioLeft = options.metaint ?? Number.POSITIVE_INFINITY;
  }

  /** Bytes are read before it returns, never kept. */
  push(body: Uint8Array): void {
    let at = 0;
    while (at < body.length) {
      if (this.#block) at += this.#readBlock(this.#block, body.subarray(at));
      else if (this.#audioLeft > 0) {
        const audio = body.subarray(at, at + Math.min(this.#audioLeft, body.length - at));
        this.#audioLeft -= audio.length;
        at += audio.length;
        this.#readAudio(audio);
      } else {
        this.#block = Buffer.alloc(body[at]! * 16);
        this.#blockFilled = 0;
        at += 1;
        if (this.#block.length === 0) this.#endBlock();
      }
    }
  }

  #readBlock(block: Buffer, body: Uint8Array): number {
    const piece = body.subarray(0, block.length - this.#blockFilled);
    block.set(piece, this.#blockFilled);
    this.#blockFilled += piece.length;
    if (this.#blockFilled === block.length) {
      if (blockText.test(block.toString('utf8'))) this.counts.titles += 1;
      else this.counts.badBlocks += 1;
      this.#endBlock();
    }
    return piece.length;
  }

  #endBlock(): void {
    this.#block = undefined;
    this.#audioLeft = this.#options.metaint!;
  }

  #readAudio(audio: Uint8Array): void {
    const { frameBytes } = this.#options.format;
    const bytes = Buffer.concat([this.#rest, audio]);
    let at = 0;
    while (at < bytes.length) {
      if (bytes[at] === sync) {
        if (bytes.length - at < frameBytes) break;
        const number = this.#frameAt(bytes, at);
        if (number !== undefined) {
          this.#note(number);
          at += frameBytes;
          continue;
        }
      }
      if (bytes[at] === 0) this.counts.zeroBytes += 1;
      else if (this.#lastNumber === undefined) this.counts.leadBytes += 1;
      else this.counts.tornBytes += 1;
      at += 1;
    }
    // A copy: what was pushed belongs to its owner again.
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  #frameAt(bytes: Buffer, at: number): number | undefined {
    const { format } = this.#options;
    let number = 0;
    for (let i = 0; i < numberBytes; i += 1) number = number * 64 + bytes[at + format.header.length + i]!;
    const whole = countingFrame(number, format);
    return bytes.compare(whole, 0, whole.length, at, at + whole.length) === 0 ? number : undefined;
  }

  #note(number: number): void {
    const { counts } = this;
    counts.frames += 1;
    const last = this.#lastNumber;
    if (last !== undefined && number <= last) counts.doubledFrames += 1;
    else {
      if (last !== undefined && number > last + 1) {
        counts.jumps += 1;
        counts.lostFrames += number - last - 1;
      }
      this.#lastNumber = number;
    }
    this.#options.onFrame?.(number);
  }
}
