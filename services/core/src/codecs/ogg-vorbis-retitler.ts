/**
 * Puts titles given from outside into an Ogg Vorbis stream, as Icecast does for
 * `/admin/metadata` on Vorbis mounts: the logical stream is ended and a new one begun
 * whose comment header carries the title (a chained stream, RFC 3533 §4).
 *
 * Works on the splitter's events, page by page, and never decodes. A title takes effect
 * at the next page that begins a packet. Later pages keep their body and get the new
 * serial, a restarted sequence and granule positions counted from the change. The last
 * packet before the change is repeated in front of the first page after it, because a
 * Vorbis decoder gives no sound for the first packet it sees: so no sample is lost, and
 * the granule positions are those a decoder counts. Gaps in the source's sequence numbers
 * stay gaps. Streams that are not a single Vorbis stream pass unchanged.
 */

import type { FrameEvent, HeadersEvent, SplitterEvent, TagsEvent } from './frame-splitter.ts';
import {
  collectOggPackets,
  laceOggPacket,
  paginateOggPackets,
  readOggPacketParts,
  readOggPages,
} from './ogg-packets.ts';
import { encodeOggPage, measureOggPage, type OggPage, oggFlags, readOggPage } from './ogg-page.ts';
import {
  createTagsEvent,
  encodeVorbisComment,
  parseVorbisComment,
  readVorbisCommentKey,
  splitVorbisComment,
} from './vorbis-comment.ts';

/** What a source or an operator set; without an artist the old one is cleared. */
export type OggVorbisTitle = { readonly title: string; readonly artist?: string };

/** The three header packets of the source's current link. */
type Link = {
  readonly serial: number;
  readonly identification: Uint8Array;
  readonly comment: Uint8Array;
  readonly setup: Uint8Array;
};

/** How the source's pages become ours since the latest title. */
type Renumbering = { readonly serial: number; readonly sequenceShift: number; readonly granuleShift: bigint };

const maxFieldBytes = 1024;
const commentSignature = Uint8Array.of(3, 0x76, 0x6f, 0x72, 0x62, 0x69, 0x73);

export class OggVorbisRetitler {
  #link: Link | undefined;
  #renumbering: Renumbering | undefined;
  #pending: { readonly title: OggVorbisTitle; readonly serial: number } | undefined;
  /** The source's latest granule position and sequence number in this link. */
  #granule = 0n;
  #sequence = 0;
  #ended = false;
  /** The latest whole packet and whether nothing of a further one has passed. */
  #lastPacket: Uint8Array | undefined;

  /** Whether a title given now will appear in the stream. */
  get canRetitle(): boolean {
    return this.#link !== undefined;
  }

  /** The title takes effect with the events that follow; `serial` is the new stream's, if it is not in use. */
  setTitle(title: OggVorbisTitle, serial: number): void {
    this.#pending = { title, serial: serial >>> 0 };
  }

