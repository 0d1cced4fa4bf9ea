/** Answers what control asks of this edge: who listens, to end one of them, to move them to another mount. */
import { decodeEdgeRequest, type EdgeReply, encodeMessage } from '@legacystream/core/bus/requests.ts';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import { mountPathOf } from '@legacystream/core/mounts/mount-path.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';
import type { ListenerMover } from './listener-mover.ts';
import type { ListenerRegistry } from './listener-registry.ts';

/** An answer names at most so many listeners; a page of more helps nobody. */
const maxClients = 10_000;

export function respondToControl(
  bus: Pick<Bus, 'respond'>,
  subjects: Subjects,
  podId: string,
  registry: ListenerRegistry,
  mover: ListenerMover,
): Subscription {
  return bus.respond(subjects.pod(podId, 'edge'), async (data) =>
    encodeMessage(await answer(data, registry, mover)),
  );
}

async function answer(
  data: Uint8Array,
  registry: ListenerRegistry,
  mover: ListenerMover,
): Promise<EdgeReply> {
  const request = decodeEdgeRequest(data);
  const path = request && mountPathOf(request.mountId);
  if (!request || path === undefined) return { ok: false, reason: 'unreadable request' };
  if (request.op === 'kill-client') {
    const listener = registry.find(path, request.id);
    listener?.close('killed');
    return { ok: true, found: listener !== undefined };
  }
  if (request.op === 'move-clients') {
    const destination = mountPathOf(request.destinationId);
    if (destination === undefined) return { ok: false, reason: 'unreadable request' };
    return { ok: true, ...(await mover.move(path, destination, request.most)) };
  }
  const clients = [];
  for (const listener of registry.listenersOf(path)) {
    if (clients.length === maxClients) break;
    const { id, ip, userAgent, username } = listener.details;
    const connectedSeconds = registry.secondsConnected(listener);
    clients.push({ id, ip, userAgent, connectedSeconds, ...(username !== undefined && { username }) });
  }
  return { ok: true, clients };
}
