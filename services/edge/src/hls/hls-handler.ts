/**
 * Answers requests for HLS on connections that stay open: playlists of the window as it is, or
 * as it will be once a part has come; segments, parts and initialization sections, which never
 * change. What is asked for often is written from buffers that were made once (design §10).
 */
import type { Clock } from '@legacystream/core/clock.ts';
import { hintedPart } from '@legacystream/core/hls/media-playlist.ts';
import { renderMultivariantPlaylist } from '@legacystream/core/hls/multivariant-playlist.ts';
import { parseResourceName } from '@legacystream/core/hls/resource-name.ts';
import { containersOf } from '@legacystream/core/hls/track-reader.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import { type ClientConnection, closeWith } from '@legacystream/runtime/client-connection.ts';
import {
  type EffectiveMountSettings,
  mountSettingsFor,
} from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { Handled } from '@legacystream/runtime/front-door/front-door.ts';
import { authChallenge } from '@legacystream/runtime/http/raw-response.ts';
import { challengeTexts } from '../auth/listener-auth.ts';
import { gateTexts, type ListenerGate } from '../listener-gate.ts';
import type { MountDirectory } from '../mount-directory.ts';
import { streamOptions } from '../stream-headers.ts';
import type { WaitingRoom } from '../waiting-room.ts';
import { AnswerSender } from './answer-sender.ts';
import { isListed, isTooFarAhead, parseDirectives } from './blocking-reload.ts';
import type { HlsAnswer } from './hls-answer.ts';
import { HlsAnswers, noStore, privateOnly } from './hls-answers.ts';
import type { HlsAuthorization, HlsEntry } from './hls-authorization.ts';
import type { HlsFeed } from './hls-feed.ts';
import type { HlsFeeds } from './hls-feeds.ts';
import type { HlsSessions } from './hls-sessions.ts';
import { type HlsTarget, mediaPlaylistName, parseHlsTarget, sourceRendition } from './hls-target.ts';
import { rendered } from './rendered-playlists.ts';
import { RepeatedRequests } from './repeated-requests.ts';

export type HlsHandlerDeps = {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly directory: MountDirectory;
  readonly feeds: HlsFeeds;
  readonly sessions: HlsSessions;
  readonly gate: ListenerGate;
  readonly authorization: HlsAuthorization;
  readonly waitingRoom: WaitingRoom;
  readonly server: string;
  /** Connections are to end, so that their clients come back elsewhere. */
  readonly isDraining: () => boolean;
};

type Request = {
  readonly head: RequestHead;
  readonly client: ClientConnection;
  readonly target: HlsTarget;
  /** Of a mount with ListenerAuth: who asks was let in, and has this word. */
  readonly entry?: HlsEntry & { readonly granted: true };
};

export type HlsRequestStats = {
  playlists: number;
  /** Segments, parts and initialization sections. */
  resources: number;
  /** Answered by anything but what was asked for. */
  refused: number;
};

const nothing = new Uint8Array(0);
/** A part that a playlist hinted at is waited for so long, in part targets. */
const hintedParts = 6;
const holdTargets = 3;
/** What another edge may have listed a moment ago is waited for so long. */
const lagMs = 800;

export class HlsHandler {
  readonly stats: HlsRequestStats = { playlists: 0, resources: 0, refused: 0 };
  readonly #deps: HlsHandlerDeps;
  readonly #answers: HlsAnswers;
  readonly #sender: AnswerSender;
  readonly #repeated: RepeatedRequests;
  #isClosed = false;

  constructor(deps: HlsHandlerDeps) {
    this.#deps = deps;
    const { settings, server, clock } = deps;
    this.#answers = new HlsAnswers(server, settings.streaming.enableCompression);
    this.#sender = new AnswerSender(server, clock);
    this.#repeated = new RepeatedRequests({ ...deps, answers: this.#answers, stats: this.stats });
  }

  /** No new requests from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** True for the paths that {@link handle} takes. */
  takes(target: string): boolean {
    return this.#targetOf(target) !== undefined;
  }

