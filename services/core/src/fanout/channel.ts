/**
 * An edge's live ring of one rendition (design §9): the recent pieces of a stream on
 * one axis of bytes that never restarts, so that positions, and with them ICY byte
 * counts, stay valid over source changes.
 *
 * All listeners share what is in here. A position is a number of bytes on the axis;
 * delivery positions always lie on the edge of an entry. The ring is bounded in
 * playing time and in bytes, whatever a source sends; what leaves it is let go at once.
 */
import { encodeMetadataBlock } from '../icy/metadata-block.ts';
import type { StreamPosition } from './stream-position.ts';

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
  /** The message of the audio sequence that it came with. */
  readonly epoch: number;
  readonly seq: number;
  /** What came between the entry before and this one is missing here. */
  readonly isAfterGap: boolean;
};

/** A title and the position from which on it is in force. */
export type TitleMark = { readonly offset: number; readonly block: Uint8Array };
type HeaderMark = { readonly offset: number; readonly headers: Uint8Array | undefined };

const noTitleBlock = encodeMetadataBlock('');
/** Titles kept for joins and grid points inside the ring; older ones collapse into the last. */
const maxTitleMarks = 256;
const maxHeaderMarks = 8;
/** What an entry costs beside its bytes: a flood of tiny ones is bounded as well. */
export const entryOverheadBytes = 256;
/** Stands where entries have left the ring, so that their bytes are not kept until the array is moved. */
const gone: ChannelEntry = {
  data: new Uint8Array(0),
  start: 0,
  end: 0,
  startUs: 0,
  durationUs: 0,
  syncPoint: false,
  headers: undefined,
  epoch: 0,
  seq: 0,
  isAfterGap: false,
};
/** A position further ahead than that is none that anybody was sent. */
const maxAheadBytes = 1024 * 1024;

export class Channel {
  readonly limits: ChannelLimits;
  #entries: ChannelEntry[] = [];
  /** Index of the oldest entry: dropping from the front must not move the array each time. */
  #first = 0;
  #head = 0;
  #headUs = 0;
  #newestSync: ChannelEntry | undefined;
  #headers: Uint8Array | undefined;
  #headerMarks: HeaderMark[] = [];
  #titles: TitleMark[] = [{ offset: 0, block: noTitleBlock }];
  #generation = 0;
  #epoch = 0;
  #seq = 0;
  #isAfterGap = false;

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

