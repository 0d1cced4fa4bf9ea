/**
 * Splits an MP3 byte stream (layer III of MPEG-1, 2 and 2.5; constant, variable and
 * free bitrate) into frames.
 *
 * Input may start anywhere and may contain garbage, ID3 and APE tags. Info, Xing and
 * VBRI frames are dropped wherever they stand, for they tell the length of a file and
 * players take that for the length of the stream. Frames come out as they came in.
 * Neither tags nor such frames count as skipped or as a loss of synchronisation.
 */
import type {
  FrameEvent,
  FrameSplitter,
  SplitterEvent,
  SplitterStats,
  StreamFormat,
} from './frame-splitter.ts';
import { type FrameGrammar, FrameSync } from './frame-sync.ts';
import { measureFreeFormat } from './mp3-free-format.ts';
import {
  isSameMp3Stream,
  type Mp3Header,
  mp3HeaderBytes,
  parseMp3Header,
  withFreeFormatLength,
} from './mp3-header.ts';
import { isMp3InfoFrame } from './mp3-info-frame.ts';
import { SampleClock } from './sample-clock.ts';

export const mp3Grammar: FrameGrammar<Mp3Header> = {
  headerBytes: mp3HeaderBytes,
  parse(bytes, at, previous) {
    const header = parseMp3Header(bytes, at);
    if (header === undefined || previous === undefined) return header;
    if (!isSameMp3Stream(header, previous)) return undefined;
    if (!header.isFreeFormat || !previous.isFreeFormat || previous.frameBytes === 0) return header;
    return withFreeFormatLength(header, previous.frameBytes - previous.paddingBytes + header.paddingBytes);
  },
  measure: measureFreeFormat,
};

export class Mp3Splitter implements FrameSplitter {
  readonly #format: StreamFormat = { codec: 'mp3' };
  readonly #clock = new SampleClock();
  readonly #sync = new FrameSync(mp3Grammar, (header, data) => this.#makeFrame(header, data));

  get format(): Readonly<StreamFormat> {
    return this.#format;
  }

  get stats(): Readonly<SplitterStats> {
    return this.#sync.stats;
  }

  push(chunk: Uint8Array): SplitterEvent[] {
    return this.#sync.push(chunk);
  }

  flush(): SplitterEvent[] {
    return this.#sync.flush();
  }

  #makeFrame(header: Mp3Header, data: Uint8Array): FrameEvent | undefined {
    if (isMp3InfoFrame(header, data)) return undefined;
    this.#format.sampleRateHz = header.sampleRateHz;
    this.#format.channels = header.channels;
    this.#format.bitrateKbps = header.bitrateKbps;
    const durationUs = this.#clock.advance(header.samples, header.sampleRateHz);
    return { type: 'frame', data, durationUs, syncPoint: true };
  }
}
