/**
 * A source session's hold on its mount: the lease, its epoch, and the promise to stop by
 * itself before anyone else may start (design §7). Correctness does not rest on the store:
 * when renewals fail, the holder goes by its own monotonic clock.
 */
import {
  decodeOwnerRequest,
  decodeReply,
  encodeMessage,
  type OwnerReply,
  type OwnerRequest,
} from '@legacystream/core/bus/requests.ts';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';
import type { LeaseRefusal, StateStore } from '@legacystream/core/ports/state-store.ts';

const leaseTtlMs = 10_000;
const renewEveryMs = 3_000;
/** The holder stops this long before the lease can pass to another. */
const fenceMarginMs = 2_000;
const askOwnerTimeoutMs = 1_000;
/** A lease renewed this lately has a living holder. */
const justRenewedMs = 1_000;

export type ClaimDeps = {
  readonly bus: Pick<Bus, 'request' | 'respond'>;
  readonly store: Pick<StateStore, 'acquireLease' | 'renewLease' | 'releaseLease'>;
  readonly clock: Clock;
  readonly subjects: Subjects;
};

/** What the holder of a claim does for the fleet. */
export interface ClaimHolder {
  /** Answers a request to the mount's owner. */
  answer(request: OwnerRequest): OwnerReply | Promise<OwnerReply>;
  /** The mount is no longer this session's: nothing may be published any more. */
  lost(): void;
}

type Grant = { readonly epoch: number; readonly replacements: number; readonly askedAtMs: number };

export class MountClaim {
  readonly epoch: number;
  /** How often in a row a source of this mount replaced another; input to the takeover policy. */
  readonly replacements: number;
  readonly #deps: ClaimDeps;
  readonly #lease: string;
  readonly #holderName: string;
  readonly #responders: readonly Subscription[];
  #holder: ClaimHolder | undefined;
  #validUntilMs: number;
  #timer: Timer | undefined;
  #lost = false;

  private constructor(deps: ClaimDeps, lease: string, holderName: string, grant: Grant) {
    this.#deps = deps;
    this.#lease = lease;
    this.#holderName = holderName;
    this.epoch = grant.epoch;
    this.replacements = grant.replacements;
    this.#validUntilMs = grant.askedAtMs + leaseTtlMs - fenceMarginMs;
    this.#timer = deps.clock.every(renewEveryMs, () => void this.#renew());
    const subjects = [deps.subjects.owner(lease), sessionSubject(deps.subjects, lease, grant.epoch)];
    this.#responders = subjects.map((subject) => deps.bus.respond(subject, (data) => this.#answer(data)));
  }

  /**
   * Claims a mount, asking its present owner to make way where there is one.
   * @param holderName names this very session, not only the pod
   * @throws LegacyStreamError LS_MOUNT_IN_USE when the owner stays
   */
  static async take(deps: ClaimDeps, mountId: string, holderName: string): Promise<MountClaim> {
    let askedAtMs = deps.clock.monotonicMs();
    let grant = await deps.store.acquireLease(mountId, holderName, leaseTtlMs);
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
    return new MountClaim(deps, mountId, holderName, { epoch: grant.epoch, replacements, askedAtMs });
  }

  /**
   * Takes a mount that is free, or by force whoever has it.
   * @returns the refusal where another has it
   */
  static async attempt(
    deps: ClaimDeps,
    mountId: string,
    holderName: string,
    byForce: boolean,
  ): Promise<MountClaim | LeaseRefusal> {
    const askedAtMs = deps.clock.monotonicMs();
    const grant = await deps.store.acquireLease(mountId, holderName, leaseTtlMs, { steal: byForce });
    if (!grant.granted) return grant;
    return new MountClaim(deps, mountId, holderName, { epoch: grant.epoch, replacements: 0, askedAtMs });
  }

  /** From now on `holder` speaks for the mount. */
  attach(holder: ClaimHolder): void {
    this.#holder = holder;
    if (this.#lost) holder.lost();
  }

  /** Gives the mount free for the next source; idempotent. */
  async release(): Promise<void> {
    if (!this.#stop()) return;
    await this.#deps.store.releaseLease(this.#lease, this.#holderName, this.epoch).catch(() => false);
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

  async #renew(): Promise<void> {
    if (!this.#timer) return;
    const askedAtMs = this.#deps.clock.monotonicMs();
    if (askedAtMs >= this.#validUntilMs) return this.#lose();
    let renewed: boolean;
    try {
      renewed = await this.#deps.store.renewLease(this.#lease, this.#holderName, this.epoch, leaseTtlMs);
    } catch {
      // The store is away, which says nothing of the lease: it holds until its own time ends.
      return;
    }
    if (!this.#timer) return;
    if (renewed) this.#validUntilMs = askedAtMs + leaseTtlMs - fenceMarginMs;
    else this.#lose();
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
    for (const responder of this.#responders) responder.unsubscribe();
    return true;
  }
}

/**
 * Requests to one session, not to whoever has the mount: after a pod has frozen, what still
 * stands for it on the bus must not be taken for the session that followed it. No mountId
 * has the tilde.
 */
export function sessionSubject(subjects: Subjects, mountId: string, epoch: number): string {
  return subjects.owner(`${mountId}~${epoch}`);
}

export function inUse(): LegacyStreamError {
  return new LegacyStreamError('LS_MOUNT_IN_USE', 'Mountpoint in use');
}

/** The owner's answer; undefined when there is nobody to answer any more. */
async function askOwner(deps: ClaimDeps, mountId: string): Promise<OwnerReply | undefined> {
  try {
    const request = encodeMessage({ op: 'takeover' });
    return decodeReply<OwnerReply>(
      await deps.bus.request(deps.subjects.owner(mountId), request, askOwnerTimeoutMs),
    );
  } catch {
    return undefined;
  }
}
