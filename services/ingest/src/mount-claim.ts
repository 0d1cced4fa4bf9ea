/**
 * A source session's hold on its mount: the lease, its epoch, and the promise to stop by
 * itself before anyone else may start (design §7). Correctness does not rest on the store:
 * readers follow the largest epoch, and a holder that has stood still goes by its own
 * monotonic clock.
 *
 * While the store cannot be reached a holder stays, for a while that is configured. A mount
 * that nobody on the bus answers for may then be claimed without a lease, under an epoch by
 * the wall clock; of two who do so at once readers hear the later, and when the store is
 * back one of them gets the lease and the other ends. Who hears of a larger epoch while the
 * store is away ends at once. A lease that the store has forgotten is taken again, under a
 * new epoch.
 */
import {
  decodeOwnerRequest,
  encodeMessage,
  type OwnerReply,
  type OwnerRequest,
} from '@legacystream/core/bus/requests.ts';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { decodeMountState } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';
import type { LeaseGrant, LeaseRefusal, StateStore } from '@legacystream/core/ports/state-store.ts';
import { askOwner, findOwner, sessionSubject } from './ask-owner.ts';

const leaseTtlMs = 10_000;
const renewEveryMs = 3_000;
/** The holder stops this long before the lease can pass to another. */
const fenceMarginMs = 2_000;
/** While the store is away, and no other time is configured. */
const defaultOutageGraceMs = 3_600_000;
/** Sessions are asked by their epoch; those who know an older one still find them. */
const maxSessionSubjects = 4;
/** A lease renewed this lately has a living holder. */
const justRenewedMs = 1_000;

export type ClaimDeps = {
  readonly bus: Pick<Bus, 'connected' | 'request' | 'respond' | 'subscribe'>;
  readonly store: Pick<StateStore, 'acquireLease' | 'renewLease' | 'releaseLease'>;
  readonly clock: Clock;
  readonly subjects: Subjects;
  /** How long a source stays on air while the store cannot be reached. */
  readonly storeOutageGraceMs?: number;
};

/** What the holder of a claim does for the fleet. */
export interface ClaimHolder {
  /** Answers a request to the mount's owner. */
  answer(request: OwnerRequest): OwnerReply | Promise<OwnerReply>;
  /** The mount is no longer this session's: nothing may be published any more. */
  lost(): void;
  /** From now on the mount is this session's under a larger epoch. */
  renumbered(epoch: number): void;
}

type Grant = {
  readonly epoch: number;
  readonly replacements: number;
  readonly askedAtMs: number;
  /** Whether the store knows of it. */
  readonly isLeased: boolean;
};

export type Attempt = {
  readonly steal: boolean;
  /** Whoever has the mount does not answer. */
  readonly isMute: boolean;
  /** Of the session that had the mount; 0 where none is known. */
  readonly lastEpoch: number;
};

export class MountClaim {
  #epoch: number;
  /** How often in a row a source of this mount replaced another; input to the takeover policy. */
  readonly replacements: number;
  readonly #deps: ClaimDeps;
  readonly #lease: string;
  readonly #holderName: string;
  readonly #ownerResponder: Subscription;
  readonly #states: Subscription;
  readonly #sessionResponders: Subscription[] = [];
  #holder: ClaimHolder | undefined;
  #validUntilMs: number;
  #timer: Timer | undefined;
  #lost = false;
  #isLeased: boolean;
  #isRenewing = false;
  /** Monotonic; since when the store has not answered. */
  #outageSinceMs: number | undefined;
  /** The largest epoch that anybody has announced the mount under. */
  #announcedEpoch = 0;

