/**
 * Tells what a source sends from its first bytes, and from its Content-Type only where
 * the bytes do not tell: encoders are often set up with the wrong type.
 *
 * Containers begin with a magic number. MP3 and ADTS show themselves by two headers
 * in a row, at the start or anywhere in the first 4 KiB, since a source may join a
 * stream that is running. Under a type that is not known here, only the very start is
 * believed: a transport stream, for one, has AAC frames inside.
 */
import { adtsGrammar } from './adts-splitter.ts';
import type { Codec } from './frame-splitter.ts';
import { confirmFrame, type FrameGrammar, type FrameHeader } from './frame-sync.ts';
import { magicUndecided, matchMagic } from './magic-bytes.ts';
import { mp2Grammar } from './mp2-grammar.ts';
import { mp3Grammar } from './mp3-splitter.ts';
import { tagBytesAt, tagUndecided } from './tag-skipper.ts';

/** With this much the answer is final. */
export const maxSniffBytes = 4096;

export type SniffedCodec = {
  readonly codec: Codec;
  /** False while more bytes, up to {@link maxSniffBytes}, could change the answer. */
  readonly certain: boolean;
};

const codecsByType: ReadonlyMap<string, Codec> = new Map(
  Object.entries({
    mp3: 'audio/mpeg audio/mp3 audio/x-mp3 audio/mpeg3 audio/x-mpeg audio/x-mpeg-3 audio/mpg',
    aac: 'audio/aac audio/aacp audio/x-aac audio/x-aacp audio/x-hx-aac-adts',
    ogg: 'application/ogg application/x-ogg audio/ogg audio/x-ogg video/ogg audio/vorbis audio/opus audio/speex',
    flac: 'audio/flac audio/x-flac',
    matroska: 'audio/webm video/webm audio/x-matroska video/x-matroska audio/matroska video/matroska',
  } as const).flatMap(([codec, types]) => types.split(' ').map((type) => [type, codec as Codec] as const)),
);

/** Types that say nothing about the kind of audio. */
const genericTypes = new Set(['', 'application/octet-stream', 'binary/octet-stream', 'audio/unknown']);

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const oggMagic = ascii('OggS');
const containers: readonly (readonly [Uint8Array, Codec])[] = [
  [oggMagic, 'ogg'],
  [ascii('fLaC'), 'flac'],
  [ascii('\x1a\x45\xdf\xa3'), 'matroska'],
];
const oggPackets: readonly (readonly [Uint8Array, Codec])[] = [
  [ascii('\x01vorbis'), 'ogg-vorbis'],
  [ascii('OpusHead'), 'ogg-opus'],
  [ascii('\x7fFLAC'), 'ogg-flac'],
  [ascii('Speex   '), 'ogg-speex'],
];
const oggFlagsOffset = 5;
const oggSegmentCountOffset = 26;
const oggBeginOfStream = 2;

const framings: readonly (readonly [FrameGrammar<FrameHeader>, Codec])[] = [
  [mp3Grammar as FrameGrammar<FrameHeader>, 'mp3'],
  [adtsGrammar as FrameGrammar<FrameHeader>, 'aac'],
  [mp2Grammar as FrameGrammar<FrameHeader>, 'opaque'],
];

/** `head` is the stream from its first byte, up to {@link maxSniffBytes}; more is not looked at. */
export function sniffCodec(head: Uint8Array, contentType: string | undefined): SniffedCodec {
  const end = Math.min(head.length, maxSniffBytes);
  const isAll = end === maxSniffBytes;
  const type = mediaTypeOf(contentType);
  const declared = codecsByType.get(type);
  let start = 0;
  for (;;) {
    const tag = start < end ? tagBytesAt(head, start, end) : 0;
    if (tag === tagUndecided) return { codec: declared ?? 'opaque', certain: isAll };
    if (tag === 0) break;
    start += tag;
  }
  // Nothing but a tag: such tags belong to MP3, and next to AAC and FLAC.
  if (start > 0 && start >= end) {
    const codec = declared === 'aac' || declared === 'flac' ? declared : 'mp3';
    return { codec, certain: start >= maxSniffBytes };
  }
  const container = sniffContainer(head, start, end);
  if (container !== undefined) return { ...container, certain: container.certain || isAll };
  const isKnownType = declared !== undefined || genericTypes.has(type);
  const framing = sniffFraming(head, start, isKnownType ? end : Math.min(start + 1, end), end);
  if (framing?.certain) return framing;
  return {
    codec: declared ?? framing?.codec ?? 'opaque',
    certain: isAll || (!isKnownType && framing === undefined && end > start),
  };
}