  /** Takes GET, HEAD and OPTIONS of HLS paths; passes on everything else. */
  async handle(head: RequestHead, client: ClientConnection): Promise<Handled> {
    const target = this.#targetOf(head.target);
    if (!target) return 'pass';
    if (head.method === 'OPTIONS') {
      client.socket.write(streamOptions(this.#deps.server, this.#deps.clock.wallMs()));
      return 'next';
    }
    const request = { head, client, target };
    return this.#send(request, await this.#answer(request));
  }

  /** @see FrontDoorRoutes.repeated */
  answerRepeated(head: RequestHead, client: ClientConnection): Uint8Array | undefined {
    return this.#isClosed || this.#deps.isDraining() ? undefined : this.#repeated.answer(head, client);
  }

  /** A mount of that very name is a mount. */
  #targetOf(target: string): HlsTarget | undefined {
    const parsed = parseHlsTarget(target);
    if (!parsed) return undefined;
    const { directory } = this.#deps;
    const own = target.split('?', 1)[0]!;
    return directory.find(own) ? undefined : parsed;
  }

  async #answer(request: Request): Promise<HlsAnswer> {
    const { target } = request;
    if (this.#isClosed) return this.#answers.refusal(503, 'Server is shutting down\r\n');
    const { settings, directory, feeds } = this.#deps;
    const state = directory.find(target.mountPath);
    const mount = mountSettingsFor(settings, target.mountPath);
    if (!mount.hls || (target.kind !== 'multivariant' && target.rendition !== sourceRendition))
      return this.#answers.notFound();
    if (!state) {
      // One that has ended a moment ago still has its last playlist.
      const feed = feeds.find(target.mountPath, sourceRendition);
      return feed?.isOver && feed.playlists ? this.#answerOf(request, feed, mount) : this.#answers.notFound();
    }
    if (target.kind === 'resource' && !parseResourceName(target.name)) return this.#answers.notFound();
    const refusal = this.#refuseCodec(state);
    if (refusal) return refusal;
    return this.#answerOf(request, feeds.demand(state.path, sourceRendition), mount);
  }

  #answerOf(request: Request, feed: HlsFeed, mount: EffectiveMountSettings): Promise<HlsAnswer> | HlsAnswer {
    const { target } = request;
    if (target.kind === 'resource') return this.#resource(feed, target.name);
    const refused = this.#refuseAtGate(request);
    if (refused) return refused;
    if (mount.listenerAuth !== 'off') return this.#withEntry(request, feed, mount);
    return this.#whenReady(request, feed, mount);
  }

