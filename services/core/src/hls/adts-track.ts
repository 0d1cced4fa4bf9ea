/**
 * AAC frames of an ADTS stream (ISO/IEC 14496-3 §1.A.2.2) as samples: for packed audio as
 * they are; for MP4 the raw data block without header and CRC, which the AudioSpecificConfig
 * (§1.6.2.1) then describes.
 *
 * Times count samples of the core coder; HE-AAC stays signalled implicitly, as it came.
 * MP4 refuses two kinds that packed audio takes: frames of several raw data blocks, because
 * where one ends cannot be told without decoding it, and channel configuration 0, because
 * the channels are then described in the data and not where MP4 needs them.
 */
import {
  type AdtsHeader,
  adtsHeaderBytes,
  isSameAdtsStream,
  parseAdtsHeader,
} from '../codecs/adts-header.ts';
import type { Chunk } from '../sources/chunker.ts';
import type { AacConfig, HlsContainer } from './track.ts';
import { TrackEvents } from './track-events.ts';
import type { TrackEvent, TrackReader } from './track-reader.ts';

const crcBytes = 2;

export class AdtsTrack implements TrackReader {
  readonly #events = new TrackEvents();
  readonly #isBare: boolean;
  #previous: AdtsHeader | undefined;

  constructor(container: HlsContainer) {
    this.#isBare = container === 'fmp4';
  }

  get stats(): { readonly refused: number } {
    return this.#events.stats;
  }

  chunk(chunk: Pick<Chunk, 'data' | 'frameBytes'>): readonly TrackEvent[] {
    for (const frame of this.#events.framesOf(chunk)) this.#takeFrame(frame);
    return this.#events.take();
  }

  /** ADTS has none. */
  headers(): readonly TrackEvent[] {
    return [];
  }

  #takeFrame(frame: Uint8Array): void {
    const header = frame.length >= adtsHeaderBytes ? parseAdtsHeader(frame) : undefined;
    const isTaken =
      header?.frameBytes === frame.length &&
      !(this.#isBare && (header.rawBlocks > 1 || header.channelConfig === 0));
    if (!isTaken) return this.#events.refuse();
    if (this.#previous === undefined || !isSameAdtsStream(this.#previous, header)) {
      this.#events.config(describe(header));
    }
    this.#previous = header;
    const dataAt = this.#isBare ? adtsHeaderBytes + (header.hasCrc ? crcBytes : 0) : 0;
    this.#events.sample(frame.subarray(dataAt), header.samples);
  }
}

function describe({
  objectType,
  sampleRateIndex,
  sampleRateHz,
  channelConfig,
  channels,
}: AdtsHeader): AacConfig {
  // Object type (5 bits), rate index (4), channel configuration (4), three flags that are 0.
  const bits = (objectType << 11) | (sampleRateIndex << 7) | (channelConfig << 3);
  return {
    codec: 'aac',
    timescale: sampleRateHz,
    channels,
    objectType,
    audioSpecificConfig: Uint8Array.of(bits >> 8, bits & 255),
  };
}
