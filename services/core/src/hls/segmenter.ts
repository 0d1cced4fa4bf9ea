/**
 * Cuts a track into segments and parts (RFC 8216bis §6.2.1): borders of segments lie on the
 * first sample at or after each multiple of the segment duration on the media timeline, so
 * that renditions of one source are cut alike; parts are whole samples, none longer than the
 * part target. It knows nothing of containers, clocks or sequence numbers.
 */
import type { Sample, TimedTitle } from './track.ts';

export type SegmenterOptions = {
  readonly timescale: number;
  readonly segmentS: number;
  /** Longest part. One sample that is longer is a part by itself. */
  readonly partS: number;
  /** Packed audio has room for titles at the beginning of a segment only: a new title begins one. */
  readonly cutsAtTitles: boolean;
  /** The first segment ends after so many parts: what follows a gap is wanted soon. */
  readonly firstParts?: number;
};

/** A title and the sample before which it was set. */
export type PlacedTitle = { readonly atTicks: number; readonly id: number; readonly title: TimedTitle };

export type CutPart = {
  /** Time of the first sample on the timeline. */
  readonly baseTicks: number;
  readonly samples: readonly Sample[];
  readonly durationTicks: number;
  readonly titles: readonly PlacedTitle[];
  readonly beginsSegment: boolean;
  readonly endsSegment: boolean;
};

/** A title begins a segment only if the one before is so long at least: a flood of titles makes no flood of segments. */
const leastTitledS = 1;

export class Segmenter {
  readonly #options: SegmenterOptions;
  #samples: Sample[] = [];
  #titles: PlacedTitle[] = [];
  #current: { id: number; title: TimedTitle } | undefined;
  #partTicks = 0;
  #baseTicks = 0;
  #segmentStartTicks = 0;
  /** Index of the next border, in segment durations since the timeline began. */
  #border = 1;
  #beginsSegment = true;
  #cutAtNext = false;
  /** Complete parts of the segment under way. */
  #parts = 0;

  /** @param title what is on air as the timeline begins */
  constructor(options: SegmenterOptions, title?: { readonly id: number; readonly title: TimedTitle }) {
    this.#options = options;
    this.#current = title && { ...title };
  }

  /** Where the next sample goes. */
  get headTicks(): number {
    return this.#baseTicks + this.#partTicks;
  }

  /** From the next sample on. */
  setTitle(id: number, title: TimedTitle): void {
    this.#current = { id, title };
    if (this.#options.cutsAtTitles) {
      const sinceS = (this.headTicks - this.#segmentStartTicks) / this.#options.timescale;
      if (sinceS >= leastTitledS) this.#cutAtNext = true;
      return;
    }
    // Only the last of several at one place is ever on air.
    if (this.#titles.at(-1)?.atTicks === this.headTicks) this.#titles.pop();
    if (this.headTicks > this.#segmentStartTicks) this.#place(this.headTicks);
  }

  /** Takes a sample; gives the parts that are complete because of it, at most one. */
  push(sample: Sample): CutPart | undefined {
    const { timescale, segmentS, partS } = this.#options;
    const ends =
      this.headTicks >= this.#border * segmentS * timescale ||
      this.#cutAtNext ||
      this.#isFirstLongEnough(sample);
    let part: CutPart | undefined;
    if (this.#samples.length > 0) {
      if (ends) part = this.#take(true);
      else if (this.#partTicks + sample.durationTicks > partS * timescale) part = this.#take(false);
    }
    if (this.#beginsSegment && this.#samples.length === 0) this.#begin();
    this.#samples.push(sample);
    this.#partTicks += sample.durationTicks;
    return part;
  }

  /** What is left when the timeline ends. */
  end(): CutPart | undefined {
    return this.#samples.length > 0 ? this.#take(true) : undefined;
  }

  /** With the sample the first segment would have more parts than it is to have. */
  #isFirstLongEnough(sample: Sample): boolean {
    const { firstParts, timescale, partS } = this.#options;
    if (firstParts === undefined || this.#segmentStartTicks > 0) return false;
    const isPartFull = this.#partTicks + sample.durationTicks > partS * timescale;
    return isPartFull && this.#parts + 1 >= firstParts;
  }

  #begin(): void {
    const { timescale, segmentS } = this.#options;
    this.#segmentStartTicks = this.headTicks;
    this.#parts = 0;
    this.#cutAtNext = false;
    while (this.#border * segmentS * timescale <= this.headTicks) this.#border += 1;
    this.#titles = [];
    this.#place(this.headTicks);
  }

  #place(atTicks: number): void {
    if (this.#current) this.#titles.push({ atTicks, ...this.#current });
  }

  #take(endsSegment: boolean): CutPart {
    const headTicks = this.headTicks;
    const part = {
      baseTicks: this.#baseTicks,
      samples: this.#samples,
      durationTicks: this.#partTicks,
      titles: this.#titles.filter(({ atTicks }) => atTicks < headTicks),
      beginsSegment: this.#beginsSegment,
      endsSegment,
    };
    // One that was set after the last sample is on air with the next.
    this.#titles = this.#titles.filter(({ atTicks }) => atTicks >= headTicks);
    this.#baseTicks = headTicks;
    this.#partTicks = 0;
    this.#samples = [];
    this.#beginsSegment = endsSegment;
    this.#parts += 1;
    return part;
  }
}
