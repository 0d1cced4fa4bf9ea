/**
 * From a source's bytes to chunks: tells the codec from the first bytes, splits into
 * frames, gathers chunks. What it finds goes to a sink in stream order. Hostile audio
 * costs its own session at most: the splitters bound what they keep.
 */
import { createSplitter } from '../codecs/create-splitter.ts';
import type {
  FrameSplitter,
  SplitterEvent,
  SplitterStats,
  StreamFormat,
  TagsEvent,
} from '../codecs/frame-splitter.ts';
import { OggVorbisRetitler } from '../codecs/ogg-vorbis-retitler.ts';
import { maxSniffBytes, sniffCodec } from '../codecs/sniff-codec.ts';
import { type Chunk, Chunker } from './chunker.ts';

export interface MediaSink {
  chunk(chunk: Chunk): void;
  headers(data: Uint8Array, inBand: boolean): void;
  tags(tags: TagsEvent): void;
  /** The codec became known, or its headers told more about the stream. */
  format(format: Readonly<StreamFormat>): void;
}

const noStats: SplitterStats = { frames: 0, skippedBytes: 0, resyncs: 0 };

export class MediaPipeline {
  readonly #contentType: string | undefined;
  readonly #sink: MediaSink;
  readonly #chunker = new Chunker();
  #head: Uint8Array = new Uint8Array(0);
  #splitter: FrameSplitter | undefined;
  #retitler: OggVorbisRetitler | undefined;
  #announced = '';

  constructor(contentType: string | undefined, sink: MediaSink) {
    this.#contentType = contentType;
    this.#sink = sink;
  }

  get stats(): Readonly<SplitterStats> {
    return this.#splitter?.stats ?? noStats;
  }

  push(bytes: Uint8Array): void {
    if (this.#splitter) return this.#feed(this.#splitter.push(bytes));
    // A copy, because the caller may read the next bytes into the same memory.
    this.#head = Buffer.concat([this.#head, bytes]);
    const { codec, certain } = sniffCodec(this.#head.subarray(0, maxSniffBytes), this.#contentType);
    if (certain || this.#head.byteLength >= maxSniffBytes) this.#decide(codec);
  }

  /**
   * Sends on what has been gathered, so that nothing waits for a full chunk: on a title
   * change, and when the source pauses. Frames stay whole.
   */
  flushChunk(): void {
    const chunk = this.#chunker.flush();
    if (chunk) this.#sink.chunk(chunk);
  }

  /** Decides the codec on what there is: the source pauses before it told enough. */
  settle(): void {
    if (!this.#splitter && this.#head.byteLength > 0) {
      this.#decide(sniffCodec(this.#head.subarray(0, maxSniffBytes), this.#contentType).codec);
    }
    this.flushChunk();
  }

  /** The source ended: what is whole goes out. */
  end(): void {
    this.settle();
    if (this.#splitter) this.#feed(this.#splitter.flush());
    this.flushChunk();
  }

  /**
   * Writes a title into the stream itself where the codec carries its own tags and they may
   * be replaced (Ogg Vorbis, as Icecast does): the stream goes on as a chained one.
   * @returns false where the codec has no such place
   */
  writeTitle(title: string, artist: string, serial: number): boolean {
    if (!this.#retitler?.canRetitle) return false;
    this.#retitler.setTitle({ title, artist }, serial);
    return true;
  }

  #decide(codec: StreamFormat['codec']): void {
    this.#splitter = createSplitter(codec);
    if (codec.startsWith('ogg')) this.#retitler = new OggVorbisRetitler();
    const head = this.#head;
    this.#head = new Uint8Array(0);
    this.#feed(this.#splitter.push(head));
  }

  #feed(events: readonly SplitterEvent[]): void {
    for (const event of events) {
      // It tells by itself what is Vorbis: the splitter's format is ahead of the events.
      if (this.#retitler) {
        for (const rewritten of this.#retitler.process(event)) this.#pass(rewritten);
      } else {
        this.#pass(event);
      }
    }
    this.#announce();
  }

  #pass(event: SplitterEvent): void {
    if (event.type === 'frame') {
      for (const chunk of this.#chunker.push(event)) {
        this.#announce();
        this.#sink.chunk(chunk);
      }
      return;
    }
    this.flushChunk();
    if (event.type === 'headers') {
      this.#announce();
      this.#sink.headers(event.data, event.inBand);
    } else {
      this.#sink.tags(event);
    }
  }

  #announce(): void {
    const { format } = this.#splitter!;
    // The bitrate of a VBR stream moves with every frame: it is read, not announced.
    const key = `${format.codec} ${format.sampleRateHz} ${format.channels} ${format.subtype}`;
    if (key === this.#announced) return;
    this.#announced = key;
    this.#sink.format(format);
  }
}