  /** Playing time from `position` to the head, in microseconds; no more than is held. */
  usBehind(position: number): number {
    if (position >= this.#head) return 0;
    const entry = this.entryHolding(position);
    return entry ? this.#headUs - entry.startUs : this.depthUs;
  }

  /** Grows with every append; tells caches that the head moved. */
  get generation(): number {
    return this.#generation;
  }

  /** From now on what is appended comes with this message of the audio sequence. */
  setOrigin(epoch: number, seq: number): void {
    this.#epoch = epoch;
    this.#seq = seq;
  }

  /** Something that others may have been sent is missing at the head. */
  markGap(): void {
    this.#isAfterGap = this.#entries.length > 0;
  }

  append(data: Uint8Array, durationUs: number, syncPoint: boolean): void {
    if (data.byteLength === 0) return;
    const entry: ChannelEntry = {
      data,
      start: this.#head,
      end: this.#head + data.byteLength,
      startUs: this.#headUs,
      durationUs,
      syncPoint,
      headers: this.#headers,
      epoch: this.#epoch,
      seq: this.#seq,
      isAfterGap: this.#isAfterGap,
    };
    this.#isAfterGap = false;
    this.#entries.push(entry);
    if (syncPoint) this.#newestSync = entry;
    this.#head = entry.end;
    this.#headUs += durationUs;
    this.#generation += 1;
    this.#trim();
  }

  /** Sets what joiners need from here on, empty for nothing; with `inBand`, those on air are sent it too. */
  setHeaders(headers: Uint8Array, inBand: boolean): void {
    // Repeated headers are the same headers: what was sent to a listener need not be sent again.
    const isNew = !this.hasHeaders(headers);
    if (isNew) this.#headers = headers.byteLength > 0 ? headers : undefined;
    if (inBand) this.append(headers, 0, false);
    if (!isNew) return;
    this.#headerMarks.push({ offset: this.#head, headers: this.#headers });
    if (this.#headerMarks.length > maxHeaderMarks) this.#headerMarks.shift();
  }

  /** Whether these are the headers in force. */
  hasHeaders(headers: Uint8Array): boolean {
    return this.#headers ? Buffer.compare(this.#headers, headers) === 0 : headers.byteLength === 0;
  }

  /** The headers that a listener who has been sent everything before `position` was sent last, if that is known. */
  headersBefore(position: number): Uint8Array | undefined {
    return this.#headerMarks.findLast((mark) => mark.offset <= position)?.headers;
  }

  /** A title takes effect at the head: for the next frame that is appended. */
  setTitle(display: string, url: string): void {
    const block = encodeMetadataBlock(display, url);
    const titles = this.#titles;
    if (Buffer.compare(titles.at(-1)!.block, block) === 0) return;
    // One that no byte was sent under has never been.
    if (titles.at(-1)!.offset === this.#head) {
      titles.pop();
      if (titles.length > 0 && Buffer.compare(titles.at(-1)!.block, block) === 0) return;
    }
    titles.push({ offset: this.#head, block });
    if (titles.length > maxTitleMarks) titles.shift();
  }

  /** The title in force at a position. */
  titleAt(position: number): TitleMark {
    let low = 0;
    let high = this.#titles.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#titles[middle]!.offset <= position) low = middle;
      else high = middle - 1;
    }
    return this.#titles[low]!;
  }

  /** Where a new listener starts, or undefined while there is no such place. */
  burstEntry(): ChannelEntry | undefined {
    return this.startWithin(this.limits.burstBytes, this.limits.burstUs);
  }

  /**
   * The oldest place at most so far behind the head at which a listener may be set down.
   * Where none is as near as that it is the newest one: there is no later start.
   */
  startWithin(maxBytes: number, maxUs: number): ChannelEntry | undefined {
    let chosen = this.newestSyncEntry();
    if (!chosen) return undefined;
    for (let i = this.#entries.length - 1; i >= this.#first; i -= 1) {
      const entry = this.#entries[i]!;
      if (this.#head - entry.start > maxBytes || this.#headUs - entry.startUs > maxUs) break;
      if (entry.syncPoint) chosen = entry;
    }
    return chosen;
  }

  /** The newest place at which a listener may be set down. */
  newestSyncEntry(): ChannelEntry | undefined {
    return this.#newestSync && this.#newestSync.start >= this.tail ? this.#newestSync : undefined;
  }

  /** The first sync entry that starts at `position` or later. */
  syncEntryFrom(position: number): ChannelEntry | undefined {
    for (let i = this.#indexFrom(position); i < this.#entries.length; i += 1) {
      const entry = this.#entries[i]!;
      if (entry.syncPoint) return entry;
    }
    return undefined;
  }

  /** The entry that holds the byte at `position`, if it is here. */
  entryHolding(position: number): ChannelEntry | undefined {
    if (position < this.tail || position >= this.#head) return undefined;
    return this.#entries[this.#indexHolding(position)];
  }

  /** What the byte at `at` is called in the audio sequence; undefined where it is not here. */
  positionOf(at: number): StreamPosition | undefined {
    const entry = at === this.#head ? this.#entries.at(-1) : this.entryHolding(at);
    return entry && { epoch: entry.epoch, seq: entry.seq, byte: at - entry.start };
  }

  /**
   * Where on the axis a position of the audio sequence lies. `ahead`: it is still to come.
   * Undefined: it has left the ring, was never in it, or cannot be told because something
   * is missing between it and the message it counts from.
   */
  locate({ epoch, seq, byte }: StreamPosition): number | 'ahead' | undefined {
    const newest = this.#entries.at(-1);
    if (!newest || epoch > newest.epoch || (epoch === newest.epoch && seq > newest.seq)) return 'ahead';
    let index = this.#indexOfMessage(epoch, seq);
    const entry = this.#entries[index]!;
    if (entry.epoch !== epoch || entry.seq !== seq) return undefined;
    const at = entry.start + byte;
    for (index += 1; index < this.#entries.length; index += 1) {
      const next = this.#entries[index]!;
      if (next.start > at) return at;
      if (next.isAfterGap) return undefined;
    }
    if (at < this.#head) return at;
    if (this.#isAfterGap || at - this.#head > maxAheadBytes) return undefined;
    return at === this.#head ? at : 'ahead';
  }

  /**
   * The last entry edge at which `position + maxBytes` is not passed; at least one entry on.
   * `position` must lie within the ring.
   */
  edgeWithin(position: number, maxBytes: number): number {
    if (this.#head - position <= maxBytes) return this.#head;
    const last = this.#entries[this.#indexHolding(position + maxBytes)]!;
    if (last.start > position) return last.start;
    return last.end;
  }

  /** Copies `[from, to)` into `target` at `at`. Both ends must lie within the ring. */
  copy(from: number, to: number, target: Uint8Array, at: number): void {
    let out = at;
    for (let i = this.#indexHolding(from); i < this.#entries.length; i += 1) {
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
    // Of large pieces two fill a pool, which whatever small lies between would keep for long.
    const out = Buffer.allocUnsafeSlow(to - from);
    this.copy(from, to, out, 0);
    return out;
  }

  #trim(): void {
    const { ringUs, ringBytes } = this.limits;
    while (this.#first < this.#entries.length - 1) {
      const oldest = this.#entries[this.#first]!;
      const overheadBytes = (this.#entries.length - this.#first) * entryOverheadBytes;
      const tooLong = this.#headUs - (oldest.startUs + oldest.durationUs) >= ringUs;
      const tooLarge = this.#head - oldest.start + overheadBytes > ringBytes;
      if (!tooLong && !tooLarge) break;
      this.#entries[this.#first] = gone;
      this.#first += 1;
    }
    if (this.#first > 64 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
      const inForce = this.#titles.indexOf(this.titleAt(this.tail));
      if (inForce > 0) this.#titles.splice(0, inForce);
    }
  }

  /** Index of the first entry of this message or a later one; there must be one. */
  #indexOfMessage(epoch: number, seq: number): number {
    let low = this.#first;
    let high = this.#entries.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle]!;
      if (entry.epoch < epoch || (entry.epoch === epoch && entry.seq < seq)) low = middle + 1;
      else high = middle;
    }
    return low;
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
  #indexHolding(position: number): number {
    const index = this.#indexFrom(position);
    const entry = this.#entries[index];
    return entry && entry.start === position ? index : Math.max(this.#first, index - 1);
  }
}
