/**
 * What control asks of the other pods: the owner of a mount about its source, every edge
 * about its listeners (design §2.3: any pod accepts the call, it reaches whom it concerns).
 */
import {
  type ClientView,
  decodeReply,
  type EdgeReply,
  encodeMessage,
  type OwnerReply,
  type OwnerRequest,
} from '@legacystream/core/bus/requests.ts';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import { decodeMountState, type MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';

const timeoutMs = 2_000;

export class FleetControl {
  readonly #bus: Pick<Bus, 'request'>;
  readonly #store: Pick<StateStore, 'listDocuments'>;
  readonly #subjects: Subjects;

  constructor(bus: Pick<Bus, 'request'>, store: Pick<StateStore, 'listDocuments'>, subjects: Subjects) {
    this.#bus = bus;
    this.#store = store;
    this.#subjects = subjects;
  }

  /** Mounts that have not ended, whoever owns them. */
  async mounts(): Promise<MountState[]> {
    const documents = await this.#store.listDocuments('mount');
    const states: MountState[] = [];
    for (const document of documents.values()) {
      const state = decodeMountState(Buffer.from(JSON.stringify(document)));
      if (state && state.status !== 'ended') states.push(state);
    }
    return states;
  }

  /** @returns undefined when no pod owns the mount */
  async askOwner(path: string, request: OwnerRequest): Promise<OwnerReply | undefined> {
    try {
      const subject = this.#subjects.owner(mountIdOf(path));
      return decodeReply<OwnerReply>(await this.#bus.request(subject, encodeMessage(request), timeoutMs));
    } catch (error) {
      if (error instanceof LegacyStreamError && error.code === 'LS_BUS_NO_RESPONDER') return undefined;
      throw error;
    }
  }

  /** The listeners of a mount on all edges that answer. */
  async clients(path: string): Promise<ClientView[]> {
    const replies = await this.#askEdges({ op: 'clients', mountId: mountIdOf(path) });
    return replies.flatMap((reply) => (reply.ok ? [...(reply.clients ?? [])] : []));
  }

  /** @returns whether an edge had the listener */
  async killClient(path: string, id: number): Promise<boolean> {
    const replies = await this.#askEdges({ op: 'kill-client', mountId: mountIdOf(path), id });
    return replies.some((reply) => reply.ok && reply.found === true);
  }

  async #askEdges(request: Parameters<typeof encodeMessage>[0]): Promise<EdgeReply[]> {
    const pods = [...(await this.#store.listDocuments('pod')).keys()];
    const message = encodeMessage(request);
    const answers = await Promise.allSettled(
      pods.map((podId) => this.#bus.request(this.#subjects.pod(podId, 'edge'), message, timeoutMs)),
    );
    return answers.flatMap((answer) =>
      answer.status === 'fulfilled' ? [decodeReply<EdgeReply>(answer.value)] : [],
    );
  }
}
