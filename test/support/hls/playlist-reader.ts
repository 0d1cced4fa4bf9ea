/**
 * Reads HLS playlists (RFC 8216bis §4) into plain values, more strictly than any player: a tag
 * that is unknown, doubled or in a place where it says nothing, an attribute list with a stray
 * byte, a number in another notation — each is refused with its line. What is well-formed and
 * wrong all the same is for the rules (playlist-rules.ts).
 */
import { Attributes, PlaylistSyntaxError, readDate, readInteger } from './attribute-list.ts';

export { PlaylistSyntaxError } from './attribute-list.ts';
export { disagreements } from './other-reader.ts';

export type PlaylistPart = {
  readonly line: number;
  readonly durationS: number;
  readonly uri: string;
  readonly isIndependent: boolean;
  readonly isGap: boolean;
};

/** What stands before the URI of a segment, or would. */
export type SegmentHead = {
  /** Of its first tag. */
  readonly line: number;
  readonly msn: number;
  readonly pdtMs: number | undefined;
  readonly isDiscontinuity: boolean;
  readonly discontinuitySequence: number;
  /** URI of the initialization section in force. */
  readonly map: string | undefined;
  readonly isGap: boolean;
  readonly parts: readonly PlaylistPart[];
  /** Names of its tags without `EXT-X-`, in their order; `PART` for each part. */
  readonly tags: readonly string[];
};

export type PlaylistSegment = SegmentHead & { readonly durationS: number; readonly uri: string };

export type DateRange = {
  readonly line: number;
  readonly attributes: ReadonlyMap<string, string>;
};

export type ServerControl = {
  readonly canBlockReload: boolean;
  readonly canSkipUntilS: number | undefined;
  readonly canSkipDateRanges: boolean;
  readonly holdBackS: number | undefined;
  readonly partHoldBackS: number | undefined;
};

export type PreloadHint = { readonly line: number; readonly type: string; readonly uri: string };

export type RenditionReport = {
  readonly line: number;
  readonly uri: string | undefined;
  readonly lastMsn: number | undefined;
  readonly lastPart: number | undefined;
};

export type MediaPlaylist = {
  readonly kind: 'media';
  readonly version: number;
  readonly targetDurationS: number | undefined;
  readonly partTargetS: number | undefined;
  readonly serverControl: ServerControl | undefined;
  readonly playlistType: string | undefined;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  /** Of a delta update: how many segments it leaves out. */
  readonly skippedSegments: number | undefined;
  readonly segments: readonly PlaylistSegment[];
  /** What has parts, or tags, and no URI yet. */
  readonly open: SegmentHead | undefined;
  readonly dateRanges: readonly DateRange[];
  readonly preloadHints: readonly PreloadHint[];
  readonly renditionReports: readonly RenditionReport[];
  readonly isEnded: boolean;
  /** Line of the last segment, part or tag of one. */
  readonly lastMediaLine: number;
};

export type PlaylistVariant = {
  readonly line: number;
  readonly uri: string;
  readonly bandwidthBps: number;
  readonly averageBandwidthBps: number | undefined;
  readonly codecs: string | undefined;
  readonly attributes: ReadonlyMap<string, string>;
};

export type MultivariantPlaylist = {
  readonly kind: 'multivariant';
  readonly version: number;
  readonly isIndependent: boolean;
  readonly variants: readonly PlaylistVariant[];
};

export type Playlist = MediaPlaylist | MultivariantPlaylist;

/** Sequence number of the segment after the last whole one. */
export function followingMsn(playlist: MediaPlaylist): number {
  return playlist.mediaSequence + (playlist.skippedSegments ?? 0) + playlist.segments.length;
}

/** @throws PlaylistSyntaxError for whatever the grammar does not allow */
export function readPlaylist(text: string): Playlist {
  const lines = splitLines(text);
  const isMultivariant = lines.some((line) => line.startsWith('#EXT-X-STREAM-INF'));
  return isMultivariant ? readMultivariant(lines) : new MediaReader(lines).read();
}

export function readMediaPlaylist(text: string): MediaPlaylist {
  const playlist = readPlaylist(text);
  if (playlist.kind !== 'media') throw new PlaylistSyntaxError(1, 'a multivariant playlist, not a media one');
  return playlist;
}