  private constructor(deps: ClaimDeps, lease: string, holderName: string, grant: Grant) {
    this.#deps = deps;
    this.#lease = lease;
    this.#holderName = holderName;
    this.#epoch = grant.epoch;
    this.#isLeased = grant.isLeased;
    if (!grant.isLeased) this.#outageSinceMs = grant.askedAtMs;
    this.replacements = grant.replacements;
    this.#validUntilMs = grant.askedAtMs + leaseTtlMs - fenceMarginMs;
    this.#timer = deps.clock.every(renewEveryMs, () => void this.#renew());
    this.#ownerResponder = deps.bus.respond(deps.subjects.owner(lease), (data) => this.#answer(data));
    this.#states = deps.bus.subscribe(deps.subjects.state(lease), (data) => this.#hear(data));
    this.#respondAs(grant.epoch);
  }

  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Claims a mount, asking its present owner to make way where there is one.
   * @param holderName names this very session, not only the pod
   * @throws LegacyStreamError LS_MOUNT_IN_USE when the owner stays
   */
  static async take(deps: ClaimDeps, mountId: string, holderName: string): Promise<MountClaim> {
    let askedAtMs = deps.clock.monotonicMs();
    let grant: LeaseGrant | LeaseRefusal;
    try {
      grant = await deps.store.acquireLease(mountId, holderName, leaseTtlMs);
    } catch (error) {
      if (!isStoreAway(error)) throw error;
      return MountClaim.#takeWithoutStore(deps, mountId, holderName, error);
    }
    let replacements = 0;
    if (!grant.granted) {
      const reply = await askOwner(deps, mountId);
      // An owner that was alive a moment ago may only be starting; one that cannot be reached
      // and does not renew is gone.
      if (reply ? !reply.ok : grant.remainingMs > leaseTtlMs - justRenewedMs) throw inUse();
      if (reply?.ok) replacements = reply.replacements ?? 0;
      askedAtMs = deps.clock.monotonicMs();
      // An owner that made way has released its lease: whoever comes first has it and the other
      // newcomer is told that the mount is in use. Only an owner that nobody can reach is stolen from.
      grant = await deps.store.acquireLease(mountId, holderName, leaseTtlMs, { steal: reply === undefined });
      if (!grant.granted) throw inUse();
    }
    return new MountClaim(deps, mountId, holderName, {
      epoch: grant.epoch,
      replacements,
      askedAtMs,
      isLeased: true,
    });
  }

  /**
   * Takes a mount that is free, or with `steal` whoever has it. While the store cannot be reached
   * the mount is free when nobody answers for it.
   * @returns the refusal where another has it
   * @throws LegacyStreamError LS_STORE_UNAVAILABLE when it has to stay as it is until the store is back
   */
  static async attempt(
    deps: ClaimDeps,
    mountId: string,
    holderName: string,
    { steal, isMute, lastEpoch }: Attempt,
  ): Promise<MountClaim | LeaseRefusal> {
    const askedAtMs = deps.clock.monotonicMs();
    let grant: LeaseGrant | LeaseRefusal;
    try {
      grant = await deps.store.acquireLease(mountId, holderName, leaseTtlMs, { steal });
    } catch (error) {
      if (!isStoreAway(error)) throw error;
      const owner = await findOwner(deps, mountId, isMute);
      if (owner === 'unclear') throw error;
      if (owner !== 'none') return { granted: false, holder: '', epoch: owner, remainingMs: leaseTtlMs };
      // Clocks of pods differ, and readers hear only what is later than all before.
      const epoch = Math.max(Math.ceil(deps.clock.wallMs()), lastEpoch + 1);
      const unleased = { epoch, replacements: 0, askedAtMs: deps.clock.monotonicMs(), isLeased: false };
      return new MountClaim(deps, mountId, holderName, unleased);
    }
    if (!grant.granted) return grant;
    return new MountClaim(deps, mountId, holderName, {
      epoch: grant.epoch,
      replacements: 0,
      askedAtMs,
      isLeased: true,
    });
  }

