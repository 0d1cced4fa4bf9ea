/**
 * The source sessions of this pod: opens them on claimed mounts, counts them against the
 * limit, and ends them all when the pod goes.
 */
import { type ErrorCode, LegacyStreamError } from '@legacystream/core/errors.ts';
import { isReservedPath, mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import { mountSettingsFor } from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { SourceDescription } from './initial-state.ts';
import { MountClaim } from './mount-claim.ts';
import { type SessionDeps, type SourceConnection, type SourceEnd, SourceSession } from './source-session.ts';

export class SourceRegistry {
  /** Sessions opened since the start. */
  opened = 0;
  /** Sources that were not let in, by the code of the reason. */
  readonly refusals = new Map<ErrorCode, number>();
  readonly #deps: SessionDeps;
  readonly #settings: Settings;
  readonly #sessions = new Set<SourceSession>();
  #opening = 0;
  #closed = false;

  constructor(deps: SessionDeps, settings: Settings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /**
   * Claims a mount for a source that may use it.
   * @throws LegacyStreamError LS_MOUNT_IN_USE, LS_SOURCES_FULL, LS_MOUNT_PATH_INVALID, LS_CLOSED
   */
  async claim(path: string): Promise<MountClaim> {
    if (this.#closed) throw new LegacyStreamError('LS_CLOSED', 'server is shutting down');
    if (isReservedPath(path)) throw new LegacyStreamError('LS_MOUNT_PATH_INVALID', 'mount path is reserved');
    if (this.#sessions.size + this.#opening >= this.#settings.limits.maxSources) {
      throw new LegacyStreamError('LS_SOURCES_FULL', 'too many sources connected');
    }
    this.#opening += 1;
    try {
      this.opened += 1;
      return await MountClaim.take(this.#deps, mountIdOf(path), `${this.#deps.podId}/${this.opened}`);
    } finally {
      this.#opening -= 1;
    }
  }

  countRefusal(code: ErrorCode): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }

  /** Puts a source with a claimed mount on air. */
  async open(
    claim: MountClaim,
    source: SourceDescription,
    connection: SourceConnection,
  ): Promise<SourceSession> {
    const previous = await this.#deps.store
      .getDocument('mount', mountIdOf(source.path))
      .catch(() => undefined);
    const session = new SourceSession(
      this.#deps,
      mountSettingsFor(this.#settings, source.path),
      source,
      claim,
      previous as MountState | undefined,
      connection,
      (ended) => this.#sessions.delete(ended),
    );
    this.#sessions.add(session);
    this.#deps.log.info('source.connected', {
      mount: source.path,
      ip: source.ip,
      protocol: source.protocol,
      contentType: source.contentType,
      userAgent: source.userAgent,
      epoch: claim.epoch,
    });
    if (this.#closed) session.end('shutdown');
    return session;
  }

  sessions(): Iterable<SourceSession> {
    return this.#sessions;
  }

  closeAll(reason: SourceEnd): void {
    this.#closed = true;
    for (const session of [...this.#sessions]) session.end(reason);
  }
}