  async #withEntry(request: Request, feed: HlsFeed, mount: EffectiveMountSettings): Promise<HlsAnswer> {
    const entry = await this.#deps.authorization.admit(request, mount);
    if (entry.granted)
      return this.#refuseAtGate(request) ?? this.#whenReady({ ...request, entry }, feed, mount);
    const { status, retryAfterS } = entry;
    const reason = entry.reason ?? (status === 403 ? '' : challengeTexts[status]);
    const field = status === 401 ? authChallenge.join(': ') : `Retry-After: ${retryAfterS}`;
    return this.#answers.refusal(status, reason, [field]);
  }

  async #whenReady(request: Request, feed: HlsFeed, mount: EffectiveMountSettings): Promise<HlsAnswer> {
    if (feed.playlists) return this.#playlist(request, feed);
    const isReady = () => feed.playlists !== undefined;
    const waitMs = Math.max(mount.holdTimeout, 2 * this.#deps.settings.hls.segmentDuration) * 1000;
    const met = await this.#deps.waitingRoom.during(() => feed.until(isReady, waitMs));
    if (met === undefined) return this.#answers.refusal(503, 'Too many listeners are waiting\r\n');
    if (!met) return this.#answers.refusal(503, 'No audio yet\r\n');
    return this.#refuseAtGate(request) ?? this.#playlist(request, feed);
  }

  async #playlist(request: Request, feed: HlsFeed): Promise<HlsAnswer> {
    const { head, client, target, entry } = request;
    const { sessions, waitingRoom } = this.#deps;
    if (target.kind === 'multivariant') return this.#multivariant(request, feed);
    const directives = parseDirectives(target.rawQuery);
    if (!directives) return this.#answers.refusal(400, 'Unreadable _HLS_ directives\r\n');
    // Who looks at the head alone does not listen.
    const visit =
      head.method === 'HEAD'
        ? undefined
        : sessions.visit({
            mountPath: target.mountPath,
            head,
            client,
            token: entry?.word ?? directives.token,
          });
    if (visit && 'refused' in visit) return this.#answers.refusal(visit.refused, `${visit.reason}\r\n`);
    const isHere = () => isListed(feed.window!, directives) || feed.isOver;
    const isPrivate = entry !== undefined;
    if (isHere()) return this.#answers.media(head, feed, directives, isPrivate);
    if (isTooFarAhead(feed.window!, directives))
      return this.#answers.refusal(400, 'So far ahead nothing can be waited for\r\n');
    const waitMs = holdTargets * feed.window!.targetDurationS * 1000;
    const met = await waitingRoom.during(() => feed.until(isHere, waitMs));
    // Who waited may have been banned meanwhile.
    const refused = this.#refuseAtGate(request);
    if (refused) return refused;
    if (met) return this.#answers.media(head, feed, directives, isPrivate);
    return this.#answers.refusal(
      503,
      met === undefined ? 'Too many listeners are waiting\r\n' : 'Nothing new came\r\n',
    );
  }

  #multivariant({ head, target, entry }: Request, feed: HlsFeed): HlsAnswer {
    const { sessions } = this.#deps;
    const token = entry ? entry.word : sessions.newToken(target.mountPath);
    const uri = `hls/${sourceRendition}/${mediaPlaylistName}${token === undefined ? '' : `?s=${token}`}`;
    const text = renderMultivariantPlaylist([{ uri, window: feed.window! }]);
    const forAll = token === undefined ? 'Cache-Control: public, max-age=10' : noStore;
    return this.#answers.playlist(head, rendered(text), entry ? privateOnly : forAll);
  }

  #resource(feed: HlsFeed, name: string): HlsAnswer | Promise<HlsAnswer> {
    const data = feed.find(name);
    return data ? this.#answers.resource(name, data) : this.#lookUp(feed, name);
  }

  async #lookUp(feed: HlsFeed, name: string): Promise<HlsAnswer> {
    const isHinted = () => feed.window !== undefined && hintedPart(feed.window) === name;
    if (isHinted() && feed.window!.partTargetS > 0) {
      const waitMs = hintedParts * feed.window!.partTargetS * 1000;
      await this.#deps.waitingRoom.during(() => feed.until(() => !isHinted(), waitMs));
      const data = feed.find(name);
      return data ? this.#answers.resource(name, data) : this.#answers.notFound();
    }
    if (feed.isDue(name)) {
      const isSettled = () => feed.find(name) !== undefined || !feed.isDue(name);
      await this.#deps.waitingRoom.during(() => feed.until(isSettled, lagMs));
    }
    const data = feed.find(name) ?? (await feed.read(name));
    return data ? this.#answers.resource(name, data) : this.#answers.notFound();
  }

  #refuseAtGate({ head, client }: Request): HlsAnswer | undefined {
    const why = this.#deps.gate.refusal(client, head);
    return why && this.#answers.refusal(403, gateTexts[why]);
  }

  #refuseCodec({ codec, codecPending }: MountState): HlsAnswer | undefined {
    if (codecPending || codec === 'ogg' || containersOf(codec).length > 0) return undefined;
    return this.#answers.refusal(
      404,
      `A stream of ${codec} cannot be served as HLS: it needs a rendition in MP3, AAC, Opus or FLAC\r\n`,
    );
  }

  async #send({ head, client, target }: Request, answer: HlsAnswer): Promise<Handled> {
    const { socket } = client;
    if (socket.destroyed) return 'taken';
    const isLast = closesAfter(head) || this.#isClosed || this.#deps.isDraining();
    if (answer.status !== 200) this.stats.refused += 1;
    else if (target.kind === 'resource') this.stats.resources += 1;
    else this.stats.playlists += 1;
    const bytes = this.#sender.write(socket, head, answer, isLast);
    this.#deps.sessions.sent(socket, target.mountPath, bytes);
    if (isLast) {
      closeWith(socket, nothing);
      return 'taken';
    }
    if (!(await this.#sender.drained(socket))) {
      socket.destroy();
      return 'taken';
    }
    return 'next';
  }
}

function closesAfter(head: RequestHead): boolean {
  const connection = head.headers.get('connection')?.toLowerCase() ?? '';
  if (head.protocol === 'HTTP/1.1') return connection.includes('close');
  return !connection.includes('keep-alive');
}
