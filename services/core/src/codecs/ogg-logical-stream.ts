/**
 * One logical stream of an Ogg physical stream: what codec it carries, which of its
 * pages are headers, and how its granule positions become time.
 *
 * Codec mappings: Vorbis I §A.2, RFC 7845 (Opus), Ogg FLAC mapping 1.0, Speex manual
 * §7.3, Theora §A.2, Ogg Skeleton 3 and 4. Streams of other codecs are accepted: their
 * header pages are taken to be those with granule position 0.
 */

import { type OggPacketPart, readOggPacketParts } from './ogg-packets.ts';
import { type OggPage, oggFlags } from './ogg-page.ts';
import { SampleClock } from './sample-clock.ts';

export type OggStreamKind = 'vorbis' | 'opus' | 'flac' | 'speex' | 'theora' | 'skeleton' | 'unknown';

export type OggPageRole = 'header' | 'data' | 'broken';

type Identity = {
  readonly kind: OggStreamKind;
  /** Header packets with the first; Infinity where only the stream itself tells. */
  readonly headerPackets: number;
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly bitrateKbps: number;
  /** Granule positions per second. */
  readonly granuleRate: number;
  /** Granule position of the first sample that is heard. */
  readonly firstGranule: number;
};

/** A page of an audio stream plays for less; more is a jump of the granule position. */
const maxPageSeconds = 10;

export class OggLogicalStream {
  readonly identity: Identity;
  #headerPackets = 0;
  #packetOpen = false;
  #lastHeader = false;
  #headersDone = false;
  #granule: bigint | undefined;
  readonly #time = new SampleClock();

  constructor(firstPage: OggPage) {
    const first = readOggPacketParts(firstPage)[0];
    this.identity = identifyOggStream(first?.bytes ?? new Uint8Array(0));
  }

  get headersDone(): boolean {
    return this.#headersDone;
  }

  get isAudio(): boolean {
    return this.identity.channels > 0;
  }

  /** Counts the page towards the headers, and tells whether it is one; `broken` if headers are missing. */
  classify(page: OggPage): OggPageRole {
    if (this.#headersDone) return 'data';
    if (this.identity.kind === 'skeleton' || this.identity.kind === 'unknown') {
      this.#headersDone =
        (page.granule !== 0n && page.granule !== -1n) || (page.flags & oggFlags.lastPage) !== 0;
      return page.granule === 0n || page.granule === -1n ? 'header' : 'data';
    }
    if (((page.flags & oggFlags.continued) !== 0) !== this.#packetOpen) return 'broken';
    for (const part of readOggPacketParts(page)) {
      const role = part.begins ? this.#beginHeader(part) : 'header';
      if (role !== 'header') return role;
      this.#packetOpen = !part.ends;
      if (part.ends) this.#headerPackets++;
      if (part.ends && (this.#lastHeader || this.#headerPackets >= this.identity.headerPackets)) {
        this.#headersDone = true;
        break;
      }
    }
    return 'header';
  }

  #beginHeader(part: OggPacketPart): OggPageRole {
    const index = this.#headerPackets;
    if (index === 0) return 'header';
    const first = part.bytes[0] ?? 0;
    if (this.identity.kind === 'flac') {
      if (first === 0xff) {
        this.#headersDone = true;
        return 'data';
      }
      this.#lastHeader = (first & 0x80) !== 0;
      return 'header';
    }
    return isHeaderPacket(this.identity.kind, index, part.bytes) ? 'header' : 'broken';
  }

  /** Playing time that a data page adds, from its granule position and the one before. */
  advanceUs(granule: bigint): number {
    // Negative positions are −1, "no packet ends here", or nonsense.
    if (granule < 0n || this.identity.granuleRate === 0) return 0;
    const before = this.#granule;
    this.#granule = granule;
    const from = before ?? BigInt(this.identity.firstGranule);
    const samples = Number(granule - from);
    if (samples <= 0) return 0;
    if (samples <= maxPageSeconds * this.identity.granuleRate) {
      return this.#time.advance(samples, this.identity.granuleRate);
    }
    // A first page far from zero means that the source joined a running stream.
    return before === undefined ? 0 : maxPageSeconds * 1e6;
  }

  /** The comment header inside this stream's header packets, without its signature. */
  findComment(packets: readonly Uint8Array[]): Uint8Array | undefined {
    const packet = packets[1];
    if (packet === undefined) return undefined;
    switch (this.identity.kind) {
      case 'vorbis':
      case 'theora':
        return packet.subarray(7);
      case 'opus':
        return packet.subarray(8);
      case 'speex':
        return packet;
      case 'flac':
        return (packet[0]! & 0x7f) === 4 ? packet.subarray(4) : undefined;
      default:
        return undefined;
    }
  }
}

function isHeaderPacket(kind: OggStreamKind, index: number, packet: Uint8Array): boolean {
  switch (kind) {
    case 'vorbis':
      return packet[0] === 1 + 2 * index && hasText(packet, 1, 'vorbis');
    case 'theora':
      return packet[0] === 0x80 + index && hasText(packet, 1, 'theora');
    case 'opus':
      return hasText(packet, 0, 'OpusTags');
    default:
      return true;
  }
}

function identifyOggStream(packet: Uint8Array): Identity {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  if (packet[0] === 1 && hasText(packet, 1, 'vorbis') && packet.length >= 30) {
    const nominal = view.getInt32(20, true);
    return audio('vorbis', 3, view.getUint32(12, true), packet[11]!, Math.max(nominal, 0));
  }
  if (hasText(packet, 0, 'OpusHead') && packet.length >= 19) {
    const opus = audio('opus', 2, 48_000, packet[9]!, 0);
    return { ...opus, firstGranule: view.getUint16(10, true) };
  }
  if (packet[0] === 0x7f && hasText(packet, 1, 'FLAC') && packet.length >= 51) {
    const count = view.getUint16(7);
    const rate = (packet[27]! << 12) | (packet[28]! << 4) | (packet[29]! >> 4);
    return audio('flac', count === 0 ? Infinity : 1 + count, rate, ((packet[29]! >> 1) & 7) + 1, 0);
  }
  if (hasText(packet, 0, 'Speex   ') && packet.length >= 72) {
    const extra = Math.min(view.getUint32(68, true), 16);
    const bitrate = Math.max(view.getInt32(52, true), 0);
    return audio('speex', 2 + extra, view.getUint32(36, true), view.getUint32(48, true), bitrate);
  }
  if (packet[0] === 0x80 && hasText(packet, 1, 'theora')) return other('theora', 3);
  if (hasText(packet, 0, 'fishead\0')) return other('skeleton', Infinity);
  return other('unknown', Infinity);
}

function audio(
  kind: OggStreamKind,
  headerPackets: number,
  rate: number,
  channels: number,
  bitrate: number,
): Identity {
  return {
    kind,
    headerPackets,
    sampleRateHz: rate,
    channels: Math.min(Math.max(channels, 1), 255),
    bitrateKbps: Math.round(bitrate / 1000),
    granuleRate: rate,
    firstGranule: 0,
  };
}

function other(kind: OggStreamKind, headerPackets: number): Identity {
  return {
    kind,
    headerPackets,
    sampleRateHz: 0,
    channels: 0,
    bitrateKbps: 0,
    granuleRate: 0,
    firstGranule: 0,
  };
}

function hasText(bytes: Uint8Array, at: number, text: string): boolean {
  if (bytes.length < at + text.length) return false;
  for (let index = 0; index < text.length; index++) {
    if (bytes[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
