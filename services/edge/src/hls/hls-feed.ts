/**
 * One rendition on this edge: follows what its packager pushes, catches up from the store, and
 * so has the same window as every other edge. Once it follows it needs the store for nothing
 * but segments that it was not there for.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { decodeHlsMessage, type HlsTakeover } from '@legacystream/core/hls/hls-message.ts';
import { applyChange, type HlsPart, type HlsWindow, nextMsn } from '@legacystream/core/hls/hls-window.ts';
import { parseResourceName, partName, segmentName } from '@legacystream/core/hls/resource-name.ts';
import { joinStoredWindow, newerWindow, openDocumentId } from '@legacystream/core/hls/stored-window.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import { type HeldChange, HeldChanges } from './held-changes.ts';
import { allocateBody } from './hls-answer.ts';
import { RenderedPlaylists } from './rendered-playlists.ts';
import type { SegmentCache } from './segment-cache.ts';
import { StoreAllowance } from './store-allowance.ts';
import { tellTakeover } from './tell-takeover.ts';

export type HlsFeedDeps = {
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>;
  readonly store: Pick<StateStore, 'getDocument' | 'getBlob'>;
  readonly clock: Clock;
  readonly cache: SegmentCache;
  /** Of all feeds of this edge. */
  readonly stats: HlsFeedStats;
};

export type HlsFeedStats = {
  /** Messages that were none. */
  malformed: number;
  /** Repeated or superseded messages. */
  stale: number;
  /** Times that the window was read from the store. */
  reloads: number;
  /** Segments and parts that were read from the store. */
  storeReads: number;
};

type Waiter = { readonly isMet: () => boolean; readonly deadlineMs: number; readonly settle: () => void };

/** The packager writes the store a moment after it has told the bus. */
const reloadAfterMs = [0, 100, 300, 1_000];
/** As long as changes are missing. */
const reloadEveryMs = 2_000;
const sweepEveryMs = 250;
/** Clocks of servers differ by less. */
const maxSkewMs = 10_000;
/** Segments whose parts can still be told apart. */
const maxDivided = 30;

export class HlsFeed {
  /** Since when nobody has asked for it, monotonic. */
  usedMs: number;
  readonly #deps: HlsFeedDeps;
  readonly #told: string;
  readonly #group: string;
  readonly #subscription: Subscription;
  readonly #allowance: StoreAllowance;
  readonly #reading = new Map<string, Promise<Uint8Array | undefined>>();
  readonly #waiters = new Set<Waiter>();
  /** The parts of complete segments, by what the names of those begin with. */
  readonly #divided = new Map<string, { readonly name: string; readonly parts: readonly HlsPart[] }>();
  #window: HlsWindow | undefined;
  #playlists: RenderedPlaylists | undefined;
  readonly #held = new HeldChanges();
  #reload: Timer | undefined;
  #reloads = 0;
  #sweep: Timer | undefined;
  #overSinceMs: number | undefined;
  /** Who packages next has asked what was told until then: nothing that is older is taken from the bus. */
  #sealedBelow = 0;
  #telling: { cancel(): void } | undefined;
  #isClosed = false;

  /** @param told where to say what was told here, to who packages next */
  constructor(deps: HlsFeedDeps, subject: string, told: string, group: string) {
    this.#deps = deps;
    this.#told = told;
    this.#group = group;
    this.usedMs = deps.clock.monotonicMs();
    this.#allowance = new StoreAllowance(deps.clock);
    this.#subscription = deps.bus.subscribe(subject, (data) => this.#receive(data));
    this.#scheduleReload();
  }

  get window(): HlsWindow | undefined {
    return this.#window;
  }

