/**
 * Splits an ADTS byte stream into AAC frames (ISO/IEC 14496-3 §1.A.2.2), LC and HE
 * alike, with or without CRC, with one or several raw data blocks.
 *
 * Input may start anywhere and may contain garbage, ID3 and APE tags. Frames come out
 * as they came in. The format tells the core rate, which is half the rate of the sound
 * where SBR hides in the data, and the bitrate of the last seconds.
 */
import { type AdtsHeader, adtsHeaderBytes, isSameAdtsStream, parseAdtsHeader } from './adts-header.ts';
import type {
  FrameEvent,
  FrameSplitter,
  SplitterEvent,
  SplitterStats,
  StreamFormat,
} from './frame-splitter.ts';
import { type FrameGrammar, FrameSync } from './frame-sync.ts';
import { SampleClock } from './sample-clock.ts';

/** The bitrate is averaged over between half of this and all of it. */
const averagingSeconds = 16;

export const adtsGrammar: FrameGrammar<AdtsHeader> = {
  headerBytes: adtsHeaderBytes,
  parse(bytes, at, previous) {
    const header = parseAdtsHeader(bytes, at);
    if (header === undefined || previous === undefined) return header;
    return isSameAdtsStream(header, previous) ? header : undefined;
  },
};

export class AdtsSplitter implements FrameSplitter {
  readonly #format: StreamFormat = { codec: 'aac' };
  readonly #clock = new SampleClock();
  readonly #sync = new FrameSync(adtsGrammar, (header, data) => this.#makeFrame(header, data));
  #averagedBytes = 0;
  #averagedSamples = 0;

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

  #makeFrame(header: AdtsHeader, data: Uint8Array): FrameEvent {
    this.#describe(header);
    const durationUs = this.#clock.advance(header.samples, header.sampleRateHz);
    return { type: 'frame', data, durationUs, syncPoint: true };
  }

  #describe(header: AdtsHeader): void {
    const format = this.#format;
    if (format.sampleRateHz !== header.sampleRateHz) {
      format.sampleRateHz = header.sampleRateHz;
      this.#averagedBytes = 0;
      this.#averagedSamples = 0;
    }
    if (header.channels > 0) format.channels = header.channels;
    else delete format.channels;
    this.#averagedBytes += header.frameBytes;
    this.#averagedSamples += header.samples;
    format.bitrateKbps = Math.round(
      (this.#averagedBytes * 8 * header.sampleRateHz) / this.#averagedSamples / 1000,
    );
    if (this.#averagedSamples >= averagingSeconds * header.sampleRateHz) {
      this.#averagedBytes /= 2;
      this.#averagedSamples /= 2;
    }
  }
}
