/**
 * What a track reader has found, gathered in order: a configuration only where it differs
 * from the one before, a gap only between two samples and once, and a count of what was
 * refused.
 */
import { type Chunk, splitChunk } from '../sources/chunker.ts';
import type { TrackConfig } from './track.ts';
import type { TrackEvent } from './track-reader.ts';

export class TrackEvents {
  readonly stats = { refused: 0 };
  #events: TrackEvent[] = [];
  #config: TrackConfig | undefined;
  /** Whether the next sample would touch one that was given. */
  #isContinuous = false;

  config(config: TrackConfig): void {
    if (this.#config !== undefined && isSameConfig(this.#config, config)) return;
    this.#config = config;
    this.#events.push({ type: 'config', config });
  }

  sample(data: Uint8Array, durationTicks: number): void {
    this.#events.push({ type: 'sample', sample: { data, durationTicks } });
    this.#isContinuous = true;
  }

  gap(): void {
    if (this.#isContinuous) this.#events.push({ type: 'gap' });
    this.#isContinuous = false;
  }

  refuse(count = 1): void {
    this.stats.refused += count;
    this.gap();
  }

  /** The frames of a chunk; a chunk that contradicts itself is refused as a whole. */
  framesOf(chunk: Pick<Chunk, 'data' | 'frameBytes'>): readonly Uint8Array[] {
    const frames = splitChunk(chunk);
    if (frames === undefined) this.refuse(Math.max(chunk.frameBytes.length, 1));
    return frames ?? [];
  }

  /** Hands over what has been gathered. */
  take(): readonly TrackEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

function isSameConfig(a: TrackConfig, b: TrackConfig): boolean {
  const fields: Readonly<Record<string, unknown>> = b;
  return Object.entries(a).every(([name, value]) => {
    const other = fields[name];
    if (!(value instanceof Uint8Array)) return value === other;
    return other instanceof Uint8Array && Buffer.compare(value, other) === 0;
  });
}
