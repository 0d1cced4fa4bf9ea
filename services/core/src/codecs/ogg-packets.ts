/**
 * Packets in Ogg pages (RFC 3533 §5): taken out of a run of pages, and laid into new ones.
 *
 * Only used on header pages and on single data pages, whose total size the callers bound.
 */

import { encodeOggPage, type OggPage, oggFlags, parseOggPage } from './ogg-page.ts';

export type OggPacketPart = {
  readonly bytes: Uint8Array;
  /** False for the tail of a packet that began on an earlier page. */
  readonly begins: boolean;
  /** False where the packet goes on on the next page. */
  readonly ends: boolean;
};

/** The packets, and pieces of packets, that lie on a page, in order. They share its bytes. */
export function readOggPacketParts(page: OggPage): OggPacketPart[] {
  const parts: OggPacketPart[] = [];
  let begins = (page.flags & oggFlags.continued) === 0;
  let at = 0;
  let from = 0;
  let open = false;
  for (const length of page.lacing) {
    at += length;
    open = length === 255;
    if (open) continue;
    parts.push({ bytes: page.body.subarray(from, at), begins, ends: true });
    begins = true;
    from = at;
  }
  if (open) parts.push({ bytes: page.body.subarray(from, at), begins, ends: false });
  return parts;
}

/** The whole packets of one logical stream's consecutive pages; pieces without a beginning are left out. */
export function collectOggPackets(pages: Iterable<OggPage>): Uint8Array[] {
  const packets: Uint8Array[] = [];
  let open: Uint8Array[] | undefined;
  for (const page of pages) {
    for (const part of readOggPacketParts(page)) {
      if (part.begins) open = [];
      if (open === undefined) continue;
      open.push(part.bytes);
      if (!part.ends) continue;
      packets.push(open.length === 1 ? part.bytes : Buffer.concat(open));
      open = undefined;
    }
  }
  return packets;
}

/** The pages that follow each other in `bytes`, up to the first place that is not a good page. */
export function readOggPages(bytes: Uint8Array): OggPage[] {
  const pages: OggPage[] = [];
  for (let at = 0; at < bytes.length; ) {
    const page = parseOggPage(bytes, at);
    if (page === undefined) break;
    pages.push(page);
    at += 27 + page.lacing.length + page.body.length;
  }
  return pages;
}

export type OggPagination = {
  readonly serial: number;
  /** Sequence number of the first page. */
  readonly sequence: number;
  /** Flags of the first page; later ones only say whether they continue a packet. */
  readonly flags: number;
  /** Granule position of the pages on which a packet ends. */
  readonly granule: bigint;
};

/** The lacing values of a whole packet. */
export function laceOggPacket(length: number): number[] {
  const lacing: number[] = [];
  for (let left = length; left >= 0; left -= 255) lacing.push(Math.min(left, 255));
  return lacing;
}

/** Lays packets one after another into as few pages as they need. */
export function paginateOggPackets(packets: readonly Uint8Array[], how: OggPagination): Uint8Array[] {
  const lacing = packets.flatMap((packet) => laceOggPacket(packet.length));
  const body = packets.length === 1 ? packets[0]! : Buffer.concat(packets);
  const pages: Uint8Array[] = [];
  let at = 0;
  for (let from = 0; from < lacing.length; from += 255) {
    const values = lacing.slice(from, from + 255);
    const length = values.reduce((sum, value) => sum + value, 0);
    const continues = from > 0 && lacing[from - 1] === 255 ? oggFlags.continued : 0;
    pages.push(
      encodeOggPage({
        flags: from === 0 ? how.flags : continues,
        granule: values.some((value) => value < 255) ? how.granule : -1n,
        serial: how.serial,
        sequence: (how.sequence + pages.length) >>> 0,
        lacing: Uint8Array.from(values),
        body: body.subarray(at, at + length),
      }),
    );
    at += length;
  }
  return pages;
}