  /** The playlists of the window as it is now; undefined before there is a segment to list. */
  get playlists(): RenderedPlaylists | undefined {
    if (!this.#window || this.#window.segments.length === 0) return undefined;
    this.#playlists ??= new RenderedPlaylists({ ...this.#window, isOver: this.isOver });
    return this.#playlists;
  }

  /** Settles when `isMet`, which is asked after every change, or after `timeoutMs`. @returns whether it is */
  until(isMet: () => boolean, timeoutMs: number): Promise<boolean> {
    if (isMet()) return Promise.resolve(true);
    if (this.#isClosed) return Promise.resolve(false);
    this.#sweep ??= this.#deps.clock.every(sweepEveryMs, () => this.#expire());
    return new Promise((resolve) => {
      const waiter: Waiter = {
        isMet,
        deadlineMs: this.#deps.clock.monotonicMs() + timeoutMs,
        settle: () => {
          this.#waiters.delete(waiter);
          resolve(isMet());
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** The mount has ended: no segment follows. */
  end(): void {
    if (this.#overSinceMs !== undefined) return;
    this.#overSinceMs = this.#deps.clock.monotonicMs();
    if (this.#window) this.#set(this.#window);
  }

  /** The mount is back. */
  revive(): void {
    this.#overSinceMs = undefined;
    this.#playlists = undefined;
  }

  /** It has ended, and whoever was to hear of it has (RFC 8216bis §6.2.2). */
  get isGone(): boolean {
    if (this.#overSinceMs === undefined) return false;
    const goneMs = (this.#window?.windowS ?? 0) * 1000;
    return this.#deps.clock.monotonicMs() - this.#overSinceMs > goneMs;
  }

  get isOver(): boolean {
    return this.#overSinceMs !== undefined;
  }

  /** What is at hand under a name. */
  find(name: string): Uint8Array | undefined {
    const data = this.#deps.cache.get(this.#key(name));
    if (data) return data;
    const parent = this.#parentOf(name);
    const whole = parent && this.#deps.cache.get(this.#key(parent.name));
    return whole && divide(whole, parent.parts, parent.index);
  }

  /** The complete segment that a part belongs to, if it is known what that is made of. */
  #parentOf(
    name: string,
  ): { readonly name: string; readonly parts: readonly HlsPart[]; readonly index: number } | undefined {
    const parsed = parseResourceName(name);
    if (parsed?.kind !== 'part') return undefined;
    const { epoch, msn, part: index } = parsed;
    const window = this.#window;
    const listed = window?.segments[msn - window.firstMsn];
    const isListed =
      listed && !listed.gap && (listed.partEpoch ?? listed.epoch) === epoch && listed.parts.length > 0;
    const whole = isListed
      ? { name: segmentName(listed.epoch, msn, window!.extension), parts: listed.parts }
      : this.#divided.get(stemOf(epoch, msn));
    return whole?.parts[index] && { ...whole, index };
  }

  /**
   * What the store has under a name that may exist; several who ask at once read it once, and
   * names that nobody was told of are looked up a few times a second at most.
   */
  async read(name: string): Promise<Uint8Array | undefined> {
    const parent = this.#parentOf(name);
    if (parent) {
      const whole = await this.read(parent.name);
      return whole && divide(whole, parent.parts, parent.index);
    }
    const under = this.#reading.get(name);
    if (under) return under;
    if (!this.#allowance.allows(name, this.#isListed(name))) return undefined;
    this.#deps.stats.storeReads += 1;
    const reading = this.#deps.store
      .getBlob(this.#group, name)
      // That the store is away says nothing of what it has.
      .catch(() => 'away' as const)
      .then((stored) => {
        this.#reading.delete(name);
        if (!stored) this.#allowance.missed(name);
        if (!stored || stored === 'away') return undefined;
        const data = allocateBody(stored.byteLength);
        data.set(stored);
        if (!this.#isClosed) this.#deps.cache.put(this.#key(name), data);
        return data;
      });
    this.#reading.set(name, reading);
    return reading;
  }

  /** Not known here yet, but so near that an edge which hears of things sooner may list it already. */
  isDue(name: string): boolean {
    const window = this.#window;
    const parsed = parseResourceName(name);
    if (!parsed || parsed.kind === 'init') return false;
    if (!window) return true;
    const { epoch, msn } = parsed;
    const { open } = window;
    // Epochs are the time at which a session began: an invented one lies in the future.
    if (epoch > window.epoch) return epoch <= this.#deps.clock.wallMs() + maxSkewMs;
    const ahead = msn - nextMsn(window);
    if (ahead < 0 || ahead > 1 || epoch !== (ahead === 0 && open ? open.epoch : window.epoch)) return false;
    return parsed.kind === 'segment' || ahead === 1 || parsed.part >= (open?.parts.length ?? 0);
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription.unsubscribe();
    this.#reload?.cancel();
    this.#sweep?.cancel();
    this.#telling?.cancel();
    for (const { settle } of [...this.#waiters]) settle();
    this.#deps.cache.deleteGroup(this.#key(''));
  }

  #key(name: string): string {
    return `${this.#group}/${name}`;
  }

  #isListed(name: string): boolean {
    const window = this.#window;
    const parsed = parseResourceName(name);
    if (!window || !parsed) return false;
    if (parsed.kind === 'init') {
      return window.open?.init === name || window.segments.some(({ init }) => init === name);
    }
    if (parsed.kind === 'part' && parsed.msn === nextMsn(window))
      return window.open?.epoch === parsed.epoch && parsed.part < window.open.parts.length;
    const segment = window.segments[parsed.msn - window.firstMsn];
    if (!segment || segment.gap) return false;
    return (parsed.kind === 'part' ? (segment.partEpoch ?? segment.epoch) : segment.epoch) === parsed.epoch;
  }

  #receive(data: Uint8Array): void {
    const message = decodeHlsMessage(data);
    if (!message) {
      this.#deps.stats.malformed += 1;
      return;
    }
    const { head, payload } = message;
    switch (head.type) {
      case 'init':
        // A copy: the message may be a view of more than itself.
        return this.#deps.cache.put(this.#key(head.name), Uint8Array.from(payload));
      case 'window':
        if (head.window.epoch < this.#sealedBelow) this.#deps.stats.stale += 1;
        else this.#adopt(head.window);
        return;
      case 'change':
        return this.#take({ head, payload });
      case 'takeover':
        return this.#seal(head);
    }
  }

  #seal(takeover: HlsTakeover): void {
    const { epoch } = takeover;
    if (epoch <= this.#sealedBelow) return;
    this.#sealedBelow = epoch;
    this.#held.dropOlderThan(epoch);
    this.#telling?.cancel();
    this.#telling = this.#window && tellTakeover(this.#deps, this.#told, takeover, this.#window);
  }

  #adopt(window: HlsWindow): void {
    const newer = newerWindow(this.#window, window);
    if (newer === this.#window) {
      if (newer !== window) this.#deps.stats.stale += 1;
      return;
    }
    this.#keepOpen(window);
    this.#set(window);
    this.#applyHeld();
  }

  /** What was being made here is a segment in another packager's window: its parts are at hand, whatever the store has. */
  #keepOpen(window: HlsWindow): void {
    const before = this.#window;
    const { open } = before ?? {};
    if (!before || !open) return;
    const segment = window.segments[nextMsn(before) - window.firstMsn];
    const bytes = open.parts.reduce((sum, part) => sum + part.bytes, 0);
    if (!segment || segment.gap || segment.bytes !== bytes) return;
    if ((segment.partEpoch ?? segment.epoch) === open.epoch) this.#join(before, segment.epoch);
  }

  #take(change: HeldChange): void {
    const { head } = change;
    const window = this.#window;
    if (
      head.epoch < this.#sealedBelow ||
      (window &&
        (head.epoch < window.epoch || (head.epoch === window.epoch && head.revision <= window.revision)))
    ) {
      this.#deps.stats.stale += 1;
      return;
    }
    if (window && head.epoch === window.epoch && head.revision === window.revision + 1) {
      this.#apply(window, change);
      if (this.#held.size > 0) this.#applyHeld();
      return;
    }
    this.#held.add(change);
    this.#scheduleReload();
  }

  #apply(window: HlsWindow, { head: { change }, payload }: HeldChange): void {
    const next = applyChange(window, change);
    const { extension } = next;
    if (change.type === 'part' && next.open) {
      const name = partName(next.open.epoch, nextMsn(next), next.open.parts.length - 1, extension);
      this.#deps.cache.put(this.#key(name), payload);
    }
    if (change.type === 'segment' && window.open) this.#join(window, window.open.epoch);
    this.#set(next);
  }

  /** The parts of a complete segment become one piece. */
  #join(window: HlsWindow, segmentEpoch: number): void {
    const { epoch, parts } = window.open!;
    const msn = nextMsn(window);
    const names = parts.map((_, i) => partName(epoch, msn, i, window.extension));
    const pieces = names.map((name) => this.#deps.cache.get(this.#key(name)));
    if (pieces.some((piece) => piece === undefined)) return;
    const name = segmentName(segmentEpoch, msn, window.extension);
    const whole = allocateBody(parts.reduce((sum, part) => sum + part.bytes, 0));
    let at = 0;
    for (const piece of pieces as Uint8Array[]) {
      whole.set(piece, at);
      at += piece.byteLength;
    }
    this.#deps.cache.put(this.#key(name), whole);
    for (const part of names) this.#deps.cache.delete(this.#key(part));
    this.#divided.set(stemOf(epoch, msn), { name, parts });
    const [oldest] = this.#divided.keys();
    if (this.#divided.size > maxDivided && oldest !== undefined) this.#divided.delete(oldest);
  }

  #set(window: HlsWindow): void {
    this.#window = window;
    this.#playlists = undefined;
    for (const waiter of [...this.#waiters]) if (waiter.isMet()) waiter.settle();
  }

  #applyHeld(): void {
    for (const change of this.#held.take()) {
      const { epoch, revision } = change.head;
      const window = this.#window!;
      if (epoch === window.epoch && revision === window.revision + 1) this.#apply(window, change);
      else if (epoch > window.epoch || (epoch === window.epoch && revision > window.revision))
        this.#held.add(change);
    }
    if (this.#held.size > 0) return this.#scheduleReload();
    this.#reload?.cancel();
    this.#reload = undefined;
    this.#reloads = 0;
  }

  /** The store is asked until it has what the changes at hand follow. */
  #scheduleReload(): void {
    if (this.#reload || this.#isClosed) return;
    const afterMs = reloadAfterMs[this.#reloads] ?? reloadEveryMs;
    this.#reloads += 1;
    this.#reload = this.#deps.clock.after(afterMs, () => void this.#load());
  }

  async #load(): Promise<void> {
    this.#deps.stats.reloads += 1;
    const { store } = this.#deps;
    const stored = await Promise.all([
      store.getDocument('hls', this.#group),
      store.getDocument('hls', openDocumentId(this.#group)),
    ]).then(
      ([window, open]) => joinStoredWindow(window, open),
      () => undefined,
    );
    this.#reload = undefined;
    if (this.#isClosed) return;
    if (stored) this.#adopt(stored);
    if (this.#window ? this.#held.size > 0 : true) this.#scheduleReload();
  }

  #expire(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const waiter of [...this.#waiters]) if (nowMs >= waiter.deadlineMs) waiter.settle();
    if (this.#waiters.size > 0) return;
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }
}

function divide(whole: Uint8Array, parts: readonly HlsPart[], index: number): Uint8Array {
  let from = 0;
  for (let i = 0; i < index; i += 1) from += parts[i]!.bytes;
  return whole.subarray(from, from + parts[index]!.bytes);
}

function stemOf(epoch: number, msn: number): string {
  return `${epoch}-${msn}`;
}
