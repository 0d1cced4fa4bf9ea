/**
 * Answers requests for HLS on connections that stay open: playlists of the window as it is, or
 * as it will be once a part has come; segments, parts and initialization sections, which never
 * change. What is asked for often is written from buffers that were made once (design §10).
 */
import type { Socket } from 'node:net';
import type { Clock } from '@legacystream/core/clock.ts';
import { hintedPart } from '@legacystream/core/hls/media-playlist.ts';
import { renderMultivariantPlaylist } from '@legacystream/core/hls/multivariant-playlist.ts';
import { contentTypeOfResource, parseResourceName } from '@legacystream/core/hls/resource-name.ts';
import { hlsGroup } from '@legacystream/core/hls/stored-window.ts';
import { containersOf } from '@legacystream/core/hls/track-reader.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import { type ClientConnection, closeWith } from '@legacystream/runtime/client-connection.ts';
import {
  type EffectiveMountSettings,
  mountSettingsFor,
} from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { Handled } from '@legacystream/runtime/front-door/front-door.ts';
import type { MountDirectory } from '../mount-directory.ts';
import { notFoundBody, notFoundContentType } from '../pages/not-found-page.ts';
import { streamOptions } from '../stream-headers.ts';
import type { WaitingRoom } from '../waiting-room.ts';
import { type Directives, isListed, isTooFarAhead, parseDirectives } from './blocking-reload.ts';
import { HlsAnswer, rangeOf } from './hls-answer.ts';
import type { HlsFeed } from './hls-feed.ts';
import type { HlsFeeds } from './hls-feeds.ts';
import type { HlsSessions } from './hls-sessions.ts';
import { type HlsTarget, mediaPlaylistName, parseHlsTarget } from './hls-target.ts';
import { type RenderedPlaylist, rendered } from './rendered-playlists.ts';

export type HlsHandlerDeps = {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly directory: MountDirectory;
  readonly feeds: HlsFeeds;
  readonly sessions: HlsSessions;
  readonly waitingRoom: WaitingRoom;
  readonly server: string;
};

type Request = {
  readonly head: RequestHead;
  readonly client: ClientConnection;
  readonly target: HlsTarget;
};

export type HlsRequestStats = {
  playlists: number;
  /** Segments, parts and initialization sections. */
  resources: number;
  /** Answered by anything but what was asked for. */
  refused: number;
};

/** Of a head: nothing in it that would change the answer. */
type Wish = { readonly isPlain: boolean };
type KnownPath = { readonly mountPath: string; readonly group: string; readonly name: string };

const sourceRendition = 'source';
const maxKnownPaths = 10_000;
const tokenQuery = /^s=([\w-]{1,64})$/;
const plainDirectives: Directives = { skip: false };
const playlistType = 'application/vnd.apple.mpegurl';
const immutable = 'Cache-Control: public, max-age=31536000, immutable';
const noStore = 'Cache-Control: no-store';
const shortLived = 'Cache-Control: public, max-age=1';
const nothing = new Uint8Array(0);
/** Longest that a connection may take to read an answer before the next request of it is read. */
const drainMs = 60_000;
/** A part that a playlist hinted at is waited for so long, in part targets. */
const hintedParts = 6;
const holdTargets = 3;
/** Answers made of segments, by the bytes: they go when the cache lets go of those. */
type Prepared = WeakMap<Uint8Array, HlsAnswer>;

export class HlsHandler {
  readonly stats: HlsRequestStats = { playlists: 0, resources: 0, refused: 0 };
  readonly #deps: HlsHandlerDeps;
  readonly #resources: Prepared = new WeakMap();
  /** Answers made of playlists, by the way they are sent. */
  readonly #playlists = new WeakMap<RenderedPlaylist, Map<string, HlsAnswer>>();
  /** What the head of a connection's requests asks for, by the headers that they share. */
  readonly #wishes = new WeakMap<RequestHead['headers'], Wish>();
  readonly #paths = new Map<string, KnownPath>();
  #isClosed = false;

