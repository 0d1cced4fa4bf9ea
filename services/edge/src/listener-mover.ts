/**
 * Moves the listeners of a mount to another one that is on air, connections kept, as an
 * operator demands (Icecast's `moveclients`). Each goes on between two whole frames, with
 * ICY on the same count of bytes, and is counted under the other mount from then on.
 *
 * Who could not go on there stays where it is: players cannot follow from one codec to
 * another, an ICY listener has been told how many bytes lie between two blocks, and the
 * other mount may have a limit. A listener whose connection still holds bytes is moved at
 * once and hears those first: it is not written anything more before they have gone.
 *
 * Listeners of HLS ask for the mount by its name and are no part of this.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { ChannelHub } from './channel-hub.ts';
import type { ListenerRegistry } from './listener-registry.ts';
import type { MountChannel } from './mount-channel.ts';
import type { MountDirectory } from './mount-directory.ts';
import type { SocketListener } from './socket-listener.ts';
import type { WaitingRoom } from './waiting-room.ts';

export type ListenerMoverDeps = {
  readonly clock: Clock;
  readonly directory: Pick<MountDirectory, 'find' | 'changed'>;
  readonly hub: Pick<ChannelHub, 'demand' | 'find'>;
  readonly registry: ListenerRegistry;
  readonly waitingRoom: WaitingRoom;
  /** How many more listeners a mount may have. */
  readonly roomOf: (path: string) => number;
};

export type MoveCounts = { readonly moved: number; readonly kept: number };

/** For the other mount to be on air here and to have something to begin with; less than the asker waits. */
const openTimeoutMs = 3_000;

export class ListenerMover {
  readonly #deps: ListenerMoverDeps;
  #isClosed = false;

  constructor(deps: ListenerMoverDeps) {
    this.#deps = deps;
  }

  /** @param most moves no more than that; those who have listened longest go first */
  async move(from: string, destination: string, most = Number.POSITIVE_INFINITY): Promise<MoveCounts> {
    const { registry, roomOf } = this.#deps;
    const opened =
      registry.countOf(from) > 0 && from !== destination ? await this.#open(destination) : undefined;
    let moved = 0;
    if (opened) {
      const room = Math.min(most, roomOf(destination));
      for (const listener of [...registry.socketsOf(from)]) {
        if (moved >= room) break;
        if (this.#moveOne(listener, opened)) moved += 1;
      }
    }
    let kept = 0;
    for (const { endedBy } of registry.socketsOf(from)) if (!endedBy) kept += 1;
    return { moved, kept };
  }

  /** Moves nobody from now on. */
  close(): void {
    this.#isClosed = true;
  }

  #moveOne(listener: SocketListener, { channel, state }: Opened): boolean {
    const { directory, hub, registry } = this.#deps;
    const { mountPath } = listener.details;
    const before = hub.find(mountPath);
    if (!before || listener.wheel !== before.wheel || !listener.aboard || listener.endedBy) return false;
    // A channel that was opened early may know less of its codec than the mount tells by now.
    const now = directory.find(mountPath);
    if (now?.codec !== state.codec) return false;
    // What nobody here can read is told apart by its name.
    if (now.codec === 'opaque' && now.contentType !== state.contentType) return false;
    if (listener.icy && before.icy.metaint !== channel.icy.metaint) return false;
    channel.wheel.admit(listener, before.wheel.release(listener));
    listener.wheel = channel.wheel;
    registry.move(listener, state.path);
    return true;
  }

  /** @returns undefined when nobody can begin to listen to the mount in time */
  async #open(path: string): Promise<Opened | undefined> {
    const { clock, directory, hub, waitingRoom } = this.#deps;
    const deadlineMs = clock.monotonicMs() + openTimeoutMs;
    while (!this.#isClosed) {
      const leftMs = Math.max(0, deadlineMs - clock.monotonicMs());
      const state = directory.find(path);
      if (state?.status === 'live' && !state.codecPending) {
        const channel = hub.demand(state);
        const isReady = channel.joinable || (await waitingRoom.during(() => channel.ready(leftMs)));
        // It may have ended, or begun anew with another codec, meanwhile.
        const now = directory.find(path);
        if (
          isReady &&
          !this.#isClosed &&
          channel.joinable &&
          now?.status === 'live' &&
          hub.find(path) === channel
        ) {
          return { channel, state: now };
        }
        if (isReady === undefined) return undefined;
      } else if ((await waitingRoom.during(() => directory.changed(path, leftMs))) === undefined) {
        return undefined;
      }
      if (clock.monotonicMs() >= deadlineMs) break;
    }
    return undefined;
  }
}

type Opened = { readonly channel: MountChannel; readonly state: MountState };
