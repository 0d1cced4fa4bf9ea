/**
 * Judges what one listener is sent, as it comes: takes ICY blocks out where they must
 * stand and reads the counting frames between them. Whatever is lost, doubled, torn or
 * out of its place is counted.
 */
import type { CountingFormat } from '../../support/counting-frames.ts';
import { CountingReader } from '../../support/counting-reader.ts';
import { type IcyBlock, IcyReader } from '../../support/icy-body.ts';

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

const blockText = /^StreamTitle='.*?';(?:StreamUrl='.*?';)?$/s;

export class FrameChecker {
  readonly #frames: CountingReader;
  readonly #icy: IcyReader | undefined;
  #badBlocks = 0;
  #titles = 0;

  constructor({ format, metaint, onFrame }: FrameCheckerOptions) {
    this.#frames = new CountingReader(format, ({ number }) => onFrame?.(number));
    if (metaint === undefined) return;
    this.#icy = new IcyReader(
      metaint,
      (audio) => this.#frames.push(audio),
      (block) => this.#judge(block),
    );
  }

  /** Of this moment. */
  get counts(): CheckCounts {
    const { count, jumps, lost, doubled, tornBytes, leadBytes, zeroBytes } = this.#frames;
    return {
      frames: count,
      jumps,
      lostFrames: lost,
      doubledFrames: doubled,
      tornBytes: tornBytes - leadBytes,
      leadBytes,
      zeroBytes,
      badBlocks: this.#badBlocks,
      titles: this.#titles,
    };
  }

  /** Bytes are read before it returns, never kept. */
  push(body: Uint8Array): void {
    (this.#icy ?? this.#frames).push(body);
  }

  #judge({ bytes, text }: IcyBlock): void {
    if (bytes.length === 1) return;
    if (blockText.test(text)) this.#titles += 1;
    else this.#badBlocks += 1;
  }
}