  process(event: SplitterEvent): SplitterEvent[] {
    if (event.type === 'headers') return this.#takeHeaders(event);
    if (event.type === 'frame' && this.#link !== undefined) return this.#takeFrame(event, this.#link);
    return [event];
  }

  /** A link that the source began by itself: its own title is the newer one, unless one is waiting. */
  #takeHeaders(event: HeadersEvent): SplitterEvent[] {
    const pages = readOggPages(event.data);
    this.#link = readLink(pages);
    this.#renumbering = undefined;
    this.#granule = 0n;
    this.#sequence = pages.at(-1)?.sequence ?? 0;
    this.#ended = false;
    this.#lastPacket = undefined;
    if (this.#link === undefined || this.#pending === undefined) return [event];
    return this.#beginLink(this.#link, this.#pending);
  }

  #takeFrame(event: FrameEvent, link: Link): SplitterEvent[] {
    const length = measureOggPage(event.data, 0, event.data.length);
    if (length !== event.data.length) return [event];
    const page = readOggPage(event.data, 0, length);
    if (page.serial !== link.serial) return [event];
    const events: SplitterEvent[] = [];
    if (this.#pending !== undefined && (page.flags & oggFlags.continued) === 0 && page.body.length > 0) {
      if (!this.#ended) events.push(this.#endLink(link));
      // The source's next page follows the pages of ours that are given here.
      this.#sequence = (page.sequence - 1) >>> 0;
      events.push(...this.#beginLink(link, this.#pending));
    }
    const repeated = events.length > 0 ? this.#lastPacket : undefined;
    this.#remember(page);
    if (this.#renumbering === undefined) events.push(event);
    else events.push({ ...event, data: rewrite(page, this.#renumbering, repeated) });
    return events;
  }

  #remember(page: OggPage): void {
    if (page.granule >= 0n) this.#granule = page.granule;
    this.#sequence = page.sequence;
    this.#ended = (page.flags & oggFlags.lastPage) !== 0;
    const last = readOggPacketParts(page).at(-1);
    if (last !== undefined) this.#lastPacket = last.begins && last.ends ? last.bytes : undefined;
  }

  /** An empty page with the EOS flag; RFC 3533 allows one that only carries the position. */
  #endLink(link: Link): FrameEvent {
    const how = this.#renumbering;
    const data = encodeOggPage({
      flags: oggFlags.lastPage,
      granule: how === undefined ? this.#granule : rebase(this.#granule, how),
      serial: how?.serial ?? link.serial,
      sequence: (this.#sequence + 1 + (how?.sequenceShift ?? 0)) >>> 0,
      lacing: new Uint8Array(0),
      body: new Uint8Array(0),
    });
    return { type: 'frame', data, durationUs: 0, syncPoint: false };
  }

  #beginLink(
    link: Link,
    { title, serial: wanted }: { title: OggVorbisTitle; serial: number },
  ): SplitterEvent[] {
    this.#pending = undefined;
    const inUse = this.#renumbering?.serial ?? link.serial;
    const serial = wanted === inUse ? (wanted + 1) >>> 0 : wanted;
    const comment = retitleComment(link.comment, title);
    const how = { serial, sequence: 0, flags: oggFlags.firstPage, granule: 0n };
    const headers = [
      ...paginateOggPackets([link.identification], how),
      ...paginateOggPackets([comment, link.setup], { ...how, sequence: 1, flags: 0 }),
    ];
    const events: SplitterEvent[] = [
      tagsOf(comment),
      { type: 'headers', data: Buffer.concat(headers), inBand: true },
    ];
    this.#renumbering = {
      serial,
      sequenceShift: headers.length - (this.#sequence + 1),
      granuleShift: this.#granule,
    };
    return events;
  }
}

/** The page in our numbering, with a packet in front that the decoder needs to begin with, if there is room for it. */
function rewrite(page: OggPage, how: Renumbering, repeated: Uint8Array | undefined): Uint8Array {
  const ours = {
    ...page,
    granule: page.granule < 0n ? page.granule : rebase(page.granule, how),
    serial: how.serial,
    sequence: (page.sequence + how.sequenceShift) >>> 0,
  };
  const lacing = repeated === undefined ? [] : laceOggPacket(repeated.length);
  if (repeated === undefined || lacing.length + page.lacing.length > 255) return encodeOggPage(ours);
  return encodeOggPage({
    ...ours,
    // The packet in front ends here, and it gives no sound.
    granule: ours.granule < 0n ? 0n : ours.granule,
    lacing: Uint8Array.from([...lacing, ...page.lacing]),
    body: Buffer.concat([repeated, page.body]),
  });
}

/** A source's position may step back; what would fall before the beginning stands at it. */
function rebase(granule: bigint, how: Renumbering): bigint {
  return granule > how.granuleShift ? granule - how.granuleShift : 0n;
}

function readLink(pages: readonly OggPage[]): Link | undefined {
  const serial = pages[0]?.serial;
  if (serial === undefined || pages.some((page) => page.serial !== serial)) return undefined;
  const [identification, comment, setup] = collectOggPackets(pages);
  if (identification === undefined || comment === undefined || setup === undefined) return undefined;
  const isVorbis = [identification, comment, setup].every(
    (packet, index) =>
      packet[0] === 1 + 2 * index &&
      commentSignature.subarray(1).every((byte, at) => packet[at + 1] === byte),
  );
  return isVorbis ? { serial, identification, comment, setup } : undefined;
}

/** The comment packet with artist and title replaced; everything else is kept byte for byte. */
function retitleComment(packet: Uint8Array, { title, artist }: OggVorbisTitle): Uint8Array {
  const old = splitVorbisComment(packet.subarray(commentSignature.length));
  const kept = (old?.comments ?? []).filter((comment) => {
    const key = readVorbisCommentKey(comment);
    return key !== 'artist' && key !== 'title';
  });
  const fields: Uint8Array[] = [];
  if (artist !== undefined && artist !== '') fields.push(encodeField('ARTIST=', artist));
  if (title !== '') fields.push(encodeField('TITLE=', title));
  const body = encodeVorbisComment(old?.vendor ?? new Uint8Array(0), [...fields, ...kept]);
  return Buffer.concat([commentSignature, body, Uint8Array.of(1)]);
}

function encodeField(key: string, value: string): Uint8Array {
  const bytes = new Uint8Array(maxFieldBytes);
  // encodeInto stops before a character that does not fit.
  const { written } = new TextEncoder().encodeInto(value, bytes);
  return Buffer.concat([Buffer.from(key), bytes.subarray(0, written)]);
}

function tagsOf(commentPacket: Uint8Array): TagsEvent {
  return createTagsEvent(parseVorbisComment(commentPacket.subarray(commentSignature.length)) ?? new Map());
}
