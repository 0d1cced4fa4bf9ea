/**
 * Makes HLS of one source's track: reads samples, cuts them, writes them in their container
 * and says how the window changes. It has no clock but the one it is handed, and does no I/O:
 * who owns it publishes and stores what it gives.
 *
 * It goes on from the window of whoever packaged the mount before: sequence numbers continue,
 * and its first segment is a discontinuity. Without one it begins at a number that follows the
 * wall clock faster than segments do, so that numbers do not go back even when all is forgotten.
 */
import type { Chunk } from '../sources/chunker.ts';
import {
  applyChange,
  durationOf,
  type HlsChange,
  type HlsProfile,
  type HlsWindow,
  nextMsn,
  type SegmentStart,
} from './hls-window.ts';
import { initSegment } from './init-segment.ts';
import { mediaFragment } from './media-fragment.ts';
import { packedTag, timestamp90k } from './packed-audio.ts';
import { initName } from './resource-name.ts';
import { type CutPart, Segmenter } from './segmenter.ts';
import { forgetSegments, freshNumbers } from './stored-window.ts';
import { codecsAttribute, type HlsContainer, type TimedTitle, type TrackConfig } from './track.ts';
import type { TrackEvent, TrackReader } from './track-reader.ts';

export type PackagerOptions = {
  readonly container: HlsContainer;
  readonly segmentS: number;
  readonly partS: number;
  /** List parts, for players that want to be near the live end. */
  readonly lowLatency: boolean;
  readonly windowS: number;
  readonly epoch: number;
};

export interface PackagerSink {
  /** An initialization section that segments from here on refer to. */
  init(name: string, data: Uint8Array): void;
  /** The window as a whole is another one than before. */
  moved(window: HlsWindow): void;
  /** `window` is that after the change. */
  change(change: HlsChange, payload: Uint8Array, window: HlsWindow): void;
}

const nothing = new Uint8Array(0);
const partsAfterGap = 3;
const noTitle: TimedTitle = { title: '', artist: '', url: '' };
/** How often {@link Packager.idle} is to be called. */
export const idleEveryMs = 200;
/** A source that gave something since is late, but there. */
const stalledMs = 1500;
/**
 * How long a gap is, in segments: hls.js gives a blocked request up after 0.8 target durations
 * and asks again much later, and the source that comes back needs a moment for its first part.
 */
const gapShare = 0.5;
/** Dates follow the wall clock by steps no larger than this a segment, so that they never overlap much. */
const slewMs = 20;
/** A source that is early or late by less is on time. */
const tolerableDriftMs = 250;

export class Packager {
  readonly #options: PackagerOptions;
  readonly #reader: TrackReader;
  readonly #sink: PackagerSink;
  readonly #wallMs: () => number;
  #epoch: number;
  #window: HlsWindow | undefined;
  /** The timeline under way. */
  #config: TrackConfig | undefined;
  #segmenter: Segmenter | undefined;
  #init = '';
  /** The next segment does not go on from the last one. */
  #isBroken: boolean;
  /** Date of the first sample of the segment under way, and that sample. */
  #segmentPdtMs = 0;
  #segmentTicks = 0;
  /** Date of what follows the last complete segment; 0 while there is none. */
  #endPdtMs: number;
  #fragments = 0;
  #title: TimedTitle | undefined;
  #titleId = 0;
  #latestMediaMs: number;
  /** When a gap must stand for time, unless a segment comes before: within 1.5 target durations of the last. */
  #gapDueMs: number;
  #isEnded = false;

  /** @param previous the window that it goes on from; what was being made in it has been completed */
  constructor(
    options: PackagerOptions,
    reader: TrackReader,
    previous: HlsWindow | undefined,
    sink: PackagerSink,
    wallMs: () => number,
  ) {
    this.#options = options;
    this.#reader = reader;
    this.#sink = sink;
    this.#wallMs = wallMs;
    this.#epoch = options.epoch;
    this.#window = previous;
    this.#isBroken = previous !== undefined;
    const last = previous?.segments.at(-1);
    this.#endPdtMs = last ? last.pdtMs + last.durationS * 1000 : 0;
    this.#latestMediaMs = wallMs();
    this.#gapDueMs = this.#latestMediaMs + options.segmentS * 1500 - idleEveryMs;
  }

  get window(): HlsWindow | undefined {
    return this.#window;
  }