/** By the magic number at the start; undefined if none can be there. */
function sniffContainer(head: Uint8Array, start: number, end: number): SniffedCodec | undefined {
  for (const [magic, codec] of containers) {
    const match = matchMagic(magic, head, start, end);
    if (match === 0) continue;
    if (match === magicUndecided) return start < end ? { codec, certain: false } : undefined;
    return magic === oggMagic ? sniffOggPage(head, start, end) : { codec, certain: true };
  }
  return undefined;
}

/** By the first packet of the first page, which names the codec of its logical stream. */
function sniffOggPage(head: Uint8Array, start: number, end: number): SniffedCodec {
  if (start + oggSegmentCountOffset >= end) return { codec: 'ogg', certain: false };
  if ((head[start + oggFlagsOffset]! & oggBeginOfStream) === 0) return { codec: 'ogg', certain: true };
  const packet = start + oggSegmentCountOffset + 1 + head[start + oggSegmentCountOffset]!;
  let certain = true;
  for (const [magic, codec] of oggPackets) {
    const match = matchMagic(magic, head, packet, end);
    if (match === 1) return { codec, certain: true };
    if (match === magicUndecided) certain = false;
  }
  return { codec: 'ogg', certain };
}

/** By two headers in a row that begin before `last`; at the start also, for now, by one that may be followed. */
function sniffFraming(head: Uint8Array, start: number, last: number, end: number): SniffedCodec | undefined {
  let guess: SniffedCodec | undefined;
  for (let at = start; at < last; at++) {
    if (head[at] !== 0xff) continue;
    for (const [grammar, codec] of framings) {
      const isFrame = judgeFrame(grammar, head, at, end, at === start);
      if (isFrame === true) return { codec, certain: true };
      if (isFrame === undefined && at === start) guess ??= { codec, certain: false };
    }
  }
  return guess;
}

/** Undefined while the bytes do not reach far enough to tell. */
function judgeFrame(
  grammar: FrameGrammar<FrameHeader>,
  head: Uint8Array,
  at: number,
  end: number,
  mayMeasure: boolean,
): boolean | undefined {
  if (at + grammar.headerBytes > end) return undefined;
  const header = grammar.parse(head, at);
  if (header === undefined) return false;
  const verdict =
    header.frameBytes > 0
      ? confirmFrame(grammar, head, at, end, header, false)
      : mayMeasure
        ? grammar.measure?.(head, at, end, header, false)
        : undefined;
  return typeof verdict === 'number' ? undefined : verdict !== undefined;
}

/**
 * The Content-Type for listeners: the declared one where it fits what the bytes are,
 * with its parameters, else the codec's own.
 */
export function contentTypeOf(codec: Codec, declared: string | undefined): string {
  const type = mediaTypeOf(declared);
  const kept = declared !== undefined && isSafeType.test(declared) ? declared.trim() : undefined;
  switch (codec) {
    case 'mp3':
      return 'audio/mpeg';
    case 'aac':
      return type === 'audio/aacp' ? type : 'audio/aac';
    case 'flac':
      return 'audio/flac';
    case 'opaque':
      return kept ?? 'application/octet-stream';
    case 'matroska':
      return (codecsByType.get(type) === 'matroska' ? kept : undefined) ?? 'audio/webm';
    default:
      return (/^(?:application|audio|video)\/ogg$/.test(type) ? kept : undefined) ?? 'application/ogg';
  }
}

/** A media type with parameters (RFC 9110 §8.3.1) and nothing that could end a header line. */
const isSafeType = /^\s*[\w!#$&^.+-]{1,64}\/[\w!#$&^.+-]{1,64}[ \t]*(?:;[\x20-\x7e]{0,128})?$/;

/** In lower case and without parameters; '' for none. */
function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}
