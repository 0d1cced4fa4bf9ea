/**
 * Every listener of this edge: who they are, how many there are of each mount, what they
 * were sent. Counts of a mount last as long as the mount does, whoever of its listeners
 * comes and goes.
 *
 * There are two kinds. A listener on a socket hears one endless answer; one of HLS is a
 * session that asks again and again, on any number of connections. Both are counted, listed
 * and found alike; only the former can be moved or sent away.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import type { ListenerEnd } from '@legacystream/core/fanout/listener.ts';
import { type MountCounts, podTtlMs } from '@legacystream/core/status/pod-counts.ts';
import type { ListenerDetails, SocketListener } from './socket-listener.ts';

/** A listener of either kind. */
export interface RegisteredListener {
  readonly details: ListenerDetails;
  close(reason: ListenerEnd): void;
}

type MountTally = {
  readonly onSockets: Map<number, SocketListener>;
  readonly sessions: Map<number, RegisteredListener>;
  /** Sessions that came from other edges, and until when what those told of them may last: so long the mark leaves them out. */
  readonly guests: Map<RegisteredListener, number>;
  connections: number;
  slow: number;
  /** Sent to listeners that have left, and in answers that belong to no socket listener. */
  bytesElse: number;
  /** The most at once since the last report. */
  highWater: number;
  /** The mount has ended: its counts go with its last listener. */
  hasEnded: boolean;
};

/** Answers to a mount that has ended may go on for so long; they do not bring its counts back. */
const lastAnswersMs = 60_000;

export class ListenerRegistry {
  #nextId: number;
  #socketCount = 0;
  #sessionCount = 0;
  /** Listeners that ever came to this edge. */
  connections = 0;
  readonly #clock: Clock;
  readonly #mounts = new Map<string, MountTally>();
  /** Mounts whose counts were forgotten, and when; oldest first. */
  readonly #forgotten = new Map<string, number>();
  readonly #onChange: () => void;

  /** @param onChange told after each arrival and departure; must be cheap */
  constructor(clock: Clock, onChange: () => void, firstId = 1) {
    this.#nextId = firstId;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get count(): number {
    return this.#socketCount + this.#sessionCount;
  }

  /** Those on sockets alone. */
  get socketCount(): number {
    return this.#socketCount;
  }

  nextId(): number {
    return this.#nextId++;
  }

  countOf(path: string): number {
    const tally = this.#mounts.get(path);
    return tally ? sizeOf(tally) : 0;
  }

  add(listener: SocketListener): void {
    this.#enter(listener);
    this.#socketCount += 1;
    this.connections += 1;
    this.#onChange();
  }

