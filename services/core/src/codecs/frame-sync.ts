/**
 * Finds frames in a stream that has nothing but a header before each (MP3, ADTS),
 * and passes over the tags between them.
 *
 * Hunting: a place counts as a frame if the header there is followed, where its length
 * says, by another of the same stream, by a tag, or by the end of the input. Locked:
 * each header that goes on with the same stream is believed at once, so a frame is
 * given out with its last byte and never waits for the next. Where a damaged length
 * field would swallow other frames (when hunting, or when a frame is more than twice
 * as long as any lately) the frames inside are found and taken instead.
 *
 * Every decision is taken from the bytes at a place alone, never from how the input was
 * cut, and needs no more bytes ahead than a {@link ByteWindow} holds.
 */
import { ByteWindow } from './byte-window.ts';
import type { FrameEvent, SplitterEvent, SplitterStats } from './frame-splitter.ts';
import { maxTagBytes, mayBeginTag, tagBytesAt, tagUndecided } from './tag-skipper.ts';

/** What the engine needs of a header; `frameBytes` 0 means that it does not tell the length. */
export type FrameHeader = { readonly frameBytes: number };

/** A header = it is a frame; a number = the index that the bytes must reach first; undefined = it is none. */
export type Verdict<H> = H | number | undefined;

export interface FrameGrammar<H extends FrameHeader> {
  readonly headerBytes: number;
  /**
   * The header at `at`, where `headerBytes` bytes are. With `previous`, only one that
   * goes on with the same stream.
   */
  parse(bytes: Uint8Array, at: number, previous?: H): H | undefined;
  /** Decides on a header that does not tell its length. Costly, so not tried at every place. */
  measure?(bytes: Uint8Array, at: number, end: number, header: H, isFinal: boolean): Verdict<H>;
}

/** Makes the event of a whole frame; undefined where it is not for listeners. */
export type FrameMaker<H> = (header: H, data: Uint8Array) => FrameEvent | undefined;

/** After about so many shorter frames the longest one is forgotten. */
const peakDecayFrames = 128;

/** After failed measurements the next one is at least so far off, growing to the maximum. */
const minMeasureGapBytes = 16;
const maxMeasureGapBytes = 1024;

const madeProgress = 0;

export class FrameSync<H extends FrameHeader> {
  readonly stats: SplitterStats = { frames: 0, skippedBytes: 0, resyncs: 0 };
  readonly #grammar: FrameGrammar<H>;
  readonly #makeFrame: FrameMaker<H>;
  readonly #window = new ByteWindow();
  /** The latest header, while locked. */
  #lock: H | undefined;
  #peakBytes = 0;
  /** A frame was found, and nothing was passed over since. */
  #isSynced = false;
  /** Nothing was passed over since the start, a frame or a tag. */
  #isAtBoundary = true;
  #tagBytesLeft = 0;
  /** Nothing can be decided before the window holds this much. */
  #neededBytes = 0;
  /** Bytes from the start of the window before which no further measurement is made. */
  #measureDebtBytes = 0;
  #measureGapBytes = minMeasureGapBytes;

  constructor(grammar: FrameGrammar<H>, makeFrame: FrameMaker<H>) {
    this.#grammar = grammar;
    this.#makeFrame = makeFrame;
  }

