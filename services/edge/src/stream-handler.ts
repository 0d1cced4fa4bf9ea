/**
 * Answers requests for streams: admits the listener, waits for a mount that is about to
 * have audio, sends the head and the burst, and puts the socket on the delivery wheel.
 * One that names a position goes on at that very byte where it is still here (decision 8).
 */
import type { Clock } from '@legacystream/core/clock.ts';
import {
  formatStreamPosition,
  parseStreamPosition,
  type StreamPosition,
} from '@legacystream/core/fanout/stream-position.ts';
import { isReservedPath, parseMountPath } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import { parseBasicAuth } from '@legacystream/core/protocols/credentials.ts';
import { parseQuery, splitTarget, textOf } from '@legacystream/core/protocols/query.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import type { AccessLog } from '@legacystream/runtime/access-log.ts';
import { type ClientConnection, closeWith } from '@legacystream/runtime/client-connection.ts';
import {
  type EffectiveMountSettings,
  mountSettingsFor,
} from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { Handled } from '@legacystream/runtime/front-door/front-door.ts';
import { authChallenge } from '@legacystream/runtime/http/raw-response.ts';
import { type AuthVerdict, challengeTexts, type ListenerAuth } from './auth/listener-auth.ts';
import type { ChannelHub } from './channel-hub.ts';
import type { FleetListeners } from './fleet-listeners.ts';
import { type GateRefusal, gateTexts, type ListenerGate } from './listener-gate.ts';
import type { ListenerRegistry } from './listener-registry.ts';
import type { MountChannel } from './mount-channel.ts';
import type { MountDirectory } from './mount-directory.ts';
import { notFoundBody, notFoundContentType } from './pages/not-found-page.ts';
import { isPlaylistPath } from './playlist-path.ts';
import { type ListenerOwner, SocketListener } from './socket-listener.ts';
import { type StreamStart, streamHead, streamOptions, streamRefusal } from './stream-headers.ts';
import { TextTable } from './text-table.ts';
import type { WaitingRoom } from './waiting-room.ts';

export type StreamHandlerDeps = {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly directory: MountDirectory;
  readonly hub: ChannelHub;
  readonly registry: ListenerRegistry;
  readonly gate: ListenerGate;
  readonly auth: ListenerAuth;
  readonly waitingRoom: WaitingRoom;
  /** Listeners on other edges; absent when no mount has a limit. */
  readonly elsewhere: FleetListeners | undefined;
  readonly accessLog: AccessLog | undefined;
  readonly server: string;
};

type Request = {
  /** Of the listener that it may become. */
  readonly id: number;
  readonly head: RequestHead;
  readonly client: ClientConnection;
  readonly path: string;
  readonly startedMs: number;
  /** Where to go on; `unknown` for what is no position. */
  readonly resume: StreamPosition | 'unknown' | undefined;
};

/** Another edge may have been ahead of this one by what is still on the way. */
const maxAheadMs = 2_000;
const icyCodecs = new Set(['mp3', 'aac', 'opaque']);

export class StreamHandler implements ListenerOwner {
  readonly #deps: StreamHandlerDeps;
  readonly #texts = new TextTable();
  #closed = false;

  constructor(deps: StreamHandlerDeps) {
    this.#deps = deps;
  }

  /** No new listeners from now on. */
  close(): void {
    this.#closed = true;
  }

  /** True for the paths that {@link handle} takes. */
  takes(target: string): boolean {
    const path = streamPathOf(target);
    if (path === undefined || isReservedPath(path)) return false;
    return !isPlaylistPath(path) || this.#deps.directory.find(path) !== undefined;
  }

  /** Takes GET, HEAD and OPTIONS of stream paths; passes on everything else. */
  async handle(head: RequestHead, client: ClientConnection): Promise<Handled> {
    if (!this.takes(head.target)) return 'pass';
    const path = streamPathOf(head.target)!;
    const { clock, server, registry } = this.#deps;
    if (head.method === 'OPTIONS') {
      client.socket.write(streamOptions(server, clock.wallMs()));
      return 'next';
    }
    const resume = resumeOf(head.target);
    const id = registry.nextId();
    await this.#answer({ id, head, client, path, startedMs: clock.monotonicMs(), resume });
    return 'taken';
  }

  async #answer(request: Request): Promise<void> {
    const { settings, directory, gate, auth } = this.#deps;
    const { id, head, client, path } = request;
    const mount = mountSettingsFor(settings, path);
    if (mount.listenerAuth === 'off' || this.#closed) return this.#serve(request, mount);
    // Those who may not listen at all, or not here, need not be asked about.
    const refused = gate.refusal(client, head);
    if (refused) return this.#forbid(request, refused);
    if (!directory.find(path) && !mount.declared) return this.#notFound(request);
    const verdict = await auth.admit({
      id,
      head,
      ip: client.ip,
      mountPath: path,
      mount,
      target: head.target,
    });
    try {
      if (client.socket.destroyed) this.#log(request, 200, 0);
      else if (verdict.granted) await this.#serve(request, mount);
      else this.#challenge(request, verdict);
    } finally {
      auth.settle(id);
    }
  }

