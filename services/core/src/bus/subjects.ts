/**
 * Names on the bus (design §6). A mountId, a pod id, a role and a rendition are safe
 * tokens already; the cluster name comes from the operator and is checked here, so that
 * two clusters on one bus can never overlap by a dot or a wildcard.
 */
import { LegacyStreamError } from '../errors.ts';

export class Subjects {
  readonly #prefix: string;

  /** @throws LegacyStreamError LS_CONFIG_INVALID for a name that is not one token */
  constructor(cluster: string) {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(cluster)) {
      throw new LegacyStreamError(
        'LS_CONFIG_INVALID',
        'the cluster name must be 1 to 64 letters, digits, hyphens or underscores',
      );
    }
    this.#prefix = `ls.${cluster}`;
  }

  audio(mountId: string, rendition = 'source'): string {
    return `${this.#prefix}.audio.${mountId}.${rendition}`;
  }

  /** What all audio subjects begin with: the bus retains their tails. */
  get audioPrefix(): string {
    return `${this.#prefix}.audio.`;
  }

  /** Segments, parts and the window of a mount's HLS rendition. */
  hls(mountId: string, rendition: string): string {
    return `${this.#prefix}.hls.${mountId}.${rendition}`;
  }

  /** What edges were told of a rendition, for a packager that takes it over. */
  hlsTold(mountId: string, rendition: string): string {
    return `${this.#prefix}.hls-told.${mountId}.${rendition}`;
  }

  /** HLS listeners whom an edge has taken over from others. */
  get hlsListeners(): string {
    return `${this.#prefix}.hls-listeners`;
  }

  /** Changes of a mount's state document. */
  state(mountId: string): string {
    return `${this.#prefix}.state.${mountId}`;
  }

  get allStates(): string {
    return `${this.#prefix}.state.*`;
  }

  /** Failed logins, so that every pod counts them. */
  get loginFailures(): string {
    return `${this.#prefix}.auth.failure`;
  }

  /** Bans that were set and lifted, so that every edge obeys at once. */
  get bans(): string {
    return `${this.#prefix}.auth.ban`;
  }

  /** Requests to the pod that owns a mount. */
  owner(mountId: string): string {
    return `${this.#prefix}.ctl.${mountId}`;
  }

  /** Requests to one pod, by role: `ls.<cluster>.pod.<podId>.<role>`. */
  pod(podId: string, role: string): string {
    return `${this.#prefix}.pod.${podId}.${role}`;
  }
}
