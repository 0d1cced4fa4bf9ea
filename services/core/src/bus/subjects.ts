/** Names on the bus (design §6). A cluster name and a mountId are safe tokens already. */
export class Subjects {
  readonly #prefix: string;

  constructor(cluster: string) {
    this.#prefix = `ls.${cluster}`;
  }

  audio(mountId: string, rendition = 'source'): string {
    return `${this.#prefix}.audio.${mountId}.${rendition}`;
  }

  /** Changes of a mount's state document. */
  state(mountId: string): string {
    return `${this.#prefix}.state.${mountId}`;
  }

  get allStates(): string {
    return `${this.#prefix}.state.*`;
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