  remove(listener: SocketListener): void {
    if (!this.#exit(listener)) return;
    this.#socketCount -= 1;
    this.#onChange();
  }

  /** Counts a listener under another mount from now on; what it was sent so far stays with the one before. */
  move(listener: SocketListener, mountPath: string): void {
    if (!this.#exit(listener)) return;
    listener.bytesElsewhere = listener.bytesSent;
    listener.details = { ...listener.details, mountPath };
    this.#enter(listener);
    this.#onChange();
  }

  /**
   * Counts an HLS session, whose bytes come by {@link addBytes}. Its id is unlike those of
   * all other listeners of its mount.
   * @param isKnown it comes from another edge: it is no newcomer, and nobody more than before listens
   */
  addSession(session: RegisteredListener, isKnown = false): void {
    const { mountPath, id } = session.details;
    // The last playlist of a mount is still asked for after its end: that does not bring it back.
    const hasEnded = this.#wasJustForgotten(mountPath);
    const tally = this.#tallyOf(mountPath);
    if (hasEnded) tally.hasEnded = true;
    tally.sessions.set(id, session);
    this.#sessionCount += 1;
    if (isKnown) {
      tally.guests.set(session, this.#clock.monotonicMs() + podTtlMs);
    } else {
      tally.connections += 1;
      this.connections += 1;
      raiseMark(tally);
    }
    this.#onChange();
  }

  /** @param goesOn it goes to another edge, and counts for the most at once there */
  removeSession(session: RegisteredListener, goesOn = false): void {
    const { mountPath, id } = session.details;
    const tally = this.#mounts.get(mountPath);
    if (tally?.sessions.get(id) !== session) return;
    tally.sessions.delete(id);
    const isGuest = tally.guests.delete(session);
    if (goesOn && !isGuest) tally.highWater = Math.max(0, tally.highWater - 1);
    this.#sessionCount -= 1;
    this.#dropIfOver(mountPath, tally);
    this.#onChange();
  }

  /** Bytes of a mount that were sent to nobody on a socket of its own. */
  addBytes(path: string, bytes: number): void {
    const tally = this.#mounts.get(path);
    if (tally) {
      tally.bytesElse += bytes;
      return;
    }
    if (!this.#wasJustForgotten(path)) this.#tallyOf(path).bytesElse += bytes;
  }

  find(path: string, id: number): RegisteredListener | undefined {
    const tally = this.#mounts.get(path);
    return tally?.onSockets.get(id) ?? tally?.sessions.get(id);
  }

  *listenersOf(path: string): Generator<RegisteredListener> {
    const tally = this.#mounts.get(path);
    if (!tally) return;
    yield* tally.onSockets.values();
    yield* tally.sessions.values();
  }

  socketsOf(path: string): Iterable<SocketListener> {
    return this.#mounts.get(path)?.onSockets.values() ?? [];
  }

  *sockets(): Generator<SocketListener> {
    for (const { onSockets } of this.#mounts.values()) yield* onSockets.values();
  }

  /** All of both kinds; those who come and go meanwhile may be left out. */
  *listeners(): Generator<RegisteredListener> {
    for (const { onSockets, sessions } of this.#mounts.values()) {
      yield* onSockets.values();
      yield* sessions.values();
    }
  }

  secondsConnected(listener: RegisteredListener): number {
    return Math.floor((this.#clock.monotonicMs() - listener.details.startedMs) / 1000);
  }

  /** Forgets the counts of a mount that has ended, once its listeners have left. */
  forget(path: string): void {
    const tally = this.#mounts.get(path);
    if (!tally) return;
    tally.hasEnded = true;
    this.#dropIfOver(path, tally);
  }

  /** A mount is on air, be it again: whatever is counted of it stays. */
  revive(path: string): void {
    this.#forgotten.delete(path);
    const tally = this.#mounts.get(path);
    if (tally) tally.hasEnded = false;
  }

  /** The counts of all mounts as they are now. */
  snapshot(): Map<string, MountCounts> {
    const counts = new Map<string, MountCounts>();
    for (const [path, tally] of this.#mounts) {
      let bytesSent = tally.bytesElse;
      for (const listener of tally.onSockets.values())
        bytesSent += listener.bytesSent - listener.bytesElsewhere;
      counts.set(path, {
        listeners: sizeOf(tally),
        connections: tally.connections,
        slow: tally.slow,
        bytesSent,
        highWater: tally.highWater,
      });
    }
    return counts;
  }

  /** As {@link snapshot}, and begins a new high water mark. */
  report(): Map<string, MountCounts> {
    const counts = this.snapshot();
    const nowMs = this.#clock.monotonicMs();
    for (const tally of this.#mounts.values()) {
      for (const [session, untilMs] of tally.guests) {
        if (untilMs > nowMs) break;
        tally.guests.delete(session);
      }
      raiseMark(tally, 0);
    }
    return counts;
  }

  #enter(listener: SocketListener): void {
    const { mountPath, id } = listener.details;
    const tally = this.#tallyOf(mountPath);
    tally.hasEnded = false;
    tally.onSockets.set(id, listener);
    tally.connections += 1;
    raiseMark(tally);
  }

  /** @returns false when it is not here */
  #exit(listener: SocketListener): boolean {
    const { mountPath, id } = listener.details;
    const tally = this.#mounts.get(mountPath);
    if (!tally?.onSockets.delete(id)) return false;
    tally.bytesElse += listener.bytesSent - listener.bytesElsewhere;
    if (listener.endedBy === 'too-slow') tally.slow += 1;
    this.#dropIfOver(mountPath, tally);
    return true;
  }

  #tallyOf(path: string): MountTally {
    let tally = this.#mounts.get(path);
    if (!tally) {
      tally = {
        onSockets: new Map(),
        sessions: new Map(),
        guests: new Map(),
        connections: 0,
        slow: 0,
        bytesElse: 0,
        highWater: 0,
        hasEnded: false,
      };
      this.#mounts.set(path, tally);
      this.#forgotten.delete(path);
    }
    return tally;
  }

  #wasJustForgotten(path: string): boolean {
    const forgottenMs = this.#forgotten.get(path);
    return forgottenMs !== undefined && this.#clock.monotonicMs() - forgottenMs < lastAnswersMs;
  }

  #dropIfOver(path: string, tally: MountTally): void {
    if (!tally.hasEnded || sizeOf(tally) > 0) return;
    this.#mounts.delete(path);
    const nowMs = this.#clock.monotonicMs();
    for (const [earlier, forgottenMs] of this.#forgotten) {
      if (nowMs - forgottenMs < lastAnswersMs) break;
      this.#forgotten.delete(earlier);
    }
    this.#forgotten.set(path, nowMs);
  }
}

function sizeOf(tally: MountTally): number {
  return tally.onSockets.size + tally.sessions.size;
}

function raiseMark(tally: MountTally, from = tally.highWater): void {
  tally.highWater = Math.max(from, sizeOf(tally) - tally.guests.size);
}
