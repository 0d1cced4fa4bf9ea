/**
 * Every listener of this edge: who they are, how many there are of each mount, what they
 * were sent. Counts of a mount last as long as the mount does, whoever of its listeners
 * comes and goes.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import type { MountCounts } from '@legacystream/core/status/pod-counts.ts';
import type { SocketListener } from './socket-listener.ts';

type MountTally = {
  readonly listeners: Map<number, SocketListener>;
  connections: number;
  slow: number;
  /** Sent to listeners that have left. */
  bytesLeft: number;
  /** The most at once since the last report. */
  highWater: number;
  /** The mount has ended: its counts go with its last listener. */
  hasEnded: boolean;
};

export class ListenerRegistry {
  #nextId: number;
  #count = 0;
  /** Listeners that ever came to this edge. */
  connections = 0;
  readonly #clock: Clock;
  readonly #mounts = new Map<string, MountTally>();
  readonly #onChange: () => void;

  /** @param onChange told after each arrival and departure; must be cheap */
  constructor(clock: Clock, onChange: () => void, firstId = 1) {
    this.#nextId = firstId;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get count(): number {
    return this.#count;
  }

  nextId(): number {
    return this.#nextId++;
  }

  countOf(path: string): number {
    return this.#mounts.get(path)?.listeners.size ?? 0;
  }

  add(listener: SocketListener): void {
    this.#enter(listener);
    this.#count += 1;
    this.connections += 1;
    this.#onChange();
  }

  remove(listener: SocketListener): void {
    if (!this.#exit(listener)) return;
    this.#count -= 1;
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

  find(path: string, id: number): SocketListener | undefined {
    return this.#mounts.get(path)?.listeners.get(id);
  }

  listenersOf(path: string): Iterable<SocketListener> {
    return this.#mounts.get(path)?.listeners.values() ?? [];
  }

  *all(): Generator<SocketListener> {
    for (const { listeners } of this.#mounts.values()) yield* listeners.values();
  }

  secondsConnected(listener: SocketListener): number {
    return Math.floor((this.#clock.monotonicMs() - listener.details.startedMs) / 1000);
  }

  /** Forgets the counts of a mount that has ended, once its listeners have left. */
  forget(path: string): void {
    const tally = this.#mounts.get(path);
    if (tally?.listeners.size === 0) this.#mounts.delete(path);
    else if (tally) tally.hasEnded = true;
  }

  /** The counts of all mounts as they are now. */
  snapshot(): Map<string, MountCounts> {
    const counts = new Map<string, MountCounts>();
    for (const [path, tally] of this.#mounts) {
      let bytesSent = tally.bytesLeft;
      for (const listener of tally.listeners.values())
        bytesSent += listener.bytesSent - listener.bytesElsewhere;
      counts.set(path, {
        listeners: tally.listeners.size,
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
    for (const tally of this.#mounts.values()) tally.highWater = tally.listeners.size;
    return counts;
  }

  #enter(listener: SocketListener): void {
    const { mountPath, id } = listener.details;
    let tally = this.#mounts.get(mountPath);
    if (!tally) {
      tally = { listeners: new Map(), connections: 0, slow: 0, bytesLeft: 0, highWater: 0, hasEnded: false };
      this.#mounts.set(mountPath, tally);
    }
    tally.hasEnded = false;
    tally.listeners.set(id, listener);
    tally.connections += 1;
    tally.highWater = Math.max(tally.highWater, tally.listeners.size);
  }

  /** @returns false when it is not here */
  #exit(listener: SocketListener): boolean {
    const { mountPath, id } = listener.details;
    const tally = this.#mounts.get(mountPath);
    if (!tally?.listeners.delete(id)) return false;
    tally.bytesLeft += listener.bytesSent - listener.bytesElsewhere;
    if (listener.endedBy === 'too-slow') tally.slow += 1;
    if (tally.hasEnded && tally.listeners.size === 0) this.#mounts.delete(mountPath);
    return true;
  }
}
