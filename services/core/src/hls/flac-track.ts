/**
 * FLAC frames (RFC 9639 §9), native or out of Ogg packets (§10.1), as samples. A frame is
 * given only if its CRC-16 is right and it agrees with the STREAMINFO in force in rate,
 * channels, sample size and greatest block: a decoder is set up from that block alone, so
 * there is no new configuration without new headers.
 *
 * The STREAMINFO of the configuration is that of a live stream, without sizes, total and
 * MD5; so files that differ in nothing else follow each other under one configuration.
 */
import { advanceFlacCrc16 } from '../codecs/flac-crc.ts';
import { parseFlacFrameHeader } from '../codecs/flac-frame-header.ts';
import {
  encodeFlacLiveHeader,
  flacStreamInfoBytes,
  parseFlacStreamInfo,
} from '../codecs/flac-stream-info.ts';
import { OggPacketAssembler } from '../codecs/ogg-packet-assembler.ts';
import type { Chunk } from '../sources/chunker.ts';
import type { FlacConfig } from './track.ts';
import { TrackEvents } from './track-events.ts';
import type { TrackEvent, TrackReader } from './track-reader.ts';

const maxPacketBytes = 262_144;

const marker = Buffer.from('fLaC', 'latin1');
const oggMarker = Buffer.from('\x7fFLAC', 'latin1');
/** In the first packet: the marker, two bytes of version, two of header count. */
const nativeHeaderAt = 9;
/** After `fLaC` and the head of the block. */
const streamInfoAt = 8;
/** Sample sizes by their code in a frame header; 0 where STREAMINFO tells. */
const sampleBits = [0, 8, 12, 0, 16, 20, 24, 32];

export class FlacTrack implements TrackReader {
  readonly #events = new TrackEvents();
  readonly #assembler: OggPacketAssembler | undefined;
  #config: FlacConfig | undefined;

  constructor(framing: 'native' | 'ogg') {
    if (framing === 'ogg') this.#assembler = new OggPacketAssembler(maxPacketBytes);
  }

  get stats(): { readonly refused: number } {
    return this.#events.stats;
  }

  chunk(chunk: Pick<Chunk, 'data' | 'frameBytes'>): readonly TrackEvent[] {
    for (const frame of this.#events.framesOf(chunk)) {
      if (this.#assembler === undefined) this.#takeFrame(frame);
      else this.#takePage(this.#assembler, frame);
    }
    return this.#events.take();
  }

  headers(data: Uint8Array, inBand: boolean): readonly TrackEvent[] {
    if (this.#assembler === undefined) {
      this.#config = readConfig(data);
    } else {
      const { identity, refused } = this.#assembler.begin(data, inBand, readOggConfig);
      if (refused) this.#events.refuse();
      this.#config = identity;
    }
    if (this.#config !== undefined) this.#events.config(this.#config);
    return this.#events.take();
  }

  #takePage(assembler: OggPacketAssembler, page: Uint8Array): void {
    for (const event of assembler.push(page)) {
      if (event === 'missing') this.#events.gap();
      else if (event === 'refused') this.#events.refuse();
      // Metadata may follow the first packets on the page where sound begins.
      else if (event[0] === 0xff) this.#takeFrame(event);
    }
  }

  #takeFrame(frame: Uint8Array): void {
    const ticks = this.#config === undefined ? 0 : measureFrame(frame, this.#config);
    if (ticks === 0) this.#events.refuse();
    else this.#events.sample(frame, ticks);
  }
}

/** Samples of a whole frame that a decoder set up with `config` takes; 0 if it is none. */
function measureFrame(frame: Uint8Array, config: FlacConfig): number {
  const info = {
    sampleRateHz: config.timescale,
    channels: config.channels,
    bitsPerSample: config.bitsPerSample,
    maxFrameBytes: 0,
  };
  const header = parseFlacFrameHeader(frame, 0, frame.length, info);
  if (header === undefined) return 0;
  const channelCode = frame[3]! >> 4;
  // Codes above those of independent channels are the ways to code two of them together.
  const channels = channelCode < 8 ? channelCode + 1 : 2;
  const bitsPerSample = sampleBits[(frame[3]! >> 1) & 7] || config.bitsPerSample;
  const maxBlockSamples = (config.streamInfo[2]! << 8) | config.streamInfo[3]!;
  const agrees =
    header.sampleRateHz === config.timescale &&
    channels === config.channels &&
    bitsPerSample === config.bitsPerSample &&
    header.blockSamples <= maxBlockSamples;
  return agrees && advanceFlacCrc16(0, frame, 0, frame.length) === 0 ? header.blockSamples : 0;
}

function readOggConfig(firstPacket: Uint8Array): FlacConfig | undefined {
  if (Buffer.compare(firstPacket.subarray(0, oggMarker.length), oggMarker) !== 0) return undefined;
  return readConfig(firstPacket.subarray(nativeHeaderAt));
}

/** From `fLaC` and STREAMINFO, which is always the first block (RFC 9639 §8.2). */
function readConfig(bytes: Uint8Array): FlacConfig | undefined {
  const isHeader =
    bytes.length >= streamInfoAt + flacStreamInfoBytes &&
    Buffer.compare(bytes.subarray(0, marker.length), marker) === 0 &&
    (bytes[4]! & 0x7f) === 0 &&
    bytes[5] === 0 &&
    bytes[6] === 0 &&
    bytes[7] === flacStreamInfoBytes;
  const info = isHeader ? parseFlacStreamInfo(bytes, streamInfoAt) : undefined;
  return (
    info && {
      codec: 'flac',
      timescale: info.sampleRateHz,
      channels: info.channels,
      bitsPerSample: info.bitsPerSample,
      streamInfo: encodeFlacLiveHeader(bytes, streamInfoAt).subarray(streamInfoAt),
    }
  );
}
