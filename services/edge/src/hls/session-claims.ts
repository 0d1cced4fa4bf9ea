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
 * Who is counted by another edge is let in without asking for room, since its place is taken
 * already. So an edge tells when a session that it counted is over, and the others forget it: whoever
 * comes back later needs room as anyone new does. An edge that stops says nothing of the kind, since
 * its listeners go on elsewhere; nor does one that dies. Of these a session is known until its
 * next claim would have come and its listener would have been silent for too long, and hardly longer.
 *
 * All of it is gathered: sent at most five times a second, a bounded number each and a bounded
 * number waiting. A claim that was lost leaves the session counted twice until it is claimed
 * again, or until the other edge has not seen it for a while; an end that was lost, or is still on
 * the way, lets its listener in at another edge although its place may be taken.
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
import { RecentHashes } from './recent-hashes.ts';

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
  /** A session that another edge counted is over. */
  ended(hash: string): void;
}

export type SessionClaimsDeps = {
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>;
  readonly subjects: Pick<Subjects, 'hlsListeners'>;
  readonly clock: Clock;
  readonly podId: string;
  /** For how long what others have claimed is known at least: until the next claim of who still listens. */
  readonly rememberMs: number;
};

const gatherMs = 200;
const maxPending = 16 * maxClaims;
const maxElsewhere = 524_288;

export class SessionClaims {
  readonly #deps: SessionClaimsDeps;
  readonly #owner: ClaimsOwner;
  readonly #subscription: Subscription;
  readonly #claims = new Set<ClaimedSession>();
  readonly #kills = new Set<string>();
  /** Never of a session that was claimed since. */
  readonly #ends = new Set<string>();
  /** What others count. */
  readonly #elsewhere: RecentHashes;
  #sentMs: number;
  #timer: Timer | undefined;
  #isClosed = false;
  /** Messages that were none. */
  malformed = 0;
  /** Claims, kills and ends for which there was no room. */
  dropped = 0;

  constructor(deps: SessionClaimsDeps, owner: ClaimsOwner) {
    this.#deps = deps;
    this.#owner = owner;
    this.#sentMs = deps.clock.monotonicMs() - gatherMs;
    this.#elsewhere = new RecentHashes({ ...deps, maxSize: maxElsewhere });
    this.#subscription = deps.bus.subscribe(deps.subjects.hlsListeners, (data) => this.#onMessage(data));
  }

  /** More wait than one message takes: what is not urgent should not be added. */
  get isBusy(): boolean {
    return this.#claims.size >= maxClaims;
  }

  claim(session: ClaimedSession): void {
    this.#ends.delete(session.hash);
    if (this.#claims.size < maxPending) this.#claims.add(session);
    else this.dropped += 1;
    this.#sendSoon();
  }

  kill(hash: string): void {
    if (this.#kills.size < maxPending) this.#kills.add(hash);
    else this.dropped += 1;
    this.#sendSoon();
  }

  /** A session that was counted here is over; nothing of it is known any more, here or elsewhere. */
  end(hash: string): void {
    if (this.#isClosed) return;
    this.#elsewhere.delete(hash);
    if (this.#ends.size < maxPending) this.#ends.add(hash);
    else this.dropped += 1;
    this.#sendSoon();
  }

  /** True for a session that another edge has said to count, and has not said to be over. */
  isElsewhere(hash: string): boolean {
    return this.#elsewhere.has(hash);
  }

  /** Says what is still to be said of kills and ends and nothing more. */
  close(): void {
    if (this.#isClosed) return;
    this.#claims.clear();
    this.#send();
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
      if (this.#claims.size + this.#kills.size + this.#ends.size > 0) this.#sendSoon();
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
    const kills = takeSome(this.#kills);
    const ends = takeSome(this.#ends);
    if (claims.length + kills.length + ends.length === 0) return;
    this.#sentMs = clock.monotonicMs();
    if (claims.length + kills.length > 0)
      bus.publish(subjects.hlsListeners, encodeHlsClaims({ podId, claims, kills, ends: [] }));
    // By themselves: an edge of an earlier version drops the whole message.
    if (ends.length > 0)
      bus.publish(subjects.hlsListeners, encodeHlsClaims({ podId, claims: [], kills: [], ends }));
  }

  #onMessage(data: Uint8Array): void {
    const message = decodeHlsClaims(data);
    if (!message) {
      this.malformed += 1;
      return;
    }
    const { podId, claims, kills, ends } = message;
    if (podId === this.#deps.podId) return;
    for (const claim of claims) {
      if (claim.heldSinceMs !== notHeld) this.#elsewhere.add(claim.hash);
      this.#owner.claimed(claim, podId);
    }
    for (const hash of kills) this.#owner.killed(hash);
    for (const hash of ends) {
      this.#elsewhere.delete(hash);
      this.#owner.ended(hash);
    }
  }
}

function takeSome(pending: Set<string>): string[] {
  const taken: string[] = [];
  for (const hash of pending) {
    if (taken.length === maxClaims) break;
    pending.delete(hash);
    taken.push(hash);
  }
  return taken;
}
