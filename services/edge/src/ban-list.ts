/**
 * The bans that this edge knows: read from the store at the start, heard on the bus as they
 * change, and read again every 30 s and whenever bus or store come back, in case a word was
 * lost. While the store is away what is known goes on to hold; a ban with an end also ends
 * here by the wall clock.
 */
import { type Ban, parseBan } from '@legacystream/core/auth/ban.ts';
import { IpRangeSet } from '@legacystream/core/auth/ip-range-set.ts';
import { type BanChange, decodeBanChange } from '@legacystream/core/bus/ban-changes.ts';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';
import type { Json, StateStore } from '@legacystream/core/ports/state-store.ts';

export type BanListDeps = {
  readonly bus: Pick<Bus, 'subscribe' | 'connected'>;
  readonly store: Pick<StateStore, 'listDocuments' | 'connected'>;
  readonly clock: Clock;
  readonly subjects: Pick<Subjects, 'bans'>;
};

const tickMs = 1_000;
const readEveryMs = 30_000;
/** After a reading that failed. */
const readAgainMs = 5_000;
/** More than operators may set, and than the store lists: a flood on the bus takes no more memory. */
const maxHeld = 10_000;

export class BanList {
  /** Grows with every ban that was not there before. */
  generation = 0;
  /** Messages and documents that were none. */
  malformed = 0;
  /** Told after bans came that were not there before. */
  onNewBans: () => void = () => {};
  readonly #deps: BanListDeps;
  readonly #subscription: Subscription;
  readonly #ticker: Timer;
  readonly #bans = new Map<string, Ban>();
  readonly #ranges = new IpRangeSet();
  /** When the first of them ends, by the wall clock. */
  #nextEndMs = Number.POSITIVE_INFINITY;
  /** Bans that were set (or lifted: undefined) while the store is being read, which may not know yet. */
  #heardMeanwhile: Map<string, Ban | undefined> | undefined;
  #reading: Promise<void> | undefined;
  #readDueMs: number;
  #wasBusConnected = true;
  #wasStoreConnected = true;
  #isClosed = false;

  constructor(deps: BanListDeps) {
    this.#deps = deps;
    this.#readDueMs = deps.clock.monotonicMs() + readEveryMs;
    this.#subscription = deps.bus.subscribe(deps.subjects.bans, (data) => {
      const change = decodeBanChange(data);
      if (change) this.#onChange(change);
      else this.malformed += 1;
    });
    this.#ticker = deps.clock.every(tickMs, () => this.#onTick());
  }

  get size(): number {
    return this.#bans.size;
  }

  /** @param ip in any spelling */
  covers(ip: string): boolean {
    return this.#ranges.contains(ip);
  }

  /** Reads what the store knows; one reading at a time. Never rejects. */
  catchUp(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription.unsubscribe();
    this.#ticker.cancel();
  }

  async #read(): Promise<void> {
    const { store, clock } = this.#deps;
    this.#heardMeanwhile = new Map();
    const documents = await store.listDocuments('ban').catch(() => undefined);
    const heard = this.#heardMeanwhile;
    this.#heardMeanwhile = undefined;
    this.#readDueMs = clock.monotonicMs() + (documents ? readEveryMs : readAgainMs);
    if (!documents || this.#isClosed) return;
    const bans = this.#bansIn(documents);
    for (const [range, ban] of heard) {
      if (ban) bans.set(range, ban);
      else bans.delete(range);
    }
    for (const range of [...this.#bans.keys()]) if (!bans.has(range)) this.#lift(range);
    this.#add(bans.values());
  }

  #bansIn(documents: ReadonlyMap<string, Json>): Map<string, Ban> {
    const bans = new Map<string, Ban>();
    for (const [range, document] of documents) {
      const ban = parseBan(range, document);
      if (ban) bans.set(range, ban);
      else this.malformed += 1;
    }
    return bans;
  }

  #onChange(change: BanChange): void {
    const range = change.op === 'ban' ? change.ban.range : change.range;
    const meanwhile = this.#heardMeanwhile;
    if (meanwhile && (meanwhile.size < maxHeld || meanwhile.has(range)))
      meanwhile.set(range, change.op === 'ban' ? change.ban : undefined);
    if (change.op === 'ban') this.#add([change.ban]);
    else this.#lift(range);
  }

  #add(bans: Iterable<Ban>): void {
    const wallMs = this.#deps.clock.wallMs();
    const { generation } = this;
    for (const ban of bans) {
      const { range } = ban;
      const endMs = ban.expiresAtMs ?? Number.POSITIVE_INFINITY;
      const isKnown = this.#bans.has(range);
      if (endMs <= wallMs) {
        this.#lift(range);
        continue;
      }
      if (!isKnown && this.#bans.size >= maxHeld) continue;
      this.#bans.set(range, ban);
      this.#nextEndMs = Math.min(this.#nextEndMs, endMs);
      if (isKnown) continue;
      this.#ranges.add(range);
      this.generation += 1;
    }
    if (this.generation !== generation) this.onNewBans();
  }

  #lift(range: string): void {
    if (this.#bans.delete(range)) this.#ranges.delete(range);
  }

  #onTick(): void {
    const { bus, store, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    const cameBack =
      (bus.connected && !this.#wasBusConnected) || (store.connected && !this.#wasStoreConnected);
    this.#wasBusConnected = bus.connected;
    this.#wasStoreConnected = store.connected;
    if (cameBack) this.#readDueMs = nowMs;
    if (clock.wallMs() >= this.#nextEndMs) this.#endDue();
    if (nowMs >= this.#readDueMs && !this.#reading) void this.catchUp();
  }

  #endDue(): void {
    const wallMs = this.#deps.clock.wallMs();
    let nextEndMs = Number.POSITIVE_INFINITY;
    for (const { range, expiresAtMs } of [...this.#bans.values()]) {
      if (expiresAtMs === null) continue;
      if (expiresAtMs <= wallMs) this.#lift(range);
      else nextEndMs = Math.min(nextEndMs, expiresAtMs);
    }
    this.#nextEndMs = nextEndMs;
  }
}