export function readMultivariantPlaylist(text: string): MultivariantPlaylist {
  const playlist = readPlaylist(text);
  if (playlist.kind !== 'multivariant')
    throw new PlaylistSyntaxError(1, 'a media playlist, not a multivariant one');
  return playlist;
}

function splitLines(text: string): readonly string[] {
  if (text.startsWith('\ufeff')) throw new PlaylistSyntaxError(1, 'byte order mark');
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  lines.forEach((line, i) => {
    if (/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/.test(line))
      throw new PlaylistSyntaxError(i + 1, 'control character');
    if (line.includes('\ufffd')) throw new PlaylistSyntaxError(i + 1, 'not UTF-8');
  });
  if (lines.at(-1) !== '') throw new PlaylistSyntaxError(lines.length, 'the last line does not end');
  if (lines[0] !== '#EXTM3U') throw new PlaylistSyntaxError(1, 'does not begin with #EXTM3U');
  return lines;
}

type Tag = { readonly name: string; readonly value: string | undefined };

/** Undefined for a comment or an empty line; a string for a URI. */
function classify(line: string, number: number): Tag | string | undefined {
  if (line === '') return undefined;
  if (!line.startsWith('#')) {
    if (/\s/.test(line)) throw new PlaylistSyntaxError(number, 'white space in a URI');
    return line;
  }
  if (!line.startsWith('#EXT')) return undefined;
  const colon = line.indexOf(':');
  const name = colon < 0 ? line.slice(1) : line.slice(1, colon);
  return { name: name.replace(/^EXT-X-/, ''), value: colon < 0 ? undefined : line.slice(colon + 1) };
}

function readMultivariant(lines: readonly string[]): MultivariantPlaylist {
  let version: number | undefined;
  let isIndependent = false;
  const variants: PlaylistVariant[] = [];
  let pending: { line: number; attributes: Attributes } | undefined;
  const known =
    /^(?:BANDWIDTH|AVERAGE-BANDWIDTH|SCORE|CODECS|SUPPLEMENTAL-CODECS|STABLE-VARIANT-ID|PATHWAY-ID)$/;
  lines.forEach((text, i) => {
    const line = i + 1;
    const item = classify(text, line);
    if (item === undefined || i === 0) return;
    if (typeof item === 'string') {
      if (!pending) throw new PlaylistSyntaxError(line, 'a URI without STREAM-INF');
      const { attributes } = pending;
      variants.push({
        line: pending.line,
        uri: item,
        bandwidthBps: attributes.required('BANDWIDTH', attributes.integer('BANDWIDTH')),
        averageBandwidthBps: attributes.integer('AVERAGE-BANDWIDTH'),
        codecs: attributes.quoted('CODECS'),
        attributes: attributes.values,
      });
      pending = undefined;
      return;
    }
    if (pending) throw new PlaylistSyntaxError(line, 'STREAM-INF is not followed by a URI');
    if (item.name === 'STREAM-INF') pending = { line, attributes: new Attributes(item.value, line, known) };
    else if (variants.length > 0) throw new PlaylistSyntaxError(line, `${item.name} after a variant`);
    else if (item.name === 'VERSION' && version === undefined)
      version = readInteger(item.value, line, 'VERSION');
    else if (item.name === 'INDEPENDENT-SEGMENTS' && item.value === undefined && !isIndependent)
      isIndependent = true;
    else throw new PlaylistSyntaxError(line, `${item.name} is unknown here, or there twice`);
  });
  if (pending) throw new PlaylistSyntaxError(lines.length, 'STREAM-INF is not followed by a URI');
  return { kind: 'multivariant', version: version ?? 1, isIndependent, variants };
}

/** Tags that speak of the whole playlist: once, and before the first segment. */
const headerTags = new Set([
  'VERSION',
  'TARGETDURATION',
  'SERVER-CONTROL',
  'PART-INF',
  'PLAYLIST-TYPE',
  'INDEPENDENT-SEGMENTS',
  'MEDIA-SEQUENCE',
  'DISCONTINUITY-SEQUENCE',
  'SKIP',
]);
const onceForASegment = new Set(['DISCONTINUITY', 'MAP', 'PROGRAM-DATE-TIME', 'GAP', 'EXTINF']);
const valueless = new Set(['DISCONTINUITY', 'GAP', 'ENDLIST', 'INDEPENDENT-SEGMENTS']);

