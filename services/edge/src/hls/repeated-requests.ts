/**
 * Requests that a player sends again and again on its connection, answered from memory without
 * a promise or a parser: what is neither a known listener's playlist nor at hand goes the
 * ordinary way.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import { hlsGroup } from '@legacystream/core/hls/stored-window.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import type { ClientConnection } from '@legacystream/runtime/client-connection.ts';
import { mountSettingsFor } from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { ListenerGate } from '../listener-gate.ts';
import type { MountDirectory } from '../mount-directory.ts';
import type { Directives } from './blocking-reload.ts';
import type { HlsAnswer } from './hls-answer.ts';
import type { HlsAnswers } from './hls-answers.ts';
import type { HlsFeed } from './hls-feed.ts';
import type { HlsFeeds } from './hls-feeds.ts';
import type { HlsRequestStats } from './hls-handler.ts';
import type { HlsSessions } from './hls-sessions.ts';
import { mediaPlaylistName, parseHlsTarget, sourceRendition } from './hls-target.ts';
import type { RenderedPlaylists } from './rendered-playlists.ts';

export type RepeatedRequestsDeps = {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly directory: MountDirectory;
  readonly feeds: HlsFeeds;
  readonly sessions: HlsSessions;
  readonly gate: ListenerGate;
  readonly answers: HlsAnswers;
  readonly stats: HlsRequestStats;
};

type Wish = {
  /** Nothing in the head would change the answer. */
  readonly isPlain: boolean;
  readonly zips: boolean;
  /** The generation of the gate that admitted who sends this head; one head is one client's. */
  admittedIn: number | undefined;
};
/** The media playlist of one moment, as it is sent. */
type KeptAnswers = { plain: HlsAnswer | undefined; zipped: HlsAnswer | undefined };
type KnownPath = { readonly mountPath: string; readonly group: string; readonly name: string };

const maxKnownPaths = 10_000;
const tokenQuery = /^s=([\w-]{1,64})$/;
const plainDirectives: Directives = { skip: false };

export class RepeatedRequests {
  readonly #deps: RepeatedRequestsDeps;
  /** What the head of a connection's requests asks for, by the headers that they share. */
  readonly #wishes = new WeakMap<RequestHead['headers'], Wish>();
  readonly #paths = new Map<string, KnownPath>();
  readonly #playlists = new WeakMap<RenderedPlaylists, KeptAnswers>();

  constructor(deps: RepeatedRequestsDeps) {
    this.#deps = deps;
  }

  /**
   * The whole answer to a request that needs no thought: a playlist as it is now for a listener
   * who is known, or what a playlist lists and is at hand.
   */
  answer(head: RequestHead, client: ClientConnection): Uint8Array | undefined {
    if (head.method !== 'GET' || head.protocol !== 'HTTP/1.1') return undefined;
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
            wish,
          )
        : this.#quickResource(feed, known.name);
    if (!answer) return undefined;
    if (known.name === mediaPlaylistName) this.#deps.stats.playlists += 1;
    else this.#deps.stats.resources += 1;
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
    wish: Wish,
  ): HlsAnswer | undefined {
    const { sessions, answers, gate } = this.#deps;
    const { playlists } = feed;
    // Who waits, or asks for a part of it, is for the ordinary way.
    if (!playlists || rawQuery.includes('_HLS_')) return undefined;
    if (wish.admittedIn !== gate.generation) {
      if (!gate.admits(client, head)) return undefined;
      wish.admittedIn = gate.generation;
    }
    if (!sessions.isSame(client.socket, mountPath, rawQuery)) {
      const token = rawQuery === '' ? '' : tokenQuery.exec(rawQuery)?.[1];
      if (token === undefined) return undefined;
      const visit = sessions.visit({ mountPath, head, client, token: token || undefined });
      if ('refused' in visit) return undefined;
      sessions.noteQuery(client.socket, rawQuery);
    }
    const kept = this.#playlists.get(playlists) ?? this.#keep(playlists);
    if (wish.zips) kept.zipped ??= answers.media(head, feed, plainDirectives);
    else kept.plain ??= answers.media(head, feed, plainDirectives);
    return wish.zips ? kept.zipped : kept.plain;
  }

  #keep(playlists: RenderedPlaylists): KeptAnswers {
    const kept: KeptAnswers = { plain: undefined, zipped: undefined };
    this.#playlists.set(playlists, kept);
    return kept;
  }

  #quickResource(feed: HlsFeed, name: string): HlsAnswer | undefined {
    const data = feed.find(name);
    return data && this.#deps.answers.resource(name, data);
  }

  #readWish({ headers }: RequestHead): Wish {
    const isPlain =
      !headers.has('range') &&
      !headers.has('if-none-match') &&
      !(headers.get('connection') ?? '').toLowerCase().includes('close');
    const wish = { isPlain, zips: this.#deps.answers.zips(headers), admittedIn: undefined };
    this.#wishes.set(headers, wish);
    return wish;
  }

  #learnPath(path: string): KnownPath | undefined {
    const target = parseHlsTarget(path);
    if (!target || target.kind === 'multivariant' || target.rendition !== sourceRendition) return undefined;
    const mount = mountSettingsFor(this.#deps.settings, target.mountPath);
    if (!mount.hls) return undefined;
    // Whether a player may still have a playlist is asked anew each time.
    if (target.kind === 'media' && mount.listenerAuth !== 'off') return undefined;
    const { mountPath, rendition } = target;
    const name = target.kind === 'media' ? mediaPlaylistName : target.name;
    const known = { mountPath, name, group: hlsGroup(mountIdOf(mountPath), rendition) };
    // Forgotten all at once: what is asked for is soon known again.
    if (this.#paths.size >= maxKnownPaths) this.#paths.clear();
    this.#paths.set(path, known);
    return known;
  }
}