  static async #takeWithoutStore(
    deps: ClaimDeps,
    mountId: string,
    holderName: string,
    cause: unknown,
  ): Promise<MountClaim> {
    // Without the bus as well nobody could hear the source, and nobody could say that he has the mount.
    if (!deps.bus.connected) throw cause;
    const reply = await askOwner(deps, mountId);
    if (reply && !reply.ok) throw inUse();
    return new MountClaim(deps, mountId, holderName, {
      epoch: Math.ceil(deps.clock.wallMs()),
      replacements: reply?.replacements ?? 0,
      askedAtMs: deps.clock.monotonicMs(),
      isLeased: false,
    });
  }

  /** From now on `holder` speaks for the mount. */
  attach(holder: ClaimHolder): void {
    this.#holder = holder;
    if (this.#lost) holder.lost();
    else holder.renumbered(this.#epoch);
  }

  /** Gives the mount free for the next source; idempotent. */
  async release(): Promise<void> {
    if (!this.#stop() || !this.#isLeased) return;
    await this.#deps.store.releaseLease(this.#lease, this.#holderName, this.#epoch).catch(() => false);
  }

  /** Looks whether the mount is still held, as when the process has stood still. */
  verify(): void {
    void this.#renew();
  }

  async #answer(data: Uint8Array): Promise<Uint8Array> {
    const request = decodeOwnerRequest(data);
    if (!request) return encodeMessage({ ok: false, reason: 'unreadable request' });
    // Until the session stands, the mount is taken and nothing can be done to it.
    return encodeMessage(
      (await this.#holder?.answer(request)) ?? { ok: false, reason: 'source is starting' },
    );
  }

  #hear(data: Uint8Array): void {
    const state = decodeMountState(data);
    if (!state || state.epoch <= Math.max(this.#epoch, this.#announcedEpoch)) return;
    this.#announcedEpoch = state.epoch;
    void this.#renew();
  }

  async #renew(): Promise<void> {
    if (!this.#timer || this.#isRenewing) return;
    const askedAtMs = this.#deps.clock.monotonicMs();
    if (askedAtMs >= this.#validUntilMs) return this.#lose();
    this.#isRenewing = true;
    try {
      const isHeld = await this.#keepLease();
      if (!this.#timer) return;
      if (!isHeld) return this.#lose();
      this.#outageSinceMs = undefined;
      this.#validUntilMs = askedAtMs + leaseTtlMs - fenceMarginMs;
    } catch {
      // The store is away, which says nothing of the lease; readers follow the larger epoch.
      if (this.#announcedEpoch > this.#epoch) return this.#lose();
      this.#outageSinceMs ??= askedAtMs;
      const { storeOutageGraceMs = defaultOutageGraceMs } = this.#deps;
      const isPatient = askedAtMs - this.#outageSinceMs < storeOutageGraceMs;
      if (isPatient) this.#validUntilMs = askedAtMs + leaseTtlMs - fenceMarginMs;
    } finally {
      this.#isRenewing = false;
    }
  }

  /** @returns false when another has it */
  async #keepLease(): Promise<boolean> {
    const { store } = this.#deps;
    const name = this.#holderName;
    if (this.#isLeased && (await store.renewLease(this.#lease, name, this.#epoch, leaseTtlMs))) return true;
    // It has run out or is forgotten, or never was: whoever has had it meanwhile had a larger epoch,
    // under which readers would hear nothing more of this one.
    if (!this.#timer) return true;
    let grant = await store.acquireLease(this.#lease, name, leaseTtlMs);
    // A lease of before the store went away, whose holder readers hear no more.
    const isOutdated = !this.#isLeased && !grant.granted && grant.epoch < this.#epoch;
    if (isOutdated) grant = await store.acquireLease(this.#lease, name, leaseTtlMs, { steal: true });
    if (!grant.granted) return false;
    if (!this.#timer) {
      await store.releaseLease(this.#lease, name, grant.epoch);
      return true;
    }
    this.#isLeased = true;
    this.#epoch = grant.epoch;
    this.#respondAs(grant.epoch);
    this.#holder?.renumbered(grant.epoch);
    return true;
  }

  #respondAs(epoch: number): void {
    const { bus, subjects } = this.#deps;
    const subject = sessionSubject(subjects, this.#lease, epoch);
    this.#sessionResponders.push(bus.respond(subject, (data) => this.#answer(data)));
    if (this.#sessionResponders.length > maxSessionSubjects) this.#sessionResponders.shift()?.unsubscribe();
  }

  #lose(): void {
    if (!this.#stop()) return;
    this.#lost = true;
    this.#holder?.lost();
  }

  /** @returns false when it had stopped before */
  #stop(): boolean {
    if (!this.#timer) return false;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#ownerResponder.unsubscribe();
    this.#states.unsubscribe();
    for (const responder of this.#sessionResponders) responder.unsubscribe();
    return true;
  }
}

export function inUse(): LegacyStreamError {
  return new LegacyStreamError('LS_MOUNT_IN_USE', 'Mountpoint in use');
}

function isStoreAway(error: unknown): boolean {
  return error instanceof LegacyStreamError && error.code === 'LS_STORE_UNAVAILABLE';
}
