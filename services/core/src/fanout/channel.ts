/**
 * An edge's live ring of one rendition (design §9): the recent pieces of a stream on
 * one axis of bytes that never restarts, so that positions, and with them ICY byte
 * counts, stay valid over source changes.
 *
 * All listeners share what is in here. A position is a number of bytes on the axis;
 * delivery positions always lie on the edge of an entry. The ring is bounded in
 * playing time and in bytes, whatever a source sends.
 */
import { encodeMetadataBlock } from '../icy/metadata-block.ts';

export type ChannelLimits = {
  /** How far back the ring reaches, in microseconds of playing time and in bytes. */
  readonly ringUs: number;
  readonly ringBytes: number;
  /** How much a new listener is given at once: whichever bound is reached first. */
  readonly burstUs: number;
  readonly burstBytes: number;
};

/** A piece of the stream: one or more whole frames, or in-band headers. */
export type ChannelEntry = {
  readonly data: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Playing time on the channel's own axis, at the start of the entry. */
  readonly startUs: number;
  readonly durationUs: number;
  readonly syncPoint: boolean;
  /** What a listener that starts at this entry must be sent before it. */
  readonly headers: Uint8Array | undefined;
};

type TitleMark = { readonly offset: number; readonly block: Uint8Array };

const noTitleBlock = encodeMetadataBlock('');
/** Titles kept for joins and grid points inside the ring; older ones collapse into the last. */
const maxTitleMarks = 256;

export class Channel {
  readonly limits: ChannelLimits;
  #entries: ChannelEntry[] = [];
  /** Index of the oldest entry: dropping from the front must not move the array each time. */
  #first = 0;
  #head = 0;
  #headUs = 0;
  #headers: Uint8Array | undefined;
  #titles: TitleMark[] = [{ offset: 0, block: noTitleBlock }];
  #generation = 0;

  constructor(limits: ChannelLimits) {
    this.limits = limits;
  }

  /** The position after the newest byte. */
  get head(): number {
    return this.#head;
  }

  /** The position of the oldest byte still here. */
  get tail(): number {
    return this.#entries[this.#first]?.start ?? this.#head;
  }

  /** Playing time held, in microseconds. */
  get depthUs(): number {
    const oldest = this.#entries[this.#first];
    return oldest ? this.#headUs - oldest.startUs : 0;
  }

  /** Grows with every append; tells caches that the head moved. */
  get generation(): number {
    return this.#generation;
  }

