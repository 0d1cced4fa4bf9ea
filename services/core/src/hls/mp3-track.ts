/**
 * MP3 frames (ISO/IEC 11172-3, 13818-3, layer III) as samples of packed audio: as they
 * are, each as long as its header says. Free format is refused: its length stands nowhere,
 * so a player could not tell the frames of a segment apart.
 */
import { type Mp3Header, mp3HeaderBytes, parseMp3Header } from '../codecs/mp3-header.ts';
import type { Chunk } from '../sources/chunker.ts';
import { TrackEvents } from './track-events.ts';
import type { TrackEvent, TrackReader } from './track-reader.ts';

export class Mp3Track implements TrackReader {
  readonly #events = new TrackEvents();
  #previous: Mp3Header | undefined;

  get stats(): { readonly refused: number } {
    return this.#events.stats;
  }

  chunk(chunk: Pick<Chunk, 'data' | 'frameBytes'>): readonly TrackEvent[] {
    for (const frame of this.#events.framesOf(chunk)) this.#takeFrame(frame);
    return this.#events.take();
  }

  /** MP3 has none. */
  headers(): readonly TrackEvent[] {
    return [];
  }

  #takeFrame(frame: Uint8Array): void {
    const header = frame.length >= mp3HeaderBytes ? parseMp3Header(frame) : undefined;
    // In free format the header's own length is 0.
    if (header?.frameBytes !== frame.length) return this.#events.refuse();
    const { sampleRateHz, channels } = header;
    if (this.#previous?.sampleRateHz !== sampleRateHz || this.#previous.channels !== channels) {
      this.#events.config({ codec: 'mp3', timescale: sampleRateHz, channels });
    }
    this.#previous = header;
    this.#events.sample(frame, header.samples);
  }
}
