/**
 * The HLS of one source session: packages what the session publishes, pushes segments and parts
 * on the bus, and has the store remember the window (design §10). What follows a mount hears of
 * everything by the bus; the store is for newcomers and for whoever packages next, so that its
 * absence is noticed by nobody who is there already.
 */
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { Codec } from '@legacystream/core/codecs/frame-splitter.ts';
import { encodeHlsMessage } from '@legacystream/core/hls/hls-message.ts';
import { type HlsChange, type HlsWindow, nextMsn } from '@legacystream/core/hls/hls-window.ts';
import { idleEveryMs, Packager, type PackagerSink } from '@legacystream/core/hls/packager.ts';
import { partName, segmentName } from '@legacystream/core/hls/resource-name.ts';
import {
  completeOpen,
  forgetSegments,
  hlsGroup,
  joinStoredWindow,
  newerWindow,
  openDocumentId,
  skipAhead,
} from '@legacystream/core/hls/stored-window.ts';
import type { HlsContainer } from '@legacystream/core/hls/track.ts';
import { containersOf, createTrackReader } from '@legacystream/core/hls/track-reader.ts';
import type { NowPlaying } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { Json, StateStore } from '@legacystream/core/ports/state-store.ts';
import type { Chunk } from '@legacystream/core/sources/chunker.ts';
import { askFollowers } from './ask-followers.ts';
import { HlsJournal } from './hls-journal.ts';
import type { HlsPredecessor, HlsPredecessors } from './hls-predecessors.ts';

export type HlsOutputDeps = {
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly subjects: Subjects;
  readonly predecessors: HlsPredecessors;
  /** Of all sources of this pod. */
  readonly stats: HlsOutputStats;
};

export type HlsOutputSettings = {
  readonly container: 'auto' | HlsContainer;
  readonly segmentS: number;
  readonly partS: number;
  readonly lowLatency: boolean;
  readonly windowS: number;
};

export type HlsOutputStats = {
  segments: number;
  /** Documents and segments that did not reach the store. */
  storeFailures: number;
};

export const sourceRendition = 'source';
/** What comes while the window is being read; more than the store's time limit lets come. */
const maxWaiting = 500;
const maxWaitingBytes = 16 * 1024 * 1024;
/** A predecessor on this pod is waited for no longer. */
const predecessorMs = 1_000;
/** Parts are for whoever must complete the segment when its packager is gone; the segment holds them all. */
const partSpareMs = 45_000;
/** Sources that come and go make a list last longer than its window. */
const segmentSpareMs = 30_000;
/** Initialization sections are stored anew so often, well before their time is over. */
const initRenewMs = 600_000;
const initTtlMs = 7_200_000;

export class HlsOutput implements PackagerSink, HlsPredecessor {
  readonly #deps: HlsOutputDeps;
  readonly #settings: HlsOutputSettings;
  readonly #mountId: string;
  readonly #group: string;
  #epoch: number;
  #codec: Codec | undefined;
  #packager: Packager | undefined;
  /** What came before the packager could begin. */
  #waiting: (() => void)[] | undefined = [];
  #waitingBytes = 0;
  #title: NowPlaying | undefined;
  /** Of the window that was stored last. */
  #storedRevision = 0;
  #openParts: Uint8Array[] = [];
  #inits = new Map<string, { readonly data: Uint8Array; storedMs: number }>();
  readonly #journal: HlsJournal;
  /** Who packaged the mount on this pod before; let go of once it has been gone on from, or each would keep all before it. */
  #left: HlsPredecessor | undefined;
  /** The session before, as far as its state was heard of. */
  readonly #epochBefore: number;
  /** The window that is gone on from, until there is one of our own. */
  #previous: HlsWindow | undefined;
  #idle: Timer | undefined;
  #isOver = false;

  constructor(deps: HlsOutputDeps, settings: HlsOutputSettings, mountId: string, epoch: number) {
    this.#deps = deps;
    this.#settings = settings;
    this.#mountId = mountId;
    this.#group = hlsGroup(mountId, sourceRendition);
    this.#epoch = epoch;
    this.#left = deps.predecessors.take(mountId);
    this.#epochBefore = deps.predecessors.latestEpoch(mountId);
    this.#previous = this.#left?.window;
    const journalDeps = { ...deps, onSuperseded: () => this.stop() };
    this.#journal = new HlsJournal(journalDeps, deps.subjects.hls(mountId, sourceRendition), this.#group);
  }