class MediaReader {
  readonly #lines: readonly string[];
  readonly #header = new Map<string, { value: string | undefined; line: number }>();
  readonly #segments: PlaylistSegment[] = [];
  readonly #dateRanges: DateRange[] = [];
  readonly #hints: PreloadHint[] = [];
  readonly #reports: RenditionReport[] = [];
  #tags: string[] = [];
  #firstLine = 0;
  #pdtMs: number | undefined;
  #map: string | undefined;
  #durationS: number | undefined;
  #parts: PlaylistPart[] = [];
  #discontinuities = 0;
  #endLine = 0;
  #lastMediaLine = 0;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  read(): MediaPlaylist {
    this.#lines.forEach((text, i) => {
      const item = classify(text, i + 1);
      if (item === undefined || i === 0) return;
      if (typeof item === 'string') this.#uri(item, i + 1);
      else this.#tag(item, i + 1);
    });
    if (this.#durationS !== undefined)
      throw new PlaylistSyntaxError(this.#lastMediaLine, 'EXTINF without a URI');
    const open = this.#tags.length > 0 ? this.#head() : undefined;
    return {
      kind: 'media',
      version: this.#integer('VERSION') ?? 1,
      targetDurationS: this.#integer('TARGETDURATION'),
      partTargetS: this.#attributes('PART-INF', /^PART-TARGET$/)?.decimal('PART-TARGET'),
      serverControl: this.#serverControl(),
      playlistType: this.#header.get('PLAYLIST-TYPE')?.value,
      mediaSequence: this.#mediaSequence,
      discontinuitySequence: this.#integer('DISCONTINUITY-SEQUENCE') ?? 0,
      skippedSegments: this.#skipped,
      segments: this.#segments,
      open,
      dateRanges: this.#dateRanges,
      preloadHints: this.#hints,
      renditionReports: this.#reports,
      isEnded: this.#endLine > 0,
      lastMediaLine: this.#lastMediaLine,
    };
  }

  #tag({ name, value }: Tag, line: number): void {
    if (valueless.has(name) !== (value === undefined)) {
      throw new PlaylistSyntaxError(line, `${name} ${value === undefined ? 'without' : 'with'} a value`);
    }
    if (headerTags.has(name)) {
      if (this.#header.has(name)) throw new PlaylistSyntaxError(line, `${name} twice`);
      if (this.#segments.length > 0 || this.#tags.length > 0)
        throw new PlaylistSyntaxError(line, `${name} after the first segment began`);
      this.#header.set(name, { value, line });
      return;
    }
    if (onceForASegment.has(name) || name === 'PART') return this.#segmentTag(name, value, line);
    switch (name) {
      case 'DATERANGE': {
        const known =
          /^(?:ID|CLASS|START-DATE|CUE|END-DATE|DURATION|PLANNED-DURATION|END-ON-NEXT|X-[A-Z0-9-]+)$/;
        const attributes = new Attributes(value, line, known);
        for (const quoted of ['ID', 'CLASS', 'START-DATE', 'END-DATE']) attributes.quoted(quoted);
        attributes.yes('END-ON-NEXT');
        this.#dateRanges.push({ line, attributes: attributes.values });
        return;
      }
      case 'PRELOAD-HINT': {
        const attributes = new Attributes(value, line, /^(?:TYPE|URI|BYTERANGE-START|BYTERANGE-LENGTH)$/);
        const type = attributes.required('TYPE', attributes.word('TYPE'));
        if (type !== 'PART' && type !== 'MAP')
          throw new PlaylistSyntaxError(line, 'TYPE is neither PART nor MAP');
        this.#hints.push({ line, type, uri: attributes.required('URI', attributes.quoted('URI')) });
        return;
      }
      case 'RENDITION-REPORT': {
        const attributes = new Attributes(value, line, /^(?:URI|LAST-MSN|LAST-PART)$/);
        this.#reports.push({
          line,
          uri: attributes.quoted('URI'),
          lastMsn: attributes.integer('LAST-MSN'),
          lastPart: attributes.integer('LAST-PART'),
        });
        return;
      }
      case 'ENDLIST':
        if (this.#endLine > 0) throw new PlaylistSyntaxError(line, 'ENDLIST twice');
        this.#endLine = line;
        return;
      default:
        throw new PlaylistSyntaxError(line, `unknown tag ${name}`);
    }
  }

  #segmentTag(name: string, value: string | undefined, line: number): void {
    if (name !== 'PART' && this.#tags.includes(name))
      throw new PlaylistSyntaxError(line, `${name} twice for one segment`);
    if (this.#endLine > 0) throw new PlaylistSyntaxError(line, `${name} after ENDLIST`);
    if (this.#tags.length === 0) this.#firstLine = line;
    this.#tags.push(name);
    this.#lastMediaLine = line;
    if (name === 'DISCONTINUITY') this.#discontinuities += 1;
    else if (name === 'PROGRAM-DATE-TIME') this.#pdtMs = readDate(value, line);
    else if (name === 'EXTINF') {
      const match = /^(\d+(?:\.\d+)?),(.*)$/.exec(value!);
      if (!match) throw new PlaylistSyntaxError(line, 'EXTINF is no number with a comma behind it');
      this.#durationS = Number(match[1]);
    } else if (name === 'MAP') {
      const attributes = new Attributes(value, line, /^(?:URI|BYTERANGE)$/);
      this.#map = attributes.required('URI', attributes.quoted('URI'));
    } else if (name === 'PART') {
      if (this.#durationS !== undefined)
        throw new PlaylistSyntaxError(line, 'PART after the EXTINF of its parent');
      const attributes = new Attributes(value, line, /^(?:DURATION|URI|INDEPENDENT|GAP|BYTERANGE)$/);
      this.#parts.push({
        line,
        durationS: attributes.required('DURATION', attributes.decimal('DURATION')),
        uri: attributes.required('URI', attributes.quoted('URI')),
        isIndependent: attributes.yes('INDEPENDENT'),
        isGap: attributes.yes('GAP'),
      });
    }
  }

  #uri(uri: string, line: number): void {
    if (this.#durationS === undefined) throw new PlaylistSyntaxError(line, 'a URI without EXTINF');
    this.#lastMediaLine = line;
    this.#segments.push({ ...this.#head(), durationS: this.#durationS, uri });
    this.#tags = [];
    this.#parts = [];
    this.#pdtMs = undefined;
    this.#durationS = undefined;
  }

  #head(): SegmentHead {
    return {
      line: this.#firstLine,
      msn: this.#mediaSequence + (this.#skipped ?? 0) + this.#segments.length,
      pdtMs: this.#pdtMs,
      isDiscontinuity: this.#tags.includes('DISCONTINUITY'),
      discontinuitySequence: (this.#integer('DISCONTINUITY-SEQUENCE') ?? 0) + this.#discontinuities,
      map: this.#map,
      isGap: this.#tags.includes('GAP'),
      parts: this.#parts,
      tags: this.#tags,
    };
  }

  get #mediaSequence(): number {
    return this.#integer('MEDIA-SEQUENCE') ?? 0;
  }

  get #skipped(): number | undefined {
    const known = /^(?:SKIPPED-SEGMENTS|RECENTLY-REMOVED-DATERANGES)$/;
    const skip = this.#attributes('SKIP', known);
    return skip?.required('SKIPPED-SEGMENTS', skip.integer('SKIPPED-SEGMENTS'));
  }

  #serverControl(): ServerControl | undefined {
    const known = /^(?:CAN-BLOCK-RELOAD|CAN-SKIP-UNTIL|CAN-SKIP-DATERANGES|HOLD-BACK|PART-HOLD-BACK)$/;
    const control = this.#attributes('SERVER-CONTROL', known);
    return (
      control && {
        canBlockReload: control.yes('CAN-BLOCK-RELOAD'),
        canSkipUntilS: control.decimal('CAN-SKIP-UNTIL'),
        canSkipDateRanges: control.yes('CAN-SKIP-DATERANGES'),
        holdBackS: control.decimal('HOLD-BACK'),
        partHoldBackS: control.decimal('PART-HOLD-BACK'),
      }
    );
  }

  #integer(name: string): number | undefined {
    const tag = this.#header.get(name);
    return tag && readInteger(tag.value, tag.line, name);
  }

  #attributes(name: string, allowed: RegExp): Attributes | undefined {
    const tag = this.#header.get(name);
    return tag && new Attributes(tag.value, tag.line, allowed);
  }
}
