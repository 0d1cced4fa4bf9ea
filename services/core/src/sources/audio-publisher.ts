/**
 * Writes one source session's audio sequence to the bus: audio, codec headers, titles and
 * the end, all numbered on one line, so that a title changes between the same two frames
 * for every listener on every edge (design §6).
 */
import { type Envelope, EnvelopeFlag, EnvelopeKind, encodeEnvelope } from '../bus/envelope.ts';
import type { Clock } from '../clock.ts';
import type { NowPlaying } from '../mounts/mount-state.ts';
import type { Bus } from '../ports/bus.ts';
import type { Chunk } from './chunker.ts';

const nothing = new Uint8Array(0);
/**
 * Codec headers are repeated this often, out of band, so that whoever catches up from a
 * stretch of the sequence finds them in it: by playing time, and by the clock where the
 * format does not tell its playing time.
 */
const repeatHeadersMs = 10_000;
/** A larger chunk (one frame can be: FLAC, a picture of a video) goes out in parts, which every bus takes. */
export const maxPartBytes = 256 * 1024;

export class AudioPublisher {
  readonly #bus: Pick<Bus, 'publish'>;
  readonly #clock: Clock;
  readonly #subject: string;
  #epoch: number;
  #seq = 0;
  #mediaTimeUs = 0;
  #fenced = false;
  #headers: Uint8Array | undefined;
  #headersMediaUs = 0;
  #headersMs = 0;

  constructor(bus: Pick<Bus, 'publish'>, clock: Clock, subject: string, epoch: number) {
    this.#bus = bus;
    this.#clock = clock;
    this.#subject = subject;
    this.#epoch = epoch;
  }

  /** Playing time published so far, in microseconds. */
  get mediaTimeUs(): number {
    return this.#mediaTimeUs;
  }

  chunk(chunk: Chunk): void {
    this.#repeatHeaders();
    const flags = chunk.syncPoint ? EnvelopeFlag.syncPoint : 0;
    const { data } = chunk;
    const first = data.subarray(0, maxPartBytes);
    this.#publish(EnvelopeKind.audio, flags, first, chunk.durationUs, chunk.frameCount);
    this.#mediaTimeUs += chunk.durationUs;
    for (let at = maxPartBytes; at < data.byteLength; at += maxPartBytes) {
      this.#publish(EnvelopeKind.audio, 0, data.subarray(at, at + maxPartBytes), 0, 0);
    }
  }

  headers(data: Uint8Array, inBand: boolean): void {
    this.#headers = data;
    this.#headersMediaUs = this.#mediaTimeUs;
    this.#headersMs = this.#clock.monotonicMs();
    this.#publish(EnvelopeKind.headers, inBand ? EnvelopeFlag.inBand : 0, data, 0, 0);
  }

  title(nowPlaying: NowPlaying): void {
    this.#publish(EnvelopeKind.metadata, 0, Buffer.from(JSON.stringify(nowPlaying)), 0, 0);
  }

  end(): void {
    this.#publish(EnvelopeKind.end, 0, nothing, 0, 0);
  }

  /** The same audio goes on under a larger epoch, as if another source had taken over without a gap. */
  renumber(epoch: number): void {
    if (epoch <= this.#epoch) return;
    this.#epoch = epoch;
    this.#seq = 0;
    if (this.#headers && this.#headers.byteLength > 0) this.headers(this.#headers, false);
  }

  /** Nothing is published from now on: the mount has another owner. */
  fence(): void {
    this.#fenced = true;
  }

  #repeatHeaders(): void {
    if (!this.#headers || this.#headers.byteLength === 0) return;
    const mediaMs = (this.#mediaTimeUs - this.#headersMediaUs) / 1000;
    const elapsedMs = this.#clock.monotonicMs() - this.#headersMs;
    if (mediaMs >= repeatHeadersMs || elapsedMs >= repeatHeadersMs) this.headers(this.#headers, false);
  }

  #publish(
    kind: Envelope['kind'],
    flags: number,
    payload: Uint8Array,
    durationUs: number,
    frameCount: number,
  ): void {
    if (this.#fenced) return;
    this.#seq += 1;
    this.#bus.publish(
      this.#subject,
      encodeEnvelope({
        kind,
        flags: this.#seq === 1 ? flags | EnvelopeFlag.discontinuity : flags,
        epoch: this.#epoch,
        seq: this.#seq,
        mediaTimeUs: Math.round(this.#mediaTimeUs),
        sourceClockMs: Math.round(this.#clock.wallMs()),
        durationUs: Math.round(durationUs),
        frameCount,
        payload,
      }),
    );
  }
}