  /** The source's codec is known, or has become another one; before its first headers and audio. */
  codec(codec: Codec): void {
    if (codec === this.#codec || this.#isOver) return;
    this.#codec = codec;
    const container = chooseContainer(codec, this.#settings.container);
    const before = this.#packager;
    this.#packager = undefined;
    before?.end();
    this.#waiting = container ? [] : undefined;
    this.#waitingBytes = 0;
    if (container) void this.#begin(codec, container, before?.window);
  }

  chunk(chunk: Chunk): void {
    this.#hand(chunk.data.byteLength, (packager) => packager.chunk(chunk));
  }

  headers(data: Uint8Array, inBand: boolean): void {
    this.#hand(data.byteLength, (packager) => packager.headers(data, inBand));
  }

  title(nowPlaying: NowPlaying): void {
    this.#title = nowPlaying;
    this.#hand(0, (packager) => packager.setTitle(timedTitleOf(nowPlaying)));
  }

  renumber(epoch: number): void {
    this.#epoch = epoch;
    this.#hand(0, (packager) => packager.renumber(epoch));
  }

  /** The source is gone: what there is becomes a segment; time is stood for until `lingerMs` are over. */
  end(lingerMs: number): void {
    if (this.#isOver) return;
    this.#packager?.end();
    this.#waiting = undefined;
    this.#deps.predecessors.leave(this.#mountId, this);
    if (lingerMs > 0 && this.#idle) this.#deps.clock.after(lingerMs, () => this.stop());
    else this.stop();
  }

  /** Another source has the mount: nothing is published from now on. */
  fence(): void {
    if (this.#isOver) return;
    this.stop();
    this.#journal.close();
    this.#waiting = undefined;
    this.#deps.predecessors.leave(this.#mountId, this);
  }

  get epoch(): number {
    return this.#epoch;
  }

  get window(): HlsWindow | undefined {
    return this.#packager?.window ?? this.#previous;
  }

  get stored(): Promise<void> {
    return this.#journal.settled;
  }

  stop(): void {
    this.#isOver = true;
    this.#left = undefined;
    this.#idle?.cancel();
    this.#idle = undefined;
  }

  /** @see PackagerSink */
  init(name: string, data: Uint8Array): void {
    this.#inits.set(name, { data, storedMs: this.#deps.clock.monotonicMs() });
    // The window lists a few at most; what a flapping source leaves is in the store.
    const [oldest] = this.#inits.keys();
    if (this.#inits.size > 16 && oldest !== undefined) this.#inits.delete(oldest);
    this.#journal.putBlob(name, data, initTtlMs);
    this.#journal.publish(encodeHlsMessage({ type: 'init', epoch: this.#epoch, name }, data));
  }

  moved(window: HlsWindow): void {
    this.#putWindow(window);
    this.#journal.publish(encodeHlsMessage({ type: 'window', window }));
  }

  change(change: HlsChange, payload: Uint8Array, window: HlsWindow): void {
    const { epoch, revision } = window;
    if (change.type === 'part') this.#storePart(payload, window);
    else {
      if (change.type === 'segment') this.#storeSegment(window);
      this.#putWindow(window);
    }
    this.#journal.publish(encodeHlsMessage({ type: 'change', epoch, revision, change }, payload));
  }

  #storePart(payload: Uint8Array, window: HlsWindow): void {
    const { epoch, revision, extension, targetDurationS } = window;
    const open = window.open!;
    this.#openParts.push(payload);
    const name = partName(open.epoch, nextMsn(window), open.parts.length - 1, extension);
    this.#journal.putBlob(name, payload, targetDurationS * 1000 + partSpareMs);
    const stored = { epoch, revision, baseRevision: this.#storedRevision, open };
    this.#journal.putDocument(openDocumentId(this.#group), stored, epoch);
  }

  #storeSegment(window: HlsWindow): void {
    const data = Buffer.concat(this.#openParts);
    this.#openParts = [];
    this.#deps.stats.segments += 1;
    const name = segmentName(window.segments.at(-1)!.epoch, nextMsn(window) - 1, window.extension);
    this.#journal.putBlob(name, data, segmentTtlMs(window));
    this.#renewInits();
  }

  async #begin(codec: Codec, container: HlsContainer, before: HlsWindow | undefined): Promise<void> {
    const waiting = this.#waiting;
    const previous = before ?? (await this.#readPrevious());
    this.#previous = previous;
    // Another codec, or the end, came meanwhile.
    if (this.#isOver || waiting !== this.#waiting || !waiting) return;
    const reader = createTrackReader(codec, container);
    if (!reader) return;
    const { clock } = this.#deps;
    const { segmentS, partS, lowLatency, windowS } = this.#settings;
    const options = { container, segmentS, partS, lowLatency, windowS, epoch: this.#epoch };
    const packager = new Packager(options, reader, previous, this, () => clock.wallMs());
    this.#packager = packager;
    this.#waiting = undefined;
    if (this.#title) packager.setTitle(timedTitleOf(this.#title));
    for (const hand of waiting) hand();
    this.#idle ??= clock.every(idleEveryMs, () => this.#packager?.idle());
  }

  #hand(bytes: number, to: (packager: Packager) => void): void {
    if (this.#isOver) return;
    if (this.#packager) return to(this.#packager);
    if (!this.#waiting || this.#waiting.length >= maxWaiting) return;
    if (this.#waitingBytes + bytes > maxWaitingBytes) return;
    this.#waitingBytes += bytes;
    this.#waiting.push(() => {
      if (this.#packager) to(this.#packager);
    });
  }

  /** What the mount's packager before left, fit to go on from. */
  async #readPrevious(): Promise<HlsWindow | undefined> {
    const { clock } = this.#deps;
    const left = this.#left;
    this.#left = undefined;
    if (left)
      await Promise.race([left.stored, new Promise<void>((resolve) => clock.after(predecessorMs, resolve))]);
    const stored = await Promise.all([
      this.#journal.claimDocument(this.#group, this.#epoch),
      this.#journal.claimDocument(openDocumentId(this.#group), this.#epoch),
    ]).then(
      ([window, open]) => joinStoredWindow(window, open) ?? 'none',
      () => undefined,
    );
    const own = left?.window ?? this.#previous;
    const known = newerWindow(own, stored === 'none' ? undefined : stored);
    const isNew = stored === 'none' && !known && this.#epochBefore === 0;
    // Who packaged here last knows all that was said, unless somebody else has since.
    const isOwn = known !== undefined && known === own && known.epoch >= this.#epochBefore;
    const window = isNew || isOwn || this.#isOver ? known : await this.#askFollowers(known);
    if (!window) return undefined;
    // A session that the store was away for: what it numbered nobody knows.
    if (window.epoch < this.#epochBefore) return skipAhead(window, clock.wallMs());
    const completed = window.open ? await this.#complete(window) : window;
    const last = completed.segments.at(-1);
    const endMs = last ? last.pdtMs + last.durationS * 1000 : 0;
    // Nobody wants to hear what was on air before a long silence.
    return clock.wallMs() - endMs > Math.max(completed.windowS, 60) * 1000
      ? forgetSegments(completed)
      : completed;
  }

  #askFollowers(known: HlsWindow | undefined): Promise<HlsWindow | undefined> {
    const rendition = { mountId: this.#mountId, name: sourceRendition };
    return askFollowers(this.#deps, rendition, this.#epoch, known);
  }

  /** Players were told of its parts: they become the segment that they were to be part of. */
  async #complete(window: HlsWindow): Promise<HlsWindow> {
    const { store } = this.#deps;
    const { open, extension } = window;
    const msn = nextMsn(window);
    const parts = await Promise.all(
      open!.parts.map((_, i) =>
        store.getBlob(this.#group, partName(open!.epoch, msn, i, extension)).catch(() => undefined),
      ),
    );
    const isWhole = parts.every((part, i) => part?.byteLength === open!.parts[i]!.bytes);
    if (isWhole) {
      const data = Buffer.concat(parts as Uint8Array[]);
      this.#journal.putBlob(segmentName(this.#epoch, msn, extension), data, segmentTtlMs(window));
    }
    return completeOpen(window, isWhole, this.#epoch);
  }

  #renewInits(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const [name, init] of this.#inits) {
      if (nowMs - init.storedMs < initRenewMs) continue;
      init.storedMs = nowMs;
      this.#journal.putBlob(name, init.data, initTtlMs);
    }
  }

  #putWindow(window: HlsWindow): void {
    this.#storedRevision = window.revision;
    this.#journal.putDocument(this.#group, window as unknown as Json, window.epoch);
  }
}

/**
 * After it has left the playlist a segment lasts as long as that, and its own time (RFC 8216bis
 * §6.2.2). It is listed for longer than the window where a source comes and goes.
 */
function segmentTtlMs({ windowS, targetDurationS }: HlsWindow): number {
  return (2 * windowS + 4 * targetDurationS) * 1000 + segmentSpareMs;
}

/** MP3 plays as packed audio only; everything else can do more in MP4. */
function chooseContainer(codec: Codec, wanted: HlsOutputSettings['container']): HlsContainer | undefined {
  const allowed = containersOf(codec);
  if (wanted !== 'auto') return allowed.find((container) => container === wanted);
  return allowed.includes('fmp4') ? 'fmp4' : allowed[0];
}

function timedTitleOf({ display, title, artist, url }: NowPlaying) {
  return { title: title === '' && artist === '' ? display : title, artist, url };
}
