/**
 * The way of a source's bytes to media: keeps the source near real time, splits what it
 * sends, does not let a chunk wait, and knows how long the source has been silent. It
 * lives as long as the connection; where the media go changes when a source that waited is
 * put on air or made to wait again, always between two frames.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { SplitterStats, StreamFormat, TagsEvent } from '@legacystream/core/codecs/frame-splitter.ts';
import type { Chunk } from '@legacystream/core/sources/chunker.ts';
import { DeliveryRhythm } from '@legacystream/core/sources/delivery-rhythm.ts';
import { MediaPipeline, type MediaSink } from '@legacystream/core/sources/media-pipeline.ts';
import { SourcePace } from '@legacystream/core/sources/source-pace.ts';

/** A chunk does not wait longer than this for its next frame. */
const flushAfterMs = 150;

export type IntakeConnection = { pauseReading(): void; resumeReading(): void };

type Headers = { readonly data: Uint8Array; readonly inBand: boolean };

export class SourceIntake {
  /** Bytes received from the source. */
  bytesRead = 0;
  readonly #clock: Clock;
  readonly #connection: IntakeConnection;
  readonly #pipeline: MediaPipeline;
  readonly #pace: SourcePace;
  readonly #rhythm: DeliveryRhythm;
  #sink: MediaSink;
  #format: Readonly<StreamFormat> | undefined;
  #headers: Headers | undefined;
  #flush: Timer | undefined;
  #resume: Timer | undefined;
  #ended = false;

  constructor(
    clock: Clock,
    contentType: string | undefined,
    connection: IntakeConnection,
    sink: MediaSink = nowhere,
  ) {
    const nowMs = clock.monotonicMs();
    this.#clock = clock;
    this.#connection = connection;
    this.#sink = sink;
    this.#pace = new SourcePace(nowMs);
    this.#rhythm = new DeliveryRhythm(nowMs);
    this.#pipeline = new MediaPipeline(contentType, {
      chunk: (chunk) => this.#onChunk(chunk),
      headers: (data, inBand) => {
        this.#headers = { data, inBand };
        this.#sink.headers(data, inBand);
      },
      tags: (tags: TagsEvent) => this.#sink.tags(tags),
      format: (format) => {
        this.#format = format;
        this.#sink.format(format);
      },
    });
  }

  get stats(): Readonly<SplitterStats> {
    return this.#pipeline.stats;
  }

  /** What the source sends, once that is known. */
  get format(): Readonly<StreamFormat> | undefined {
    return this.#format;
  }

  /** Since the source last delivered a byte; 0 while it is made to wait. */
  get silentMs(): number {
    return this.#resume ? 0 : this.#rhythm.silentMs(this.#clock.monotonicMs());
  }

  /** How long until the source counts as failed if it stays silent. */
  get failsInMs(): number {
    return this.#resume ? this.#rhythm.failsAfterMs : this.#rhythm.failsInMs(this.#clock.monotonicMs());
  }

  /** The process stood still: what the source sent meanwhile is still to be read. */
  excuseSilence(): void {
    this.#rhythm.excuse(this.#clock.monotonicMs());
  }

  receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    const nowMs = this.#clock.monotonicMs();
    this.#rhythm.received(nowMs);
    this.bytesRead += bytes.byteLength;
    this.#pace.addBytes(bytes.byteLength);
    this.#pipeline.push(bytes);
    this.#flush ??= this.#clock.after(flushAfterMs, () => {
      this.#flush = undefined;
      this.#pipeline.flushChunk();
    });
    const pauseMs = this.#pace.pauseMs(nowMs);
    if (pauseMs > 0 && !this.#resume) {
      this.#connection.pauseReading();
      this.#resume = this.#clock.after(pauseMs, () => {
        this.#resume = undefined;
        this.#rhythm.excuse(this.#clock.monotonicMs());
        this.#connection.resumeReading();
      });
    }
  }

  /** Gives on what has been gathered: frames stay whole. */
  flushChunk(): void {
    this.#pipeline.flushChunk();
  }

  /** The source pauses: what it sent is decided on, and given on. */
  settle(): void {
    this.#pipeline.settle();
  }

  /** Writes a title into the stream where its codec has a place for it. */
  writeTitle(title: string, artist: string, serial: number): void {
    this.#pipeline.writeTitle(title, artist, serial);
  }

  /** From the next frame on the media go to `sink`, which first learns what the stream is. */
  direct(sink: MediaSink): void {
    this.#pipeline.flushChunk();
    this.#sink = sink;
    if (this.#format) sink.format(this.#format);
    if (this.#headers) sink.headers(this.#headers.data, this.#headers.inBand);
  }

  /** The source is gone: what is whole is given on; idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#flush?.cancel();
    this.#resume?.cancel();
    this.#pipeline.end();
  }

  #onChunk(chunk: Chunk): void {
    this.#pace.add(chunk.durationUs);
    this.#rhythm.add(chunk.durationUs);
    this.#sink.chunk(chunk);
  }
}

const nowhere: MediaSink = { chunk: () => {}, headers: () => {}, tags: () => {}, format: () => {} };
