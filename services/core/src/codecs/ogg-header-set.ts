/**
 * The header pages at the beginning of an Ogg link: those of all logical streams that
 * begin together, gathered until every stream has told what it must.
 *
 * Bounded to 256 KiB and 16 streams. A set that grows larger, or in which a header
 * packet is missing, is given up: its pages can then only be relayed as they are.
 */

import type { StreamFormat, TagsEvent } from './frame-splitter.ts';
import { OggLogicalStream, type OggPageRole, type OggStreamKind } from './ogg-logical-stream.ts';
import { collectOggPackets } from './ogg-packets.ts';
import { type OggPage, oggFlags } from './ogg-page.ts';
import { createTagsEvent, parseVorbisComment } from './vorbis-comment.ts';

export const maxOggHeaderBytes = 262_144;
export const maxOggStreams = 16;

const names: Partial<Record<OggStreamKind, { codec: StreamFormat['codec']; subtype: string }>> = {
  vorbis: { codec: 'ogg-vorbis', subtype: 'Vorbis' },
  opus: { codec: 'ogg-opus', subtype: 'Opus' },
  flac: { codec: 'ogg-flac', subtype: 'FLAC' },
  speex: { codec: 'ogg-speex', subtype: 'Speex' },
};

export class OggHeaderSet {
  readonly #streams = new Map<number, OggLogicalStream>();
  #pages: { page: OggPage; bytes: Uint8Array }[] = [];
  #bytes = 0;
  #beginning = true;
  #primary: OggLogicalStream | undefined;

  /** The stream whose granule positions are the time of all: the first audio stream, else the first. */
  get primary(): OggLogicalStream | undefined {
    return this.#primary;
  }

  /** Whether a BOS page now would still belong to this set: no other page has come yet, and its serial is new. */
  takesFirstPage(serial: number): boolean {
    return this.#beginning && !this.#streams.has(serial);
  }

  find(serial: number): OggLogicalStream | undefined {
    return this.#streams.get(serial);
  }

  /** Takes a page of one of the streams, or a BOS page. `data` leaves it to the caller: the headers have ended. */
  add(page: OggPage, bytes: Uint8Array): OggPageRole {
    let stream = this.#streams.get(page.serial);
    if ((page.flags & oggFlags.firstPage) !== 0) {
      stream = new OggLogicalStream(page);
      this.#streams.set(page.serial, stream);
      if (this.#primary === undefined || (stream.isAudio && !this.#primary.isAudio)) this.#primary = stream;
    } else {
      this.#beginning = false;
    }
    const role = stream?.classify(page) ?? 'broken';
    if (role === 'data') return this.#isWholeExceptUntold() ? 'data' : 'broken';
    this.#pages.push({ page, bytes });
    this.#bytes += bytes.length;
    const fits = this.#bytes <= maxOggHeaderBytes && this.#streams.size <= maxOggStreams;
    return fits ? role : 'broken';
  }

  /** Whether every stream has had all its headers. */
  get isWhole(): boolean {
    for (const stream of this.#streams.values()) if (!stream.headersDone) return false;
    return true;
  }

  /** Streams that never say how many headers they have end them where another's data begins. */
  #isWholeExceptUntold(): boolean {
    for (const stream of this.#streams.values()) {
      if (!stream.headersDone && stream.identity.headerPackets !== Infinity) return false;
    }
    return true;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Hands the gathered pages over; the set keeps only its streams. */
  releasePages(): Uint8Array[] {
    const pages = this.#pages.map((entry) => entry.bytes);
    this.#pages = [];
    this.#bytes = 0;
    return pages;
  }

  /** The comments of the primary stream. To be asked before the pages are released. */
  readTags(): TagsEvent | undefined {
    const primary = this.#primary;
    if (primary === undefined) return undefined;
    const own = this.#pages.filter(({ page }) => this.#streams.get(page.serial) === primary);
    const comment = primary.findComment(collectOggPackets(own.map(({ page }) => page)));
    const all = comment && parseVorbisComment(comment);
    return all && createTagsEvent(all);
  }

  describe(): StreamFormat {
    const identity = this.#primary?.identity;
    const name = identity && names[identity.kind];
    if (identity === undefined || name === undefined) return { codec: 'ogg' };
    let content = 0;
    for (const stream of this.#streams.values()) if (stream.identity.kind !== 'skeleton') content++;
    return {
      codec: content === 1 ? name.codec : 'ogg',
      ...(identity.sampleRateHz > 0 ? { sampleRateHz: identity.sampleRateHz } : {}),
      channels: identity.channels,
      subtype: name.subtype,
      ...(identity.bitrateKbps > 0 ? { bitrateKbps: identity.bitrateKbps } : {}),
    };
  }
}