  chunk(chunk: Pick<Chunk, 'data' | 'frameBytes'>): void {
    this.#take(this.#reader.chunk(chunk));
  }

  headers(data: Uint8Array, inBand: boolean): void {
    this.#take(this.#reader.headers(data, inBand));
  }

  /** In force from the next sample on. */
  setTitle(title: TimedTitle): void {
    if (isSameTitle(this.#title ?? noTitle, title)) return;
    this.#title = title;
    this.#titleId = (this.#titleId + 1) >>> 0;
    if (!this.#segmenter) return;
    this.#segmenter.setTitle(this.#titleId, title);
    this.#sayTitle(this.#dateOf(this.#segmenter.headTicks));
  }

  /** The same audio goes on under a larger epoch. */
  renumber(epoch: number): void {
    this.#epoch = epoch;
    if (!this.#window) return;
    this.#window = { ...this.#window, epoch, revision: this.#window.revision + 1 };
    this.#sink.moved(this.#window);
  }

  /**
   * Asked every {@link idleEveryMs}: while nothing comes, time is stood for by segments that say so,
   * for players that would take a playlist which stands still for one that has died.
   */
  idle(): void {
    const window = this.#window;
    const nowMs = this.#wallMs();
    if (!window || nowMs < this.#gapDueMs) return;
    if (!this.#isEnded && nowMs - this.#latestMediaMs < stalledMs) return;
    const dueMs = this.#gapDueMs;
    this.#endTimeline();
    if (this.#endPdtMs === 0) this.#endPdtMs = this.#latestMediaMs;
    const isFirst = !window.segments.at(-1)?.gap;
    const start = { epoch: this.#epoch, pdtMs: this.#endPdtMs, discontinuity: isFirst, init: '' };
    this.#change({ type: 'gap', start, durationS: this.#gapMs / 1000 });
    this.#endPdtMs += this.#gapMs;
    this.#gapDueMs = dueMs + this.#gapMs;
  }

  /** Nothing more comes: what there is becomes the last segment; only gaps may follow. */
  end(): void {
    this.#endTimeline();
    this.#isEnded = true;
    this.#gapDueMs = Math.min(this.#gapDueMs, this.#wallMs() + this.#gapMs);
  }

  get #gapMs(): number {
    return this.#options.segmentS * 1000 * gapShare;
  }

  #take(events: readonly TrackEvent[]): void {
    for (const event of events) {
      if (event.type === 'config') this.#beginTimeline(event.config);
      else if (event.type === 'sample') {
        // After a silence that gaps stood for, what comes is a timeline of its own.
        if (!this.#segmenter && this.#config) this.#beginTimeline(this.#config);
        if (!this.#segmenter) continue;
        this.#latestMediaMs = this.#wallMs();
        const part = this.#segmenter.push(event.sample);
        if (part) this.#write(part);
      }
    }
  }

  #beginTimeline(config: TrackConfig): void {
    this.#endTimeline();
    const { container, segmentS, partS } = this.#options;
    this.#config = config;
    if (container === 'fmp4' && config.codec !== 'mp3') {
      const init = initSegment(config);
      this.#init = initName(init);
      this.#sink.init(this.#init, init);
    }
    this.#segmenter = new Segmenter(
      {
        timescale: config.timescale,
        segmentS,
        partS,
        cutsAtTitles: container === 'packed',
        // Players leave a gap once a whole segment follows it; three parts are what they hold back.
        ...(this.#window?.segments.at(-1)?.gap && container === 'fmp4' && { firstParts: partsAfterGap }),
      },
      this.#title && { id: this.#titleId, title: this.#title },
    );
    this.#fragments = 0;
    this.#segmentTicks = 0;
    // A source that was ahead of the clock does not make dates go back.
    this.#segmentPdtMs = Math.max(this.#wallMs(), this.#endPdtMs);
    this.#adopt(this.#profileOf(config));
    if (this.#title) this.#sayTitle(this.#segmentPdtMs);
  }

  #endTimeline(): void {
    const part = this.#segmenter?.end();
    if (part) this.#write(part);
    this.#segmenter = undefined;
    this.#isBroken = this.#window !== undefined && nextMsn(this.#window) > 0;
  }

  #profileOf(config: TrackConfig): HlsProfile {
    const { container, segmentS, partS, lowLatency, windowS } = this.#options;
    const longestSampleS =
      config.codec === 'flac'
        ? ((config.streamInfo[2]! << 8) | config.streamInfo[3]! || 65_535) / config.timescale
        : 0;
    return {
      container,
      extension: container === 'fmp4' ? 'm4s' : config.codec === 'mp3' ? 'mp3' : 'aac',
      codecs: codecsAttribute(config),
      targetDurationS: Math.max(Math.ceil(segmentS), Math.round(segmentS + longestSampleS)),
      // What parts of packed audio would be, nothing says.
      partTargetS: lowLatency && container === 'fmp4' && longestSampleS <= partS ? partS : 0,
      windowS,
    };
  }

  /** Goes on in the window there is, or in a new one where the old one's segments cannot stand beside the new. */
  #adopt(profile: HlsProfile): void {
    const before = this.#window;
    const nowMs = this.#wallMs();
    if (!before) {
      const numbers = freshNumbers(nowMs);
      this.#window = {
        ...profile,
        epoch: this.#epoch,
        revision: 1,
        ...numbers,
        segments: [],
        open: undefined,
        titles: [],
      };
    } else {
      const fits =
        before.container === profile.container &&
        before.extension === profile.extension &&
        before.targetDurationS === profile.targetDurationS &&
        before.partTargetS === profile.partTargetS;
      const kept = fits ? before : forgetSegments(before);
      this.#window = { ...kept, ...profile, epoch: this.#epoch, revision: before.revision + 1 };
    }
    this.#sink.moved(this.#window);
  }

  #write(part: CutPart): void {
    const config = this.#config!;
    if (part.beginsSegment) this.#segmentTicks = part.baseTicks;
    const data = this.#contain(config, part);
    const start: SegmentStart | undefined = part.beginsSegment
      ? {
          epoch: this.#epoch,
          pdtMs: this.#segmentPdtMs,
          discontinuity: this.#isBroken,
          init: this.#init,
        }
      : undefined;
    if (start) this.#isBroken = false;
    const durationS = part.durationTicks / config.timescale;
    this.#change(
      { type: 'part', part: { durationS, bytes: data.byteLength }, ...(start && { start }) },
      data,
    );
    if (!part.endsSegment) return;
    const segmentMs = durationOf(this.#window!.open?.parts ?? []) * 1000;
    this.#change({ type: 'segment' });
    this.#gapDueMs = this.#wallMs() + this.#options.segmentS * 1500 - idleEveryMs;
    this.#endPdtMs = this.#segmentPdtMs + segmentMs;
    this.#segmentPdtMs = this.#endPdtMs + this.#slew();
    this.#segmentTicks = part.baseTicks + part.durationTicks;
  }

  #contain(config: TrackConfig, part: CutPart): Uint8Array {
    const { baseTicks, samples, titles } = part;
    if (this.#options.container === 'fmp4' && config.codec !== 'mp3') {
      this.#fragments += 1;
      return mediaFragment({ config, sequence: this.#fragments, baseTicks, samples, titles });
    }
    const frames = samples.map(({ data }) => data);
    if (!part.beginsSegment) return Buffer.concat(frames);
    const tag = packedTag(timestamp90k(baseTicks, config.timescale), titles.at(-1)?.title);
    return Buffer.concat([tag, ...frames]);
  }

  /** A little towards the wall clock, where the source's clock runs away from it. */
  #slew(): number {
    const lateMs = this.#wallMs() - this.#endPdtMs;
    return Math.abs(lateMs) < tolerableDriftMs ? 0 : Math.sign(lateMs) * slewMs;
  }

  #dateOf(ticks: number): number {
    return this.#segmentPdtMs + ((ticks - this.#segmentTicks) / this.#config!.timescale) * 1000;
  }

  #sayTitle(startMs: number): void {
    const { title, artist, url } = this.#title!;
    const latest = this.#window!.titles.at(-1);
    if (latest && isSameTitle(latest, this.#title!)) return;
    const id = `${this.#epoch.toString(36)}-${this.#window!.revision}`;
    // Ranges that began together would both last until the next one.
    if (latest) startMs = Math.max(startMs, latest.startMs + 1);
    this.#change({ type: 'title', title: { id, startMs, title, artist, url } });
  }

  #change(change: HlsChange, payload: Uint8Array = nothing): void {
    this.#window = applyChange(this.#window!, change);
    this.#sink.change(change, payload, this.#window);
  }
}

function isSameTitle(a: TimedTitle, b: TimedTitle): boolean {
  return a.title === b.title && a.artist === b.artist && a.url === b.url;
}
