/**
 * What control asks of the other pods: the owner of a mount about its source, every edge
 * about its listeners (design §2.3: any pod accepts the call, it reaches whom it concerns).
 */
import {
  type ClientView,
  decodeReply,
  type EdgeReply,
  type EdgeRequest,
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
/** An edge may have to open the mount that listeners are moved to. */
const moveTimeoutMs = 5_000;

export type MoveOutcome = {
  readonly moved: number;
  readonly kept: number;
  /** Edges that did not say what they did. */
  readonly unanswered: number;
};

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

  /**
   * Moves the listeners of a mount to another on all edges that answer.
   * @param room listeners that the other may still have in the whole fleet; absent for any number
   */
  async moveClients(path: string, destination: string, room?: number): Promise<MoveOutcome> {
    const request = {
      op: 'move-clients',
      mountId: mountIdOf(path),
      destinationId: mountIdOf(destination),
    } as const;
    const pods = await this.#pods();
    const ask = (podId: string, most?: number) =>
      this.#ask(podId, most === undefined ? request : { ...request, most }, moveTimeoutMs).catch(
        (): EdgeReply => ({ ok: false, reason: 'no answer' }),
      );
    if (room === undefined) return sumOf(await Promise.all(pods.map((podId) => ask(podId))));
    const replies: EdgeReply[] = [];
    // One after the other: each may use what those before it have left.
    for (const podId of pods) replies.push(await ask(podId, Math.max(0, room - sumOf(replies).moved)));
    return sumOf(replies);
  }

  async #askEdges(request: EdgeRequest): Promise<EdgeReply[]> {
    const pods = await this.#pods();
    const answers = await Promise.allSettled(pods.map((podId) => this.#ask(podId, request, timeoutMs)));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  async #ask(podId: string, request: EdgeRequest, withinMs: number): Promise<EdgeReply> {
    const subject = this.#subjects.pod(podId, 'edge');
    return decodeReply<EdgeReply>(await this.#bus.request(subject, encodeMessage(request), withinMs));
  }

  async #pods(): Promise<string[]> {
    return [...(await this.#store.listDocuments('pod')).keys()];
  }
}

function sumOf(replies: readonly EdgeReply[]): MoveOutcome {
  let [moved, kept, unanswered] = [0, 0, 0];
  for (const reply of replies) {
    if (!reply.ok) unanswered += 1;
    else {
      moved += reply.moved ?? 0;
      kept += reply.kept ?? 0;
    }
  }
  return { moved, kept, unanswered };
}