  async #serve(request: Request, mount: EffectiveMountSettings): Promise<void> {
    const { directory, hub, gate, waitingRoom, clock } = this.#deps;
    const deadlineMs = clock.monotonicMs() + mount.holdTimeout * 1000;
    const { socket } = request.client;
    // Who asks for the head of a certain place is told where that is by now.
    const isHeadOnly = request.head.method === 'HEAD' && request.resume === undefined;
    const isFull = () => request.head.method !== 'HEAD' && this.#room(request.path, mount.maxListeners) <= 0;
    // Who waits may be banned meanwhile.
    const refusal = () => gate.refusal(request.client, request.head);
    for (;;) {
      if (this.#closed) return this.#refuse(request, 503, 'Server is shutting down\r\n');
      const refused = refusal();
      if (refused) return this.#forbid(request, refused);
      const state = directory.find(request.path);
      if (!state && !mount.declared) return this.#notFound(request);
      const leftMs = deadlineMs - clock.monotonicMs();
      if (state?.status === 'live' && isHeadOnly) return this.#answerHead(request, state);
      // What the stream is has to be known first: it decides on the head of the answer.
      if (state?.status === 'live' && !state.codecPending) {
        if (isFull()) return this.#refuse(request, 503, 'Too many listeners\r\n');
        const channel = hub.demand(state);
        const isReady =
          channel.joinable || (await waitingRoom.during(() => channel.ready(Math.max(0, leftMs))));
        if (isReady === undefined) return this.#refuse(request, 503, 'Too many listeners are waiting\r\n');
        if (isReady) await this.#awaitPosition(request, channel);
        if (socket.destroyed) return this.#log(request, 200, 0);
        const refusedBy = refusal();
        if (refusedBy) return this.#forbid(request, refusedBy);
        // A crowd that waited together does not get past the limit together.
        if (isFull()) return this.#refuse(request, 503, 'Too many listeners\r\n');
        const now = directory.find(request.path);
        if (isReady && now?.status === 'live' && !now.codecPending && this.#join(request, now)) return;
      } else {
        if (request.head.method === 'HEAD') return this.#notFound(request);
        const changed = await waitingRoom.during(() => directory.changed(request.path, Math.max(0, leftMs)));
        if (changed === undefined) return this.#refuse(request, 503, 'Too many listeners are waiting\r\n');
      }
      if (socket.destroyed) return this.#log(request, 200, 0);
      if (clock.monotonicMs() >= deadlineMs) {
        if (directory.find(request.path)?.status === 'live')
          return this.#refuse(request, 503, 'No audio yet\r\n');
        return this.#notFound(request);
      }
    }
  }

  async #awaitPosition({ resume }: Request, channel: MountChannel): Promise<void> {
    if (resume === undefined || resume === 'unknown' || channel.locate(resume) !== 'ahead') return;
    await this.#deps.waitingRoom.during(() => channel.reached(resume, maxAheadMs));
  }