  constructor(deps: HlsHandlerDeps) {
    this.#deps = deps;
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

  /**
   * The whole answer to a request that needs no thought: a playlist as it is now for a listener
   * who is known, or what a playlist lists and is at hand.
   */
  answerRepeated(head: RequestHead, client: ClientConnection): Uint8Array | undefined {
    if (head.method !== 'GET' || head.protocol !== 'HTTP/1.1' || this.#isClosed) return undefined;
    const wish = this.#wishes.get(head.headers) ?? this.#readWish(head);
    if (!wish.isPlain) return undefined;
    const mark = head.target.indexOf('?');
    const path = mark < 0 ? head.target : head.target.slice(0, mark);
    const known = this.#paths.get(path) ?? this.#learnPath(path);
    const feed = known && this.#deps.feeds.findGroup(known.group);
    // A mount that has ended, or one that took the name of what it listed, is for the ordinary way.
    if (!feed || feed.isOver || this.#deps.directory.find(path)) return undefined;
    const answer =
      known.name === mediaPlaylistName
        ? this.#quickPlaylist(
            head,
            client,
            known.mountPath,
            mark < 0 ? '' : head.target.slice(mark + 1),
            feed,
          )
        : this.#quickResource(feed, known.name);
    if (!answer) return undefined;
    if (known.name === mediaPlaylistName) this.stats.playlists += 1;
    else this.stats.resources += 1;
    const wire = answer.wire(this.#deps.clock.wallMs());
    this.#deps.sessions.sent(client.socket, known.mountPath, wire.byteLength);
    return wire;
  }

  #quickPlaylist(
    head: RequestHead,
    client: ClientConnection,
    mountPath: string,
    rawQuery: string,
    feed: HlsFeed,
  ): HlsAnswer | undefined {
    const token = rawQuery === '' ? '' : tokenQuery.exec(rawQuery)?.[1];
    if (token === undefined || !feed.playlists) return undefined;
    const visit = this.#deps.sessions.visit({ mountPath, head, client, token: token || undefined });
    return 'refused' in visit ? undefined : this.#mediaAnswer(head, feed, plainDirectives);
  }

  #quickResource(feed: HlsFeed, name: string): HlsAnswer | undefined {
    const data = feed.find(name);
    return data && this.#resourceAnswer(name, data);
  }

  #readWish({ headers }: RequestHead): Wish {
    const isPlain =
      !headers.has('range') &&
      !headers.has('if-none-match') &&
      !(headers.get('connection') ?? '').toLowerCase().includes('close');
    const wish = { isPlain };
    this.#wishes.set(headers, wish);
    return wish;
  }

  #learnPath(path: string): KnownPath | undefined {
    const target = parseHlsTarget(path);
    if (!target || target.kind === 'multivariant' || target.rendition !== sourceRendition) return undefined;
    if (!mountSettingsFor(this.#deps.settings, target.mountPath).hls) return undefined;
    const { mountPath, rendition } = target;
    const name = target.kind === 'media' ? mediaPlaylistName : target.name;
    const known = { mountPath, name, group: hlsGroup(mountIdOf(mountPath), rendition) };
    // Forgotten all at once: what is asked for is soon known again.
    if (this.#paths.size >= maxKnownPaths) this.#paths.clear();
    this.#paths.set(path, known);
    return known;
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
    if (this.#isClosed) return this.#refusal(503, 'Server is shutting down\r\n');
    const { settings, directory, feeds } = this.#deps;
    const state = directory.find(target.mountPath);
    const mount = mountSettingsFor(settings, target.mountPath);
    if (!mount.hls || (target.kind !== 'multivariant' && target.rendition !== sourceRendition))
      return this.#notFound();
    if (!state) {
      // One that has ended a moment ago still has its last playlist.
      const feed = feeds.find(target.mountPath, sourceRendition);
      return feed?.isOver && feed.playlists ? this.#answerOf(request, feed, mount) : this.#notFound();
    }
    if (target.kind === 'resource' && !parseResourceName(target.name)) return this.#notFound();
    const refusal = this.#refuseCodec(state);
    if (refusal) return refusal;
    return this.#answerOf(request, feeds.demand(state.path, sourceRendition), mount);
  }

  #answerOf(request: Request, feed: HlsFeed, mount: EffectiveMountSettings): Promise<HlsAnswer> | HlsAnswer {
    const { target } = request;
    if (target.kind === 'resource') return this.#resource(feed, target.name);
    if (feed.playlists) return this.#playlist(request, feed);
    return this.#whenReady(request, feed, mount);
  }

  async #whenReady(request: Request, feed: HlsFeed, mount: EffectiveMountSettings): Promise<HlsAnswer> {
    const isReady = () => feed.playlists !== undefined;
    const waitMs = Math.max(mount.holdTimeout, 2 * this.#deps.settings.hls.segmentDuration) * 1000;
    const met = await this.#deps.waitingRoom.during(() => feed.until(isReady, waitMs));
    if (met === undefined) return this.#refusal(503, 'Too many listeners are waiting\r\n');
    return met ? this.#playlist(request, feed) : this.#refusal(503, 'No audio yet\r\n');
  }

  async #playlist(request: Request, feed: HlsFeed): Promise<HlsAnswer> {
    const { head, client, target } = request;
    const { sessions, waitingRoom } = this.#deps;
    if (target.kind === 'multivariant') return this.#multivariant(request, feed);
    const directives = parseDirectives(target.rawQuery);
    if (!directives) return this.#refusal(400, 'Unreadable _HLS_ directives\r\n');
    const visit = sessions.visit({ mountPath: target.mountPath, head, client, token: directives.token });
    if ('refused' in visit) return this.#refusal(visit.refused, `${visit.reason}\r\n`);
    const isHere = () => isListed(feed.window!, directives) || feed.isOver;
    if (isHere()) return this.#mediaAnswer(head, feed, directives);
    if (isTooFarAhead(feed.window!, directives))
      return this.#refusal(400, 'So far ahead nothing can be waited for\r\n');
    const waitMs = holdTargets * feed.window!.targetDurationS * 1000;
    const met = await waitingRoom.during(() => feed.until(isHere, waitMs));
    if (met) return this.#mediaAnswer(head, feed, directives);
    return this.#refusal(
      503,
      met === undefined ? 'Too many listeners are waiting\r\n' : 'Nothing new came\r\n',
    );
  }

