/**
 * Follows one media playlist for the walker: what two loops see of it, each in its own order,
 * and every resource that either is told of, fetched once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  disagreements,
  followingMsn,
  type MediaPlaylist,
  type PlaylistSegment,
  readMediaPlaylist,
} from './playlist-reader.ts';
import { applyDelta, checkPlaylist, checkSame, checkSuccession, listedUris } from './playlist-rules.ts';
import type { ResourceFetcher } from './resource-fetcher.ts';

export type HeardSegment = {
  readonly msn: number;
  readonly uri: string;
  readonly durationS: number;
  readonly pdtMs: number | undefined;
  readonly isDiscontinuity: boolean;
  readonly isGap: boolean;
  /** Its initialization section; undefined where it has none. */
  readonly init: Uint8Array | undefined;
  /** Undefined for a gap, and where it could not be had or not be kept. */
  readonly data: Uint8Array | undefined;
};

export type RenditionFindings = {
  readonly url: string;
  /** In the order of their numbers. */
  readonly segments: readonly HeardSegment[];
  readonly playlists: number;
  readonly deltas: number;
  readonly parts: number;
  /** Parents whose bytes were compared with their parts'. */
  readonly comparedParents: number;
  /** From the listing of one part to that of the next, as a blocking client sees it. */
  readonly partIntervalsMs: readonly number[];
  /** How long blocking requests were held. */
  readonly holdsMs: readonly number[];
  /** From a part's listing to its last byte. */
  readonly partFetchMs: readonly number[];
};

type Watch = { last: MediaPlaylist | undefined; newestSinceMs: number };
type Segment = { readonly listed: PlaylistSegment; data: Uint8Array | undefined; isFetched: boolean };

const maxFigures = 10_000;
const maxPartBytes = 16 * 1024 * 1024;
const retryMs = 250;