  push(chunk: Uint8Array): SplitterEvent[] {
    const events: SplitterEvent[] = [];
    const window = this.#window;
    let at = 0;
    while (at < chunk.length) {
      if (this.#tagBytesLeft > 0) {
        const count = Math.min(this.#tagBytesLeft, chunk.length - at);
        this.#tagBytesLeft -= count;
        at += count;
      } else {
        at += window.append(chunk, at);
        if (window.length >= this.#neededBytes) this.#drain(events, false);
      }
    }
    return events;
  }

  flush(): SplitterEvent[] {
    const events: SplitterEvent[] = [];
    this.#drain(events, true);
    this.stats.skippedBytes += this.#window.length;
    this.#window.consume(this.#window.length);
    this.#lock = undefined;
    this.#isSynced = false;
    this.#isAtBoundary = true;
    this.#tagBytesLeft = 0;
    this.#neededBytes = 0;
    return events;
  }

  #drain(events: SplitterEvent[], isFinal: boolean): void {
    const window = this.#window;
    for (;;) {
      if (this.#tagBytesLeft > 0) {
        const count = Math.min(this.#tagBytesLeft, window.length);
        this.#tagBytesLeft -= count;
        window.consume(count);
      }
      const needed = this.#lock === undefined ? this.#hunt(isFinal) : this.#advance(events, this.#lock);
      if (needed !== madeProgress) {
        this.#neededBytes = needed - window.start;
        return;
      }
    }
  }

  /** One step while locked: a frame, a tag, or the end of the lock. Returns the end that is needed, or 0. */
  #advance(events: SplitterEvent[], lock: H): number {
    const { bytes, start, end } = this.#window;
    if (start + this.#grammar.headerBytes > end) return start + this.#grammar.headerBytes;
    const header = this.#grammar.parse(bytes, start, lock);
    if (header === undefined || header.frameBytes === 0) {
      const tag = tagBytesAt(bytes, start, end);
      if (tag === tagUndecided) return end + 1;
      if (tag > 0) this.#skipTag(tag);
      else this.#lock = undefined;
      return madeProgress;
    }
    if (start + header.frameBytes > end) return start + header.frameBytes;
    const isLong = header.frameBytes > 2 * this.#peakBytes;
    if (isLong && this.#innerFrameAt(start, header) !== undefined) {
      this.#lock = undefined;
      return madeProgress;
    }
    this.#lock = header;
    this.#peakBytes = Math.max(header.frameBytes, this.#peakBytes * (1 - 1 / peakDecayFrames));
    this.#isSynced = true;
    this.#isAtBoundary = true;
    const frame = this.#makeFrame(header, this.#window.take(header.frameBytes));
    if (frame !== undefined) {
      this.stats.frames++;
      events.push(frame);
    }
    return madeProgress;
  }

  /** Looks for the next frame or tag. Returns the end that is needed, or 0. */
  #hunt(isFinal: boolean): number {
    const { bytes, start, end } = this.#window;
    const { headerBytes } = this.#grammar;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === 0xff) {
        const verdict = at + headerBytes > end ? at + headerBytes : this.#judge(at, isFinal);
        if (verdict === undefined || (isFinal && typeof verdict === 'number')) continue;
        if (typeof verdict === 'object') {
          const inner = this.#innerFrameAt(at, verdict);
          if (inner !== undefined) {
            at = inner - 1;
            continue;
          }
        }
        this.#passOver(at - start);
        if (typeof verdict === 'number') return verdict;
        this.#lockOn(verdict);
        return madeProgress;
      }
      const isBoundary = at === start && this.#isAtBoundary;
      if (!mayBeginTag(byte, isBoundary)) continue;
      const tag = tagBytesAt(bytes, at, end);
      if (tag === 0 || (isFinal && tag === tagUndecided)) continue;
      this.#passOver(at - start);
      if (tag === tagUndecided) return end + 1;
      this.#skipTag(tag);
      return madeProgress;
    }
    this.#passOver(end - start);
    return end + 1;
  }

  /** Whether the 0xFF at `at` begins a frame. */
  #judge(at: number, isFinal: boolean): Verdict<H> {
    const { bytes, start, end } = this.#window;
    const header = this.#grammar.parse(bytes, at);
    if (header === undefined) return undefined;
    if (header.frameBytes > 0) return confirmFrame(this.#grammar, bytes, at, end, header, isFinal);
    if (this.#measureDebtBytes > at - start) return undefined;
    const verdict = this.#grammar.measure?.(bytes, at, end, header, isFinal);
    if (verdict === undefined) {
      this.#measureDebtBytes = at - start + this.#measureGapBytes;
      this.#measureGapBytes = Math.min(2 * this.#measureGapBytes, maxMeasureGapBytes);
    }
    return verdict;
  }

  /**
   * The first frame inside a supposed one, if a second or the very end follows it there.
   * Sound does not look like that: the supposed length is damaged, or points by chance
   * to a later frame.
   */
  #innerFrameAt(at: number, header: H): number | undefined {
    const { bytes } = this.#window;
    const next = at + header.frameBytes;
    const last = next - this.#grammar.headerBytes;
    for (let inner = at + 1; inner <= last; inner++) {
      if (bytes[inner] !== 0xff) continue;
      const innerBytes = this.#grammar.parse(bytes, inner, header)?.frameBytes ?? 0;
      if (innerBytes === 0) continue;
      const second = inner + innerBytes;
      if (second === next || (second <= last && this.#grammar.parse(bytes, second, header) !== undefined))
        return inner;
    }
    return undefined;
  }

  #lockOn(header: H): void {
    this.#lock = header;
    this.#peakBytes = Math.max(header.frameBytes, this.#peakBytes);
    this.#measureDebtBytes = 0;
    this.#measureGapBytes = minMeasureGapBytes;
  }

  #skipTag(tagBytes: number): void {
    this.#tagBytesLeft = Math.min(tagBytes, maxTagBytes);
    this.#isAtBoundary = true;
    this.#measureDebtBytes = 0;
    if (tagBytes > maxTagBytes) this.#lock = undefined;
  }

  #passOver(count: number): void {
    if (count === 0) return;
    this.#window.consume(count);
    this.stats.skippedBytes += count;
    this.#measureDebtBytes = Math.max(0, this.#measureDebtBytes - count);
    if (this.#isSynced) this.stats.resyncs++;
    this.#isSynced = false;
    this.#isAtBoundary = false;
  }
}

/** Decides on a header that tells its length by what stands after the frame. */
export function confirmFrame<H extends FrameHeader>(
  grammar: FrameGrammar<H>,
  bytes: Uint8Array,
  at: number,
  end: number,
  header: H,
  isFinal: boolean,
): Verdict<H> {
  const next = at + header.frameBytes;
  if (isFinal && next === end) return header;
  if (next + grammar.headerBytes > end) return next + grammar.headerBytes;
  if (grammar.parse(bytes, next, header) !== undefined) return header;
  const tag = tagBytesAt(bytes, next, end);
  if (tag === tagUndecided) return end + 1;
  return tag > 0 ? header : undefined;
}
