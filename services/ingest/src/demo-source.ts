/**
 * Plays a set of MP3 files round and round onto a mount, in real time, each under its own
 * title: something to hear before the first encoder connects.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { Mp3Splitter } from '@legacystream/core/codecs/mp3-splitter.ts';
import type { SourceFeed } from './source-feed.ts';
import type { SourceRegistry } from './source-registry.ts';

export type DemoPart = { readonly title: string; readonly artist: string; readonly audio: Uint8Array };

type Slice = {
  readonly part: DemoPart;
  readonly data: Uint8Array;
  readonly durationUs: number;
  readonly first: boolean;
};

const feedEveryMs = 100;
/** Ahead of real time from the start, so that the first listener has a burst. */
const aheadMs = 6_000;
const retryMs = 5_000;

export class DemoSource {
  readonly #registry: SourceRegistry;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #slices: readonly Slice[];
  #session: SourceFeed | undefined;
  #timer: Timer | undefined;
  #next = 0;
  #startMs = 0;
  #fedMs = 0;
  #closed = false;

  constructor(registry: SourceRegistry, clock: Clock, path: string, parts: readonly DemoPart[]) {
    this.#registry = registry;
    this.#clock = clock;
    this.#path = path;
    this.#slices = parts.flatMap(slicesOf);
  }

  /** Goes on air, and back on air whenever the mount is free again. */
  async start(): Promise<void> {
    if (this.#closed || this.#slices.length === 0) return;
    try {
      const claim = await this.#registry.claim(this.#path);
      this.#session = await this.#registry.open(
        claim,
        {
          path: this.#path,
          protocol: 'file',
          contentType: 'audio/mpeg',
          info: {
            name: 'LegacyStream demo',
            description: 'Generated music, to have something to hear',
            genre: 'Ambient',
          },
          ip: '127.0.0.1',
          userAgent: 'LegacyStream',
        },
        { pauseReading: () => {}, resumeReading: () => {}, end: () => this.#stopped() },
      );
      this.#startMs = this.#clock.monotonicMs();
      this.#fedMs = 0;
      this.#next = 0;
      this.#timer = this.#clock.every(feedEveryMs, () => this.#feed());
      this.#feed();
    } catch {
      this.#clock.after(retryMs, () => void this.start());
    }
  }

  close(): void {
    this.#closed = true;
    this.#session?.end('shutdown');
  }

  #stopped(): void {
    this.#timer?.cancel();
    this.#session = undefined;
    if (!this.#closed) this.#clock.after(retryMs, () => void this.start());
  }

  #feed(): void {
    const untilMs = this.#clock.monotonicMs() - this.#startMs + aheadMs;
    while (this.#fedMs < untilMs && this.#session) {
      const slice = this.#slices[this.#next]!;
      if (slice.first) this.#session.setTitle(slice.part.title, slice.part.artist, '');
      this.#session.receive(slice.data);
      this.#fedMs += slice.durationUs / 1000;
      this.#next = (this.#next + 1) % this.#slices.length;
    }
  }
}

function slicesOf(part: DemoPart): Slice[] {
  const splitter = new Mp3Splitter();
  const events = [...splitter.push(part.audio), ...splitter.flush()];
  const frames = events.flatMap((event) => (event.type === 'frame' ? [event] : []));
  return frames.map(({ data, durationUs }, index) => ({ part, data, durationUs, first: index === 0 }));
}
