/**
 * A listener of HLS: a visitor that asks for the playlist of a mount again and again. It is
 * listed and ended like any other listener; its bytes are told to it, since they go out on
 * whatever connections the visitor has.
 */
import { notHeld } from '@legacystream/core/bus/hls-claims.ts';
import type { ListenerEnd } from '@legacystream/core/fanout/listener.ts';
import type { RegisteredListener } from '../listener-registry.ts';
import type { ListenerDetails } from '../socket-listener.ts';
import type { ClaimedSession } from './session-claims.ts';

export interface SessionOwner {
  end(session: HlsSession, reason: ListenerEnd): void;
}

export class HlsSession implements RegisteredListener, ClaimedSession {
  /** The mount, and the token or whatever else the visitor is known by. */
  readonly key: string;
  readonly hash: string;
  readonly details: ListenerDetails;
  /** The answer to its visits, made once. */
  readonly admission: { readonly session: HlsSession } = { session: this };
  bytesSent = 0;
  /** Since when it is counted here, by the wall clock: what edges compare. */
  heldSinceMs = notHeld;
  isOver = false;
  /** When it was served last, here or for all that is known elsewhere; this and what follows by the monotonic clock. */
  visitedMs = 0;
  /** When it was here last or was heard of last; it is over some time after that. */
  heardMs = 0;
  /** When others were told of it last. */
  claimedMs = 0;
  /** When another edge said last that it counts it. */
  holderMs = 0;
  /** Its neighbours in the queue of sessions. */
  older: HlsSession | undefined;
  younger: HlsSession | undefined;
  readonly #owner: SessionOwner;

  constructor(key: string, hash: string, details: ListenerDetails, owner: SessionOwner) {
    this.key = key;
    this.hash = hash;
    this.details = details;
    this.#owner = owner;
  }

  /** Counted here, and by nobody else. */
  get isHeld(): boolean {
    return this.heldSinceMs !== notHeld;
  }

  close(reason: ListenerEnd): void {
    this.#owner.end(this, reason);
  }
}

/** Sessions in the order in which they were heard of last, so that those that are over stand first. */
export class SessionQueue {
  #oldest: HlsSession | undefined;
  #youngest: HlsSession | undefined;

  get oldest(): HlsSession | undefined {
    return this.#oldest;
  }

  /** To the end of the queue, whether it is in it already or not. */
  renew(session: HlsSession): void {
    if (session === this.#youngest) return;
    this.remove(session);
    session.older = this.#youngest;
    if (this.#youngest) this.#youngest.younger = session;
    else this.#oldest = session;
    this.#youngest = session;
  }

  remove(session: HlsSession): void {
    const { older, younger } = session;
    if (older) older.younger = younger;
    else if (this.#oldest === session) this.#oldest = younger;
    if (younger) younger.older = older;
    else if (this.#youngest === session) this.#youngest = older;
    session.older = undefined;
    session.younger = undefined;
  }
}