  #mediaAnswer(head: RequestHead, feed: HlsFeed, directives: Directives): HlsAnswer {
    const playlists = feed.playlists!;
    const window = feed.window!;
    const playlist = directives.skip && !feed.isOver ? playlists.delta : playlists.whole;
    // An old copy of what was waited for still answers the question that was asked.
    const maxAgeS =
      directives.msn !== undefined
        ? 6 * window.targetDurationS
        : window.partTargetS > 0
          ? 1
          : Math.max(1, Math.floor(window.targetDurationS / 2));
    return this.#playlistAnswer(head, playlist, `Cache-Control: public, max-age=${maxAgeS}`);
  }

  #multivariant({ head, target }: Request, feed: HlsFeed): HlsAnswer {
    const { sessions } = this.#deps;
    const token = sessions.newToken(target.mountPath);
    const uri = `hls/${sourceRendition}/${mediaPlaylistName}${token === undefined ? '' : `?s=${token}`}`;
    const text = renderMultivariantPlaylist([{ uri, window: feed.window! }]);
    return this.#playlistAnswer(
      head,
      rendered(text),
      token === undefined ? 'Cache-Control: public, max-age=10' : noStore,
    );
  }

  #playlistAnswer(head: RequestHead, playlist: RenderedPlaylist, cacheControl: string): HlsAnswer {
    const compresses = this.#deps.settings.streaming.enableCompression;
    const zips = compresses && /\bgzip\b/.test(head.headers.get('accept-encoding') ?? '');
    let answers = this.#playlists.get(playlist);
    if (!answers) {
      answers = new Map();
      this.#playlists.set(playlist, answers);
    }
    const key = zips ? `gzip ${cacheControl}` : cacheControl;
    let answer = answers.get(key);
    if (!answer) {
      const fields = [`Content-Type: ${playlistType}`, cacheControl];
      if (compresses) fields.push('Vary: Accept-Encoding');
      if (zips) fields.push('Content-Encoding: gzip');
      // The same playlist in another encoding is another representation (RFC 9110 §8.8.3).
      const etag = zips ? `${playlist.etag.slice(0, -1)}-gz"` : playlist.etag;
      const body = zips ? playlist.gzip() : playlist.body;
      answer = new HlsAnswer(200, this.#deps.server, fields, body, etag);
      answers.set(key, answer);
    }
    return answer;
  }

  #resource(feed: HlsFeed, name: string): HlsAnswer | Promise<HlsAnswer> {
    const data = feed.find(name);
    return data ? this.#resourceAnswer(name, data) : this.#lookUp(feed, name);
  }

  async #lookUp(feed: HlsFeed, name: string): Promise<HlsAnswer> {
    const isHinted = () => feed.window !== undefined && hintedPart(feed.window) === name;
    if (isHinted() && feed.window!.partTargetS > 0) {
      const waitMs = hintedParts * feed.window!.partTargetS * 1000;
      await this.#deps.waitingRoom.during(() => feed.until(() => !isHinted(), waitMs));
      const data = feed.find(name);
      return data ? this.#resourceAnswer(name, data) : this.#notFound();
    }
    const data = await feed.read(name);
    return data ? this.#resourceAnswer(name, data) : this.#notFound();
  }

  #resourceAnswer(name: string, data: Uint8Array): HlsAnswer {
    let answer = this.#resources.get(data);
    if (!answer) {
      const fields = [`Content-Type: ${contentTypeOfResource(name)}`, immutable, 'Accept-Ranges: bytes'];
      answer = new HlsAnswer(200, this.#deps.server, fields, data, `"${name}"`);
      this.#resources.set(data, answer);
    }
    return answer;
  }

  #refuseCodec({ codec, codecPending }: MountState): HlsAnswer | undefined {
    if (codecPending || codec === 'ogg' || containersOf(codec).length > 0) return undefined;
    return this.#refusal(
      404,
      `A stream of ${codec} cannot be served as HLS: it needs a rendition in MP3, AAC, Opus or FLAC\r\n`,
    );
  }

  #notFound(): HlsAnswer {
    return new HlsAnswer(
      404,
      this.#deps.server,
      [`Content-Type: ${notFoundContentType}`, shortLived],
      Buffer.from(notFoundBody()),
    );
  }

  #refusal(status: number, reason: string): HlsAnswer {
    const fields = ['Content-Type: text/plain; charset=utf-8', status < 500 ? shortLived : noStore];
    if (status === 503) fields.push('Retry-After: 2');
    return new HlsAnswer(status, this.#deps.server, fields, Buffer.from(reason));
  }

  async #send({ head, client, target }: Request, answer: HlsAnswer): Promise<Handled> {
    const { socket } = client;
    if (socket.destroyed) return 'taken';
    const isLast = closesAfter(head) || this.#isClosed;
    if (answer.status !== 200) this.stats.refused += 1;
    else if (target.kind === 'resource') this.stats.resources += 1;
    else this.stats.playlists += 1;
    const bytes = this.#write(socket, head, answer, isLast);
    this.#deps.sessions.sent(socket, target.mountPath, bytes);
    if (isLast) {
      closeWith(socket, nothing);
      return 'taken';
    }
    if (socket.writableLength > 0 && !(await drained(socket, this.#deps.clock))) {
      socket.destroy();
      return 'taken';
    }
    return 'next';
  }

  #write(socket: Socket, head: RequestHead, answer: HlsAnswer, isLast: boolean): number {
    const nowMs = this.#deps.clock.wallMs();
    const isHead = head.method === 'HEAD';
    if (answer.status !== 200) return answer.write(socket, nowMs, !isHead, isLast);
    if (answer.isFresh(head)) {
      return new HlsAnswer(304, this.#deps.server, [immutableOrNot(answer)], nothing, answer.etag).write(
        socket,
        nowMs,
        false,
        isLast,
      );
    }
    const rangeText = head.headers.get('range');
    if (rangeText === undefined || head.headers.has('if-range'))
      return answer.write(socket, nowMs, !isHead, isLast);
    return this.#writeRange(socket, rangeText, answer, isHead, isLast);
  }

  #writeRange(
    socket: Socket,
    rangeText: string,
    answer: HlsAnswer,
    isHead: boolean,
    isLast: boolean,
  ): number {
    const nowMs = this.#deps.clock.wallMs();
    const { body, etag } = answer;
    const range = rangeOf(rangeText, body.byteLength);
    if (range === 'none') return answer.write(socket, nowMs, !isHead, isLast);
    if (!range) {
      const fields = [`Content-Range: bytes */${body.byteLength}`];
      return new HlsAnswer(416, this.#deps.server, fields, nothing).write(socket, nowMs, false, isLast);
    }
    const fields = [
      ...answer.fields,
      `Content-Range: bytes ${range.from}-${range.to - 1}/${body.byteLength}`,
    ];
    const part = new HlsAnswer(206, this.#deps.server, fields, body.subarray(range.from, range.to), etag);
    return part.write(socket, nowMs, !isHead, isLast);
  }
}

function immutableOrNot(answer: HlsAnswer): string {
  return answer.fields.find((field) => field.startsWith('Cache-Control')) ?? noStore;
}

function closesAfter(head: RequestHead): boolean {
  const connection = head.headers.get('connection')?.toLowerCase() ?? '';
  if (head.protocol === 'HTTP/1.1') return connection.includes('close');
  return !connection.includes('keep-alive');
}

/** @returns false when the connection does not take what was written */
function drained(socket: Socket, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isDrained: boolean) => {
      timer.cancel();
      socket.off('drain', onDrain).off('close', onClose);
      resolve(isDrained);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    const timer = clock.after(drainMs, () => settle(false));
    socket.once('drain', onDrain).once('close', onClose);
  });
}