  /** @returns false when there is nothing to start with after all */
  #join(request: Request, state: MountState): boolean {
    const { hub, registry, auth, clock, server } = this.#deps;
    const channel = hub.demand(state);
    if (!channel.joinable) return false;
    const { head, client, path, resume } = request;
    const wantsIcy =
      Number.parseInt(head.headers.get('icy-metadata') ?? '0', 10) > 0 && icyCodecs.has(state.codec);
    const found = resume === undefined || resume === 'unknown' ? undefined : channel.locate(resume);
    const resumeAt = typeof found === 'number' ? found : undefined;
    const start = startOf(channel, wantsIcy, resume !== undefined, resumeAt);
    if (!start) return false;
    const metaint = wantsIcy ? channel.icy.metaint : undefined;
    const answer = streamHead(state, server, versionOf(head), clock.wallMs(), metaint, start);
    if (head.method === 'HEAD') {
      closeWith(client.socket, Buffer.from(answer, 'latin1'));
      this.#log(request, 200, 0);
      return true;
    }
    const listener = new SocketListener(
      client.socket,
      wantsIcy,
      {
        id: request.id,
        mountPath: this.#texts.keep(path),
        ip: client.ip,
        userAgent: this.#texts.keep(head.headers.get('user-agent') ?? ''),
        referer: this.#texts.keep(head.headers.get('referer') ?? ''),
        method: this.#texts.keep(head.method),
        target: this.#texts.keep(head.target),
        protocol: head.protocol,
        username: parseBasicAuth(head.headers.get('authorization'))?.user,
        startedMs: request.startedMs,
      },
      this,
    );
    listener.wheel = channel.wheel;
    listener.open(answer, () => {
      if (resumeAt === undefined) channel.wheel.join(listener);
      else channel.wheel.resume(listener, resumeAt);
    });
    registry.add(listener);
    auth.begun(request.id, () => {
      listener.wheel?.leave(listener);
      listener.close('time-limit');
    });
    return true;
  }

  left(listener: SocketListener): void {
    const { registry, auth, accessLog } = this.#deps;
    const seconds = registry.secondsConnected(listener);
    listener.wheel?.leave(listener);
    registry.remove(listener);
    auth.ended(listener.details.id, seconds);
    accessLog?.record({
      ...listener.details,
      user: listener.details.username,
      status: 200,
      bytes: listener.bytesSent,
      seconds,
    });
  }

  /** How many more listeners a mount may have. */
  roomOf(path: string): number {
    return this.#room(path, mountSettingsFor(this.#deps.settings, path).maxListeners);
  }

  /** @param maxListeners 0 for no limit */
  #room(path: string, maxListeners: number): number {
    if (maxListeners === 0) return Number.POSITIVE_INFINITY;
    const { registry, elsewhere } = this.#deps;
    return maxListeners - registry.countOf(path) - (elsewhere?.countElsewhere(path) ?? 0);
  }

  #answerHead(request: Request, state: MountState): void {
    const { clock, server } = this.#deps;
    const head = streamHead(state, server, versionOf(request.head), clock.wallMs(), undefined);
    closeWith(request.client.socket, Buffer.from(head, 'latin1'));
    this.#log(request, 200, 0);
  }

  #notFound(request: Request): void {
    const { clock, server } = this.#deps;
    const body = request.head.method === 'HEAD' ? '' : notFoundBody();
    closeWith(request.client.socket, streamRefusal(404, body, notFoundContentType, server, clock.wallMs()));
    this.#log(request, 404, body.length);
  }

  #forbid(request: Request, why: GateRefusal): void {
    const { clock, server } = this.#deps;
    const body = request.head.method === 'HEAD' ? '' : gateTexts[why];
    const type = 'text/plain; charset=utf-8';
    closeWith(request.client.socket, streamRefusal(403, body, type, server, clock.wallMs()));
    this.#log(request, 403, body.length);
  }

  #challenge(request: Request, { status, retryAfterS }: AuthVerdict & { readonly granted: false }): void {
    const { clock, server } = this.#deps;
    const body = request.head.method === 'HEAD' ? '' : challengeTexts[status];
    const field = status === 401 ? authChallenge.join(': ') : `Retry-After: ${retryAfterS}`;
    const type = 'text/plain; charset=utf-8';
    closeWith(request.client.socket, streamRefusal(status, body, type, server, clock.wallMs(), [field]));
    this.#log(request, status, body.length);
  }

  #refuse(request: Request, status: number, reason: string): void {
    const { clock, server } = this.#deps;
    const answer = streamRefusal(status, reason, 'text/plain; charset=utf-8', server, clock.wallMs(), [
      'Retry-After: 10',
    ]);
    closeWith(request.client.socket, answer);
    this.#log(request, status, reason.length);
  }

  #log(request: Request, status: number, bytes: number): void {
    const { head, client } = request;
    this.#deps.accessLog?.record({
      ip: client.ip,
      user: parseBasicAuth(head.headers.get('authorization'))?.user,
      method: head.method,
      target: head.target,
      protocol: head.protocol,
      status,
      bytes,
      referer: head.headers.get('referer'),
      userAgent: head.headers.get('user-agent'),
      seconds: Math.floor((this.#deps.clock.monotonicMs() - request.startedMs) / 1000),
    });
  }
}

function startOf(
  channel: MountChannel,
  isIcy: boolean,
  isResume: boolean,
  resumeAt: number | undefined,
): StreamStart | undefined {
  const place =
    resumeAt === undefined ? channel.wheel.joinPlace(isIcy) : channel.wheel.resumePlace(isIcy, resumeAt);
  const position = place && channel.positionOf(place.at);
  if (!position) return undefined;
  return {
    position: formatStreamPosition(position),
    leadBytes: place.leadBytes,
    resumed: isResume ? (resumeAt === undefined ? 'live' : 'exact') : undefined,
  };
}

function resumeOf(target: string): StreamPosition | 'unknown' | undefined {
  const { rawQuery } = splitTarget(target);
  const text = rawQuery === '' ? undefined : parseQuery(rawQuery).get('resume');
  return text && (parseStreamPosition(textOf(text)) ?? 'unknown');
}

function versionOf(head: RequestHead): 'HTTP/1.0' | 'HTTP/1.1' {
  return head.protocol === 'HTTP/1.1' ? 'HTTP/1.1' : 'HTTP/1.0';
}

function streamPathOf(target: string): string | undefined {
  try {
    return parseMountPath(splitTarget(target).rawPath);
  } catch {
    return undefined;
  }
}
