/**
 * The sources of this pod: opens them on claimed mounts, lets those of `standby` mounts
 * wait for their turn, counts them against the limit, and ends them all when the pod goes.
 */
import { type ErrorCode, LegacyStreamError } from '@legacystream/core/errors.ts';
import { isReservedPath, mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import { mountSettingsFor } from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { SourceDescription } from './initial-state.ts';
import { inUse, MountClaim } from './mount-claim.ts';
import type { SourceConnection, SourceEnd, SourceFeed } from './source-feed.ts';
import { type SessionDeps, SourceSession } from './source-session.ts';
import { StandbyQueue, type SwitchCause } from './standby-queue.ts';
import { type StandbyHost, StandbySource } from './standby-source.ts';

/** Sources of one mount that may wait on one pod. */
export const maxStandbys = 4;

/** What a source is admitted by: a claimed mount, or a place among those that wait for one. */
export type Admission = MountClaim | StandbyPlace;

export class StandbyPlace {
  readonly mount: StandbyMount;
  readonly #onRelease: () => void;
  #isTaken = true;

  constructor(mount: StandbyMount, onRelease: () => void) {
    this.mount = mount;
    this.#onRelease = onRelease;
    mount.places += 1;
  }

  /** Gives the place free; idempotent. */
  async release(): Promise<void> {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.mount.places -= 1;
    this.#onRelease();
  }
}

/** A `standby` mount as far as this pod has sources for it. */
type StandbyMount = {
  readonly queue: StandbyQueue;
  readonly sources: Set<StandbySource>;
  /** Promised to sources that have not come yet. */
  places: number;
};

export class SourceRegistry {
  /** Sources admitted since the start. */
  opened = 0;
  /** Sources that were not let in, by the code of the reason. */
  readonly refusals = new Map<ErrorCode, number>();
  /** Times that a source that had waited was put on air. */
  readonly switches = new Map<SwitchCause, number>();
  readonly #deps: SessionDeps;
  readonly #settings: Settings;
  readonly #sessions = new Set<SourceSession>();
  readonly #standbyMounts = new Map<string, StandbyMount>();
  #opening = 0;
  #holders = 0;
  #closed = false;

  constructor(deps: SessionDeps, settings: Settings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** Sources on air. */
  get count(): number {
    return this.#sessions.size;
  }

  /** Sources that wait. */
  get standbys(): number {
    let count = 0;
    for (const { queue } of this.#standbyMounts.values()) count += queue.length;
    return count;
  }

  /**
   * Admits a source that may use the mount: claims it, or where its sources wait for each
   * other, finds it a place.
   * @throws LegacyStreamError LS_MOUNT_IN_USE, LS_SOURCES_FULL, LS_MOUNT_PATH_INVALID, LS_CLOSED
   */
  async claim(path: string): Promise<Admission> {
    if (this.#closed) throw new LegacyStreamError('LS_CLOSED', 'server is shutting down');
    if (isReservedPath(path)) throw new LegacyStreamError('LS_MOUNT_PATH_INVALID', 'mount path is reserved');
    if (this.#sessions.size + this.standbys + this.#opening >= this.#settings.limits.maxSources) {
      throw new LegacyStreamError('LS_SOURCES_FULL', 'too many sources connected');
    }
    if (mountSettingsFor(this.#settings, path).takeover === 'standby') return this.#findPlace(path);
    this.#opening += 1;
    try {
      this.opened += 1;
      return await MountClaim.take(this.#deps, mountIdOf(path), this.#nameHolder());
    } finally {
      this.#opening -= 1;
    }
  }

  countRefusal(code: ErrorCode): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }

  /** Puts a source with a claimed mount on air, or lets it wait for its turn. */
  async open(
    admission: Admission,
    source: SourceDescription,
    connection: SourceConnection,
  ): Promise<SourceFeed> {
    if (admission instanceof StandbyPlace) return this.#openStandby(admission, source, connection);
    const previous = await this.#deps.store
      .getDocument('mount', mountIdOf(source.path))
      .catch(() => undefined);
    const session = new SourceSession(this.#deps, {
      settings: mountSettingsFor(this.#settings, source.path),
      source,
      claim: admission,
      previous: previous as MountState | undefined,
      connection,
      onEnd: (ended) => this.#sessions.delete(ended),
    });
    this.#noteOnAir(session, source);
    if (this.#closed) session.end('shutdown');
    return session;
  }

  sessions(): Iterable<SourceSession> {
    return this.#sessions;
  }

  closeAll(reason: SourceEnd): void {
    this.#closed = true;
    for (const { queue } of this.#standbyMounts.values()) queue.close();
    for (const session of [...this.#sessions]) session.end(reason);
    for (const { sources } of [...this.#standbyMounts.values()]) {
      for (const source of [...sources]) source.end(reason);
    }
  }

  #findPlace(path: string): StandbyPlace {
    let mount = this.#standbyMounts.get(path);
    if (mount && mount.queue.length + mount.places >= maxStandbys) throw inUse();
    if (!mount) {
      const queue = new StandbyQueue(
        this.#deps,
        mountIdOf(path),
        () => this.#nameHolder(),
        (cause) => this.switches.set(cause, (this.switches.get(cause) ?? 0) + 1),
      );
      mount = { queue, sources: new Set(), places: 0 };
      this.#standbyMounts.set(path, mount);
    }
    this.opened += 1;
    return new StandbyPlace(mount, () => this.#forgetIdle(path));
  }

  async #openStandby(
    place: StandbyPlace,
    description: SourceDescription,
    connection: SourceConnection,
  ): Promise<StandbySource> {
    const { mount } = place;
    const { path } = description;
    const host: StandbyHost = {
      ready: () => mount.queue.wake(),
      onAir: (source, session) => {
        mount.queue.leave(source);
        this.#noteOnAir(session, description);
      },
      waitsAgain: (source, session) => {
        this.#sessions.delete(session);
        if (this.#closed) return source.end('shutdown');
        mount.queue.join(source);
      },
      gone: (source, session) => {
        mount.queue.leave(source);
        mount.sources.delete(source);
        if (!session) return this.#forgetIdle(path);
        this.#sessions.delete(session);
        // Those who wait need not find out by asking.
        void session.released().then(() => mount.queue.wake());
        this.#forgetIdle(path);
      },
    };
    const settings = mountSettingsFor(this.#settings, path);
    const source = new StandbySource(this.#deps, settings, description, connection, host);
    mount.sources.add(source);
    await place.release();
    mount.queue.join(source);
    if (this.#closed) source.end('shutdown');
    return source;
  }

  #forgetIdle(path: string): void {
    const mount = this.#standbyMounts.get(path);
    if (!mount || mount.sources.size > 0 || mount.places > 0) return;
    mount.queue.close();
    this.#standbyMounts.delete(path);
  }

  #noteOnAir(session: SourceSession, source: SourceDescription): void {
    if (!session.isOver) this.#sessions.add(session);
    this.#deps.log.info('source.connected', {
      mount: source.path,
      ip: source.ip,
      protocol: source.protocol,
      contentType: source.contentType,
      userAgent: source.userAgent,
      epoch: session.state.epoch,
    });
  }

  /** Names one session among all of the fleet. */
  #nameHolder(): string {
    this.#holders += 1;
    return `${this.#deps.podId}/${this.#holders}`;
  }
}
