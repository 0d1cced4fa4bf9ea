/**
 * Keeps edges from counting one HLS listener twice, however a balancer spreads its requests:
 * a session belongs to the edge where it began. An edge that sees a session anew claims it on
 * the bus; whoever has held it for longer claims it in turn, and the other lets go. So one of
 * them ends up with it, whatever crosses on the way. An edge that serves a session of another
 * tells so now and then, which keeps it alive there; the answer is a claim, and where none
 * comes the session is free to be taken.
 *
 * It does not move with each request: counts of edges that are told a moment apart would hold
 * a listener who is on the way twice, for as long as it goes to and fro.
 *
 * Claims are gathered: at most five messages a second, a bounded number each and a bounded
 * number waiting. One that was lost leaves the session counted twice until it is claimed
 * again, or until the other edge has not seen it for a while.
 */
import {
  decodeHlsClaims,
  encodeHlsClaims,
  type HlsClaim,
  maxClaims,
  notHeld,
} from '@legacystream/core/bus/hls-claims.ts';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';

/** What is told of a session when the message goes out. */
export interface ClaimedSession extends HlsClaim {
  /** Once it has ended there is nothing to tell any more. */
  readonly isOver: boolean;
}

/** Who has the sessions. */
export interface ClaimsOwner {
  /** Another edge counts a session, or has served it. */
  claimed(claim: HlsClaim, podId: string): void;
  /** A session was ended at another edge by an operator. */
  killed(hash: string): void;
}

export type SessionClaimsDeps = {
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>;
  readonly subjects: Pick<Subjects, 'hlsListeners'>;
  readonly clock: Clock;
  readonly podId: string;
};

const gatherMs = 200;
const maxPending = 16 * maxClaims;
/** What others have claimed is known for one to two of these; claims are repeated more often. */
const elsewhereMs = 45_000;
const maxElsewhere = 262_144;

export class SessionClaims {
  readonly #deps: SessionClaimsDeps;
  readonly #owner: ClaimsOwner;
  readonly #subscription: Subscription;
  readonly #claims = new Set<ClaimedSession>();
  readonly #kills = new Set<string>();
  /** Hashes of what others count, younger and older; the older go together. */
  #elsewhere = new Set<string>();
  #elsewhereBefore = new Set<string>();
  #elsewhereSinceMs: number;
  #sentMs: number;
  #timer: Timer | undefined;
  #isClosed = false;
  /** Messages that were none. */
  malformed = 0;
  /** Claims and kills for which there was no room. */
  dropped = 0;

  constructor(deps: SessionClaimsDeps, owner: ClaimsOwner) {
    this.#deps = deps;
    this.#owner = owner;
    const nowMs = deps.clock.monotonicMs();
    this.#sentMs = nowMs - gatherMs;
    this.#elsewhereSinceMs = nowMs;
    this.#subscription = deps.bus.subscribe(deps.subjects.hlsListeners, (data) => this.#onMessage(data));
  }

  /** More wait than one message takes: what is not urgent should not be added. */
  get isBusy(): boolean {
    return this.#claims.size >= maxClaims;
  }

  claim(session: ClaimedSession): void {
    if (this.#claims.size < maxPending) this.#claims.add(session);
    else this.dropped += 1;
    this.#sendSoon();
  }

  kill(hash: string): void {
    if (this.#kills.size < maxPending) this.#kills.add(hash);
    else this.dropped += 1;
    this.#sendSoon();
  }

  /** True for a session that another edge has said to count, in the last minute or so. */
  isElsewhere(hash: string): boolean {
    this.#forgetOld();
    return this.#elsewhere.has(hash) || this.#elsewhereBefore.has(hash);
  }

  /** Says what is still to be said of kills and nothing more. */
  close(): void {
    if (this.#isClosed) return;
    this.#claims.clear();
    if (this.#kills.size > 0) this.#send();
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#subscription.unsubscribe();
  }

  /** At once after a while of silence, so that a lone listener is hardly ever counted twice. */
  #sendSoon(): void {
    if (this.#timer || this.#isClosed) return;
    const waitMs = this.#sentMs + gatherMs - this.#deps.clock.monotonicMs();
    this.#timer = this.#deps.clock.after(Math.max(0, waitMs), () => {
      this.#timer = undefined;
      this.#send();
      if (this.#claims.size + this.#kills.size > 0) this.#sendSoon();
    });
  }

  #send(): void {
    const { bus, subjects, clock, podId } = this.#deps;
    const claims: HlsClaim[] = [];
    for (const session of this.#claims) {
      if (claims.length === maxClaims) break;
      this.#claims.delete(session);
      if (!session.isOver) claims.push(session);
    }
    const kills: string[] = [];
    for (const hash of this.#kills) {
      if (kills.length === maxClaims) break;
      this.#kills.delete(hash);
      kills.push(hash);
    }
    if (claims.length + kills.length === 0) return;
    this.#sentMs = clock.monotonicMs();
    bus.publish(subjects.hlsListeners, encodeHlsClaims({ podId, claims, kills }));
  }

  #onMessage(data: Uint8Array): void {
    const message = decodeHlsClaims(data);
    if (!message) {
      this.malformed += 1;
      return;
    }
    const { podId, claims, kills } = message;
    if (podId === this.#deps.podId) return;
    this.#forgetOld();
    for (const claim of claims) {
      if (claim.heldSinceMs !== notHeld) this.#remember(claim.hash);
      this.#owner.claimed(claim, podId);
    }
    for (const hash of kills) this.#owner.killed(hash);
  }

  #remember(hash: string): void {
    if (this.#elsewhere.size >= maxElsewhere) this.#turnOver();
    this.#elsewhere.add(hash);
  }

  #forgetOld(): void {
    const ageMs = this.#deps.clock.monotonicMs() - this.#elsewhereSinceMs;
    if (ageMs >= 2 * elsewhereMs) this.#elsewhere.clear();
    if (ageMs >= elsewhereMs) this.#turnOver();
  }

  #turnOver(): void {
    this.#elsewhereBefore = this.#elsewhere;
    this.#elsewhere = new Set();
    this.#elsewhereSinceMs = this.#deps.clock.monotonicMs();
  }
}
