/**
 * What the elements before the first Cluster of a Matroska or WebM stream say about it
 * (RFC 9559 §5.1): the time scale, the first audio track and the tags.
 */

import { readEbmlFloat, readEbmlHead, readEbmlString, readEbmlUint, walkEbml } from './ebml.ts';
import { matroskaIds } from './matroska-ids.ts';
import { decodeCommentValue, maxVorbisComments } from './vorbis-comment.ts';

const headerIds = {
  timecodeScale: 0x2ad7b1,
  title: 0x7ba9,
  trackEntry: 0xae,
  trackType: 0x83,
  codecId: 0x86,
  defaultDuration: 0x23e383,
  audio: 0xe1,
  samplingFrequency: 0xb5,
  channels: 0x9f,
  tag: 0x7373,
  simpleTag: 0x67c8,
  tagName: 0x45a3,
  tagString: 0x4487,
} as const;

const trackTypes = { video: 1, audio: 2 } as const;

export type MatroskaAudio = {
  /** As Matroska writes it: `A_OPUS`. */
  readonly codecId: string;
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Playing time of a block; 0 where the header does not tell. */
  readonly blockUs: number;
};

export type MatroskaHeader = {
  /** Microseconds of a unit of time. */
  readonly tickUs: number;
  readonly audio: MatroskaAudio | undefined;
  readonly hasVideo: boolean;
  /** Keys in lower case, bounded like those of Ogg comments. */
  readonly tags: ReadonlyMap<string, string>;
};

const codecNames: Readonly<Record<string, string>> = {
  A_OPUS: 'Opus',
  A_VORBIS: 'Vorbis',
  A_FLAC: 'FLAC',
  'A_MPEG/L3': 'MP3',
};

/** Short name of a codec for status pages. */
export function nameMatroskaCodec(codecId: string): string {
  return codecNames[codecId] ?? codecId.replace(/^A_/, '').replace(/\/.*$/, '');
}

/** Reads header bytes that begin with the EBML element and whose Segment is open to the end. */
export function parseMatroskaHeader(bytes: Uint8Array): MatroskaHeader {
  let tickUs = 1000;
  let audio: MatroskaAudio | undefined;
  let hasVideo = false;
  const tags = new Map<string, string>();
  const addTag = (key: string, value: Uint8Array) => {
    if (key !== '' && tags.size < maxVorbisComments && !tags.has(key))
      tags.set(key, decodeCommentValue(value));
  };

  walkEbml(bytes, findSegmentBody(bytes), bytes.length, (id, from, to) => {
    if (id === matroskaIds.info) {
      walkEbml(bytes, from, to, (child, start, end) => {
        if (child === headerIds.timecodeScale) tickUs = readEbmlUint(bytes, start, end) / 1000 || tickUs;
        if (child === headerIds.title) addTag('title', readEbmlString(bytes, start, end));
      });
    } else if (id === matroskaIds.tracks) {
      walkEbml(bytes, from, to, (child, start, end) => {
        if (child !== headerIds.trackEntry) return;
        const track = parseTrack(bytes, start, end);
        hasVideo ||= track.type === trackTypes.video;
        if (track.type === trackTypes.audio) audio ??= track;
      });
    } else if (id === matroskaIds.tags) {
      walkTags(bytes, from, to, addTag);
    }
  });
  return { tickUs, audio, hasVideo, tags };
}

function findSegmentBody(bytes: Uint8Array): number {
  const ebml = readEbmlHead(bytes, 0, bytes.length);
  if (typeof ebml === 'string' || ebml.size > bytes.length) return bytes.length;
  const segmentAt = ebml.headBytes + ebml.size;
  const segment = readEbmlHead(bytes, segmentAt, bytes.length);
  return typeof segment === 'string' ? bytes.length : segmentAt + segment.headBytes;
}

function parseTrack(bytes: Uint8Array, from: number, to: number): MatroskaAudio & { type: number } {
  let type = 0;
  let codecId = '';
  let blockUs = 0;
  // The defaults of RFC 9559 for elements that are left out.
  let sampleRateHz = 8000;
  let channels = 1;
  walkEbml(bytes, from, to, (id, start, end) => {
    if (id === headerIds.trackType) type = readEbmlUint(bytes, start, end);
    else if (id === headerIds.codecId) codecId = readKey(bytes, start, end);
    else if (id === headerIds.defaultDuration) blockUs = readEbmlUint(bytes, start, end) / 1000;
    else if (id === headerIds.audio) {
      walkEbml(bytes, start, end, (child, valueAt, valueEnd) => {
        if (child === headerIds.samplingFrequency) sampleRateHz = readEbmlFloat(bytes, valueAt, valueEnd);
        if (child === headerIds.channels) channels = readEbmlUint(bytes, valueAt, valueEnd);
      });
    }
  });
  return { type, codecId, blockUs, sampleRateHz, channels };
}

function walkTags(
  bytes: Uint8Array,
  from: number,
  to: number,
  add: (key: string, value: Uint8Array) => void,
): void {
  walkEbml(bytes, from, to, (tag, tagAt, tagEnd) => {
    if (tag !== headerIds.tag) return;
    walkEbml(bytes, tagAt, tagEnd, (id, start, end) => {
      if (id !== headerIds.simpleTag) return;
      let key = '';
      let value: Uint8Array | undefined;
      walkEbml(bytes, start, end, (child, valueAt, valueEnd) => {
        if (child === headerIds.tagName) key = readKey(bytes, valueAt, valueEnd).toLowerCase();
        if (child === headerIds.tagString) value = readEbmlString(bytes, valueAt, valueEnd);
      });
      if (value !== undefined) add(key, value);
    });
  });
}

/** Names are ASCII; longer ones than 64 bytes are none that anyone looks for. */
function readKey(bytes: Uint8Array, from: number, to: number): string {
  const value = readEbmlString(bytes, from, to);
  return value.length > 64 ? '' : Buffer.from(value).toString('latin1');
}
