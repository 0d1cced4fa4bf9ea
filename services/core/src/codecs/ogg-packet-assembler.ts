/**
 * Packets of one logical Ogg stream, page after page (RFC 3533 §5), as a live stream brings
 * them: a packet may go on over any number of pages, pages may be missing, and links follow
 * each other.
 *
 * Never throws. A page must be whole and its CRC right. Missing pages are seen by their
 * sequence numbers. An unfinished packet is kept as a copy up to a bound and no longer.
 */
import { readOggPacketParts, readOggPages } from './ogg-packets.ts';
import { type OggPage, oggFlags, oggPageHeaderBytes, parseOggPage } from './ogg-page.ts';

/**
 * A packet; or that pages are missing here; or that something stands here which could not
 * be taken: a broken page, a packet without its beginning or its end, or one too long.
 */
export type OggPacketEvent = Uint8Array | 'missing' | 'refused';

type OpenPacket = { readonly parts: Uint8Array[]; bytes: number };

export class OggPacketAssembler {
  readonly #maxPacketBytes: number;
  #serial: number | undefined;
  #nextSequence: number | undefined;
  #open: OpenPacket | undefined;
  /** The rest of a packet that was given up is passed over without a further word. */
  #isPassing = false;

  constructor(maxPacketBytes: number) {
    this.#maxPacketBytes = maxPacketBytes;
  }

  /** Bytes kept of an unfinished packet. */
  get pendingBytes(): number {
    return this.#open?.bytes ?? 0;
  }

  /**
   * Takes the header pages of a link, and follows the first stream whose first packet
   * `parse` understands; without one, no page is taken until the next headers. Headers
   * repeated out of band for the stream that is followed anyway do not disturb it.
   */
  begin<T extends object>(
    headers: Uint8Array,
    inBand: boolean,
    parse: (firstPacket: Uint8Array) => T | undefined,
  ): { readonly identity: T | undefined; readonly refused: boolean } {
    const pages = readOggPages(headers);
    let identity: T | undefined;
    const first = pages.find((page) => {
      const packet = (page.flags & oggFlags.firstPage) !== 0 ? readOggPacketParts(page)[0] : undefined;
      identity = packet && parse(packet.bytes);
      return identity !== undefined;
    });
    if (first !== undefined && !inBand && first.serial === this.#serial) return { identity, refused: false };
    const refused = this.#open !== undefined;
    this.#open = undefined;
    this.#isPassing = false;
    this.#serial = first?.serial;
    const last = inBand ? pages.findLast(({ serial }) => serial === first?.serial) : undefined;
    this.#nextSequence = last && (last.sequence + 1) >>> 0;
    return { identity, refused };
  }

  /** What one page completes or shows to be lost. Pages of other logical streams say nothing. */
  push(bytes: Uint8Array): OggPacketEvent[] {
    const events: OggPacketEvent[] = [];
    const page = parseOggPage(bytes);
    const pageBytes = page && oggPageHeaderBytes + page.lacing.length + page.body.length;
    if (page === undefined || pageBytes !== bytes.length || this.#serial === undefined) {
      this.#giveUp(events);
      this.#isPassing = true;
      // What it should have been is accounted for: the next page may have any number.
      this.#nextSequence = undefined;
      events.push('refused');
      return events;
    }
    if (page.serial !== this.#serial) return events;
    if (this.#nextSequence !== undefined && page.sequence !== this.#nextSequence) {
      this.#giveUp(events);
      this.#isPassing = true;
      events.push('missing');
    }
    this.#nextSequence = (page.sequence + 1) >>> 0;
    this.#read(page, events);
    return events;
  }

  #read(page: OggPage, events: OggPacketEvent[]): void {
    for (const { bytes, begins, ends } of readOggPacketParts(page)) {
      if (begins) {
        this.#giveUp(events);
        this.#isPassing = false;
        if (ends && bytes.length <= this.#maxPacketBytes) {
          events.push(bytes);
          continue;
        }
        this.#open = { parts: [], bytes: 0 };
      } else if (this.#open === undefined) {
        if (!this.#isPassing) events.push('refused');
        this.#isPassing = !ends;
        continue;
      }
      this.#append(this.#open!, bytes, events);
      if (ends) this.#close(events);
    }
  }

  #append(open: OpenPacket, bytes: Uint8Array, events: OggPacketEvent[]): void {
    if (open.bytes + bytes.length > this.#maxPacketBytes) {
      this.#giveUp(events);
      this.#isPassing = true;
      return;
    }
    // A copy, so that a small piece does not keep all that came with it in memory.
    open.parts.push(new Uint8Array(bytes));
    open.bytes += bytes.length;
  }

  #close(events: OggPacketEvent[]): void {
    if (this.#open !== undefined) events.push(Buffer.concat(this.#open.parts, this.#open.bytes));
    this.#open = undefined;
    this.#isPassing = false;
  }

  #giveUp(events: OggPacketEvent[]): void {
    if (this.#open !== undefined) events.push('refused');
    this.#open = undefined;
  }
}