  append(data: Uint8Array, durationUs: number, syncPoint: boolean): void {
    if (data.byteLength === 0) return;
    const start = this.#head;
    const end = start + data.byteLength;
    this.#entries.push({
      data,
      start,
      end,
      startUs: this.#headUs,
      durationUs,
      syncPoint,
      headers: this.#headers,
    });
    this.#head = end;
    this.#headUs += durationUs;
    this.#generation += 1;
    this.#trim();
  }

  /** Sets what joiners need from here on; with `inBand`, those on air are sent it too. */
  setHeaders(headers: Uint8Array, inBand: boolean): void {
    // Repeated headers are the same headers: what was sent to a listener need not be sent again.
    if (!this.#headers || Buffer.compare(this.#headers, headers) !== 0) this.#headers = headers;
    if (inBand) this.append(headers, 0, false);
  }

  /** A title takes effect at the head: for the next frame that is appended. */
  setTitle(display: string, url: string): void {
    const block = encodeMetadataBlock(display, url);
    const last = this.#titles[this.#titles.length - 1]!;
    if (Buffer.compare(last.block, block) === 0) return;
    if (last.offset === this.#head) this.#titles.pop();
    this.#titles.push({ offset: this.#head, block });
    if (this.#titles.length > maxTitleMarks) this.#titles.splice(0, this.#titles.length - maxTitleMarks);
  }

  /** The metadata block of the title in force at a position. */
  titleBlockAt(position: number): Uint8Array {
    for (let i = this.#titles.length - 1; i >= 0; i -= 1) {
      const mark = this.#titles[i]!;
      if (mark.offset <= position) return mark.block;
    }
    return this.#titles[0]!.block;
  }

  /** Where a new listener starts: the entry that gives it the whole burst, or undefined while there is none. */
  burstEntry(): ChannelEntry | undefined {
    let chosen: ChannelEntry | undefined;
    for (let i = this.#entries.length - 1; i >= this.#first; i -= 1) {
      const entry = this.#entries[i]!;
      const within =
        this.#head - entry.start <= this.limits.burstBytes &&
        this.#headUs - entry.startUs <= this.limits.burstUs;
      // The newest sync point serves even when it lies beyond the bounds: there is no later start.
      if (!within && chosen) break;
      if (entry.syncPoint) chosen = entry;
    }
    return chosen;
  }

  /** The newest place at which a listener may be set down. */
  newestSyncEntry(): ChannelEntry | undefined {
    for (let i = this.#entries.length - 1; i >= this.#first; i -= 1) {
      const entry = this.#entries[i]!;
      if (entry.syncPoint) return entry;
    }
    return undefined;
  }

  /** The first sync entry that starts at `position` or later. */
  syncEntryFrom(position: number): ChannelEntry | undefined {
    for (let i = this.#indexFrom(position); i < this.#entries.length; i += 1) {
      const entry = this.#entries[i]!;
      if (entry.syncPoint) return entry;
    }
    return undefined;
  }

  /** The entry that starts at `position`, if there is one. */
  entryAt(position: number): ChannelEntry | undefined {
    const entry = this.#entries[this.#indexFrom(position)];
    return entry?.start === position ? entry : undefined;
  }

  /**
   * The last entry edge at which `position + maxBytes` is not passed; at least one entry on.
   * `position` must lie on an entry edge within the ring.
   */
  edgeWithin(position: number, maxBytes: number): number {
    let edge = position;
    for (let i = this.#indexFrom(position); i < this.#entries.length; i += 1) {
      const { end } = this.#entries[i]!;
      if (edge > position && end - position > maxBytes) break;
      edge = end;
    }
    return edge;
  }

  /** Copies `[from, to)` into `target` at `at`. Both ends must lie within the ring. */
  copy(from: number, to: number, target: Uint8Array, at: number): void {
    let out = at;
    for (let i = this.#indexCovering(from); i < this.#entries.length; i += 1) {
      const entry = this.#entries[i]!;
      if (entry.start >= to) break;
      const begin = Math.max(from, entry.start) - entry.start;
      const end = Math.min(to, entry.end) - entry.start;
      target.set(
        begin === 0 && end === entry.data.byteLength ? entry.data : entry.data.subarray(begin, end),
        out,
      );
      out += end - begin;
    }
  }

  /** `[from, to)` in one piece; the entry's own bytes where it is exactly one entry. */
  slice(from: number, to: number): Uint8Array {
    const single = this.#entries[this.#indexFrom(from)];
    if (single && single.start === from && single.end === to) return single.data;
    const out = Buffer.allocUnsafe(to - from);
    this.copy(from, to, out, 0);
    return out;
  }

  #trim(): void {
    const { ringUs, ringBytes } = this.limits;
    while (this.#first < this.#entries.length - 1) {
      const oldest = this.#entries[this.#first]!;
      const tooLong = this.#headUs - (oldest.startUs + oldest.durationUs) >= ringUs;
      const tooLarge = this.#head - oldest.start > ringBytes;
      if (!tooLong && !tooLarge) break;
      this.#first += 1;
    }
    if (this.#first > 64 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
      const tail = this.tail;
      let keep = this.#titles.length - 1;
      while (keep > 0 && this.#titles[keep]!.offset > tail) keep -= 1;
      if (keep > 0) this.#titles.splice(0, keep);
    }
  }

  /** Index of the first entry that starts at `position` or later. */
  #indexFrom(position: number): number {
    let low = this.#first;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.start < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the entry that holds `position`. */
  #indexCovering(position: number): number {
    const index = this.#indexFrom(position);
    const entry = this.#entries[index];
    return entry && entry.start === position ? index : Math.max(this.#first, index - 1);
  }
}