export class MediaFollower {
  sourceIsAway = false;
  readonly #url: string;
  readonly #fetcher: ResourceFetcher;
  readonly #signal: AbortSignal;
  readonly #say: (rule: string) => void;
  readonly #polling: Watch = { last: undefined, newestSinceMs: 0 };
  readonly #blocking: Watch = { last: undefined, newestSinceMs: 0 };
  readonly #segments = new Map<number, Segment>();
  readonly #inits = new Map<string, Uint8Array | undefined>();
  /** Bytes of parts until their parent has been compared. */
  readonly #parts = new Map<string, Uint8Array>();
  #partBytes = 0;
  readonly #asked = new Set<string>();
  readonly #fetchedHints = new Set<string>();
  readonly #fetching = new Set<Promise<void>>();
  readonly #rangeIds = new Map<string, string>();
  #lastPartMs = 0;
  #counts = { playlists: 0, deltas: 0, parts: 0, comparedParents: 0 };
  readonly #figures = {
    partIntervalsMs: [] as number[],
    holdsMs: [] as number[],
    partFetchMs: [] as number[],
  };

  constructor(url: string, fetcher: ResourceFetcher, signal: AbortSignal, say: (rule: string) => void) {
    this.#url = url;
    this.#fetcher = fetcher;
    this.#signal = signal;
    this.#say = say;
  }

  /** Asks once; gives what it got, if that was a playlist. */
  async poll(): Promise<MediaPlaylist | undefined> {
    const answer = await this.#fetcher.playlist(this.#url);
    if (!answer) return undefined;
    if (answer.status !== 200) {
      if (!this.sourceIsAway) this.#say(`status (§6.6): ${answer.status} for ${this.#url}`);
      return undefined;
    }
    const playlist = this.#read(answer.text, false);
    if (playlist) this.#take(this.#polling, playlist);
    return playlist;
  }

  /** Blocking reloads, with deltas, until the walk is over; returns at once where they are not offered. */
  async blockAgainAndAgain(): Promise<void> {
    while (!this.#signal.aborted) {
      const isGoing = await this.#block().catch((error: unknown) => {
        if (!this.#signal.aborted) this.#say(`walker (own fault or connection): ${String(error)}`);
        return true;
      });
      if (!isGoing) return;
    }
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#fetching);
  }

  findings(): RenditionFindings {
    const segments = [...this.#segments.values()]
      .sort((a, b) => a.listed.msn - b.listed.msn)
      .map(({ listed, data }): HeardSegment => {
        const { msn, uri, durationS, pdtMs, isDiscontinuity, isGap, map } = listed;
        const init = map === undefined ? undefined : this.#inits.get(this.#resolve(map));
        return { msn, uri, durationS, pdtMs, isDiscontinuity, isGap, init, data };
      });
    return { url: this.#url, segments, ...this.#counts, ...this.#figures };
  }

  #read(text: string, askedToSkip: boolean): MediaPlaylist | undefined {
    this.#counts.playlists += 1;
    try {
      const playlist = readMediaPlaylist(text);
      for (const rule of checkPlaylist(playlist, { askedToSkip })) this.#say(rule);
      for (const rule of disagreements(text, playlist)) this.#say(rule);
      this.#checkRangeIds(playlist);
      return playlist;
    } catch (error) {
      this.#say(`syntax (§6.1): ${this.#url}: ${String(error)}`);
      return undefined;
    }
  }

  /** An ID is never used for another range, even after it has left. */
  #checkRangeIds(playlist: MediaPlaylist): void {
    for (const { attributes } of playlist.dateRanges) {
      const id = attributes.get('ID') ?? '';
      const start = attributes.get('START-DATE') ?? '';
      const before = this.#rangeIds.get(id);
      if (before !== undefined && before !== start)
        this.#say(`DATERANGE (§6.6 Now-playing): ID ${id} of ${before} is used for ${start} again`);
      if (this.#rangeIds.size < maxFigures) this.#rangeIds.set(id, start);
    }
  }

  #take(watch: Watch, playlist: MediaPlaylist): void {
    const nowMs = performance.now();
    const before = watch.last;
    if (before) {
      const elapsedS = (nowMs - watch.newestSinceMs) / 1000;
      const hasNewer = followingMsn(playlist) > followingMsn(before);
      const context = { sourceWasAway: this.sourceIsAway, fetchedHints: this.#fetchedHints };
      // When it came is known only to lie between two questions, so that it cannot be called late.
      const rules = checkSuccession(before, playlist, hasNewer ? 0 : elapsedS, context);
      for (const rule of rules) this.#say(rule);
      if (hasNewer || this.sourceIsAway) watch.newestSinceMs = nowMs;
    } else watch.newestSinceMs = nowMs;
    watch.last = playlist;
    this.#compareLoops();
    this.#fetchNew(playlist);
  }

  /** Whenever both loops are at the same place they must have the same, be it by deltas or in full. */
  #compareLoops(): void {
    const [a, b] = [this.#blocking.last, this.#polling.last];
    if (!a || !b || edgeOf(a) !== edgeOf(b)) return;
    // Titles, reports and hints have a pace of their own.
    const still = { dateRanges: [], renditionReports: [], preloadHints: [] };
    for (const rule of checkSame({ ...a, ...still }, { ...b, ...still })) this.#say(rule);
  }

  async #block(): Promise<boolean> {
    const before = this.#blocking.last;
    const url = before ? this.#blockingUrl(before) : this.#url;
    const answer = await this.#fetcher.playlist(url);
    if (!answer) return this.#pause();
    if (answer.status !== 200) {
      const isExcused = this.sourceIsAway || answer.status === 503;
      if (!isExcused) this.#say(`blocking reload (§6.5): ${answer.status} for ${url}`);
      // A source that stands still is the business of the pace rule.
      if (answer.status !== 503) this.#blocking.last = undefined;
      return this.#pause();
    }
    if (before) push(this.#figures.holdsMs, answer.tookMs);
    const asked = before?.serverControl?.canSkipUntilS !== undefined;
    const read = this.#read(answer.text, asked);
    if (!read) return this.#pause();
    const playlist = this.#merge(before, read);
    if (!playlist) return true;
    if (before) this.#checkSatisfied(before, playlist, url);
    this.#take(this.#blocking, playlist);
    this.#measureParts(before, playlist);
    if (!playlist.serverControl?.canBlockReload || playlist.isEnded) return false;
    this.#fetchHint(playlist);
    return true;
  }

  /** RFC 8216bis §6.2.5.2; parameters in the order of their names (§6.5 Clients). */
  #blockingUrl(before: MediaPlaylist): string {
    const url = new URL(this.#url);
    url.searchParams.set('_HLS_msn', String(before.open?.msn ?? followingMsn(before)));
    if (before.partTargetS !== undefined) {
      url.searchParams.set('_HLS_part', String(before.open?.parts.length ?? 0));
    }
    if (before.serverControl?.canSkipUntilS !== undefined) url.searchParams.set('_HLS_skip', 'YES');
    return url.href;
  }

  #merge(before: MediaPlaylist | undefined, read: MediaPlaylist): MediaPlaylist | undefined {
    if (read.skippedSegments === undefined) return read;
    this.#counts.deltas += 1;
    if (!before) {
      this.#say('delta (§6.5 Delta): for a request that did not ask for it');
      return undefined;
    }
    try {
      return applyDelta(before, read);
    } catch (error) {
      this.#say(`delta (§6.5 Delta): ${String(error)}`);
      this.#blocking.last = undefined;
      return undefined;
    }
  }

  #checkSatisfied(before: MediaPlaylist, playlist: MediaPlaylist, url: string): void {
    if (playlist.isEnded || this.sourceIsAway) return;
    const asked = before.open?.msn ?? followingMsn(before);
    const hasSegment = followingMsn(playlist) > asked;
    const hasPart =
      playlist.open?.msn === asked && playlist.open.parts.length > (before.open?.parts.length ?? 0);
    if (!hasSegment && !(before.partTargetS !== undefined && hasPart))
      this.#say(`blocking reload (§6.5): answered without what was asked for, ${url}`);
  }

  #measureParts(before: MediaPlaylist | undefined, playlist: MediaPlaylist): void {
    if (playlist.partTargetS === undefined || !before) return;
    const known = listedUris(before);
    const heads = [...playlist.segments, ...(playlist.open ? [playlist.open] : [])];
    const isNew = heads.some(({ parts }) => parts.some(({ uri }) => !known.has(uri)));
    if (!isNew) return;
    const nowMs = performance.now();
    if (this.#lastPartMs > 0) push(this.#figures.partIntervalsMs, nowMs - this.#lastPartMs);
    this.#lastPartMs = nowMs;
  }

  #fetchNew(playlist: MediaPlaylist): void {
    const heads = [...playlist.segments, ...(playlist.open ? [playlist.open] : [])];
    for (const { map, parts } of heads) {
      if (map !== undefined) this.#fetchOnce(map, (data) => this.#keepInit(map, data));
      for (const { uri, isGap } of parts) {
        if (!isGap) this.#fetchOnce(uri, (data, tookMs) => this.#keepPart(uri, data, tookMs));
      }
    }
    for (const segment of playlist.segments) {
      if (!this.#segments.has(segment.msn)) {
        this.#segments.set(segment.msn, { listed: segment, data: undefined, isFetched: segment.isGap });
      }
      if (segment.isGap) continue;
      this.#fetchOnce(segment.uri, (data) => this.#keepSegment(segment, data));
    }
    // Names that are listed no more are not asked for again anyway.
    if (this.#asked.size > maxFigures) {
      const listed = listedUris(playlist);
      for (const uri of this.#asked)
        if (!listed.has(uri) && !this.#inits.has(this.#resolve(uri))) this.#asked.delete(uri);
    }
  }

  #fetchHint({ preloadHints }: MediaPlaylist): void {
    const hint = preloadHints.find(({ type }) => type === 'PART');
    if (!hint) return;
    const { uri } = hint;
    this.#fetchOnce(
      uri,
      (data) => {
        this.#fetchedHints.add(uri);
        this.#keepPart(uri, data, undefined);
      },
      true,
    );
  }

  #fetchOnce(uri: string, keep: (data: Uint8Array, tookMs: number) => void, isHint = false): void {
    if (this.#asked.has(uri) || this.#signal.aborted) return;
    this.#asked.add(uri);
    const beganMs = performance.now();
    const fetching = this.#fetcher.media(this.#resolve(uri), isHint).then((data) => {
      if (data) keep(data, performance.now() - beganMs);
      // A withdrawn hint may be listed yet, after all.
      else if (isHint) this.#asked.delete(uri);
    });
    this.#fetching.add(fetching);
    void fetching.finally(() => this.#fetching.delete(fetching)).catch(() => {});
  }

  #keepInit(map: string, data: Uint8Array): void {
    const url = this.#resolve(map);
    if (!this.#inits.has(url)) this.#inits.set(url, this.#fetcher.keep(data.byteLength) ? data : undefined);
  }

  #keepPart(uri: string, data: Uint8Array, tookMs: number | undefined): void {
    this.#counts.parts += 1;
    if (tookMs !== undefined) push(this.#figures.partFetchMs, tookMs);
    this.#parts.set(uri, data);
    this.#partBytes += data.byteLength;
    for (const [oldest, { byteLength }] of this.#parts) {
      if (this.#partBytes <= maxPartBytes) break;
      this.#parts.delete(oldest);
      this.#partBytes -= byteLength;
    }
    for (const segment of this.#segments.values()) this.#compareParent(segment);
  }

  #keepSegment(listed: PlaylistSegment, data: Uint8Array): void {
    const segment = this.#segments.get(listed.msn);
    if (!segment || segment.isFetched) return;
    segment.isFetched = true;
    if (segment.listed.uri !== listed.uri) return;
    this.#compareParent({ listed, data, isFetched: true });
    if (this.#fetcher.keep(data.byteLength)) segment.data = data;
  }

  /** As soon as the segment and all of its parts are there; the parts are not needed afterwards. */
  #compareParent({ listed, data }: Segment): void {
    if (!data || listed.parts.length === 0) return;
    const parts = listed.parts.map(({ uri }) => this.#parts.get(uri));
    if (parts.some((part) => part === undefined)) return;
    const joined = Buffer.concat(parts as Uint8Array[]);
    for (const { uri } of listed.parts) {
      this.#partBytes -= this.#parts.get(uri)?.byteLength ?? 0;
      this.#parts.delete(uri);
    }
    this.#counts.comparedParents += 1;
    if (Buffer.compare(joined, data) !== 0)
      this.#say(
        `parent and parts (§6.5 PART tags): ${listed.uri} has ${data.byteLength} bytes, its parts others, ${joined.byteLength}`,
      );
  }

  #resolve(uri: string): string {
    return new URL(uri, this.#url).href;
  }

  async #pause(): Promise<boolean> {
    await sleep(retryMs, undefined, { signal: this.#signal }).catch(() => {});
    return true;
  }
}

function edgeOf(p: MediaPlaylist): string {
  return `${p.mediaSequence} ${followingMsn(p)} ${p.open?.parts.length ?? 0}`;
}

function push(figures: number[], value: number): void {
  if (figures.length < maxFigures) figures.push(value);
}
