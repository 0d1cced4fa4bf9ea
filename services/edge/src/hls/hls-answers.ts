/**
 * The answers that HLS requests get, made when they are first wanted and the same object for
 * everybody after that, for as long as what they are made of is there.
 */
import { contentTypeOfResource } from '@legacystream/core/hls/resource-name.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import { notFoundBody, notFoundContentType } from '../pages/not-found-page.ts';
import type { Directives } from './blocking-reload.ts';
import { HlsAnswer } from './hls-answer.ts';
import type { HlsFeed } from './hls-feed.ts';
import type { RenderedPlaylist } from './rendered-playlists.ts';

const playlistType = 'application/vnd.apple.mpegurl';
const immutable = 'Cache-Control: public, max-age=31536000, immutable';
const shortLived = 'Cache-Control: public, max-age=1';
export const noStore = 'Cache-Control: no-store';
/** Of playlists that not everybody may have. */
export const privateOnly = 'Cache-Control: private, no-store';

export class HlsAnswers {
  readonly #server: string;
  readonly #compresses: boolean;
  /** By their bytes: they go when the cache lets go of those. */
  readonly #resources = new WeakMap<Uint8Array, HlsAnswer>();
  /** By the way they are sent. */
  readonly #playlists = new WeakMap<RenderedPlaylist, Map<string, HlsAnswer>>();

  constructor(server: string, compresses: boolean) {
    this.#server = server;
    this.#compresses = compresses;
  }

  /** Whether playlists are to be compressed for whoever sends such headers. */
  zips(headers: RequestHead['headers']): boolean {
    return this.#compresses && /\bgzip\b/.test(headers.get('accept-encoding') ?? '');
  }

  /** @param isPrivate nobody in between may keep it */
  media(head: RequestHead, feed: HlsFeed, directives: Directives, isPrivate = false): HlsAnswer {
    const playlists = feed.playlists!;
    const window = feed.window!;
    const playlist = directives.skip && !feed.isOver ? playlists.delta : playlists.whole;
    if (isPrivate) return this.playlist(head, playlist, privateOnly);
    // An old copy of what was waited for still answers the question that was asked.
    const maxAgeS =
      directives.msn !== undefined
        ? 6 * window.targetDurationS
        : window.partTargetS > 0
          ? 1
          : Math.max(1, Math.floor(window.targetDurationS / 2));
    return this.playlist(head, playlist, `Cache-Control: public, max-age=${maxAgeS}`);
  }

  playlist(head: RequestHead, playlist: RenderedPlaylist, cacheControl: string): HlsAnswer {
    const zips = this.zips(head.headers);
    let answers = this.#playlists.get(playlist);
    if (!answers) {
      answers = new Map();
      this.#playlists.set(playlist, answers);
    }
    const key = zips ? `gzip ${cacheControl}` : cacheControl;
    let answer = answers.get(key);
    if (!answer) {
      const fields = [`Content-Type: ${playlistType}`, cacheControl];
      if (this.#compresses) fields.push('Vary: Accept-Encoding');
      if (zips) fields.push('Content-Encoding: gzip');
      // The same playlist in another encoding is another representation (RFC 9110 §8.8.3).
      const etag = zips ? `${playlist.etag.slice(0, -1)}-gz"` : playlist.etag;
      const body = zips ? playlist.gzip() : playlist.body;
      answer = new HlsAnswer(200, this.#server, fields, body, etag);
      answers.set(key, answer);
    }
    return answer;
  }

  resource(name: string, data: Uint8Array): HlsAnswer {
    let answer = this.#resources.get(data);
    if (!answer) {
      const fields = [`Content-Type: ${contentTypeOfResource(name)}`, immutable, 'Accept-Ranges: bytes'];
      answer = new HlsAnswer(200, this.#server, fields, data, `"${name}"`);
      this.#resources.set(data, answer);
    }
    return answer;
  }

  notFound(): HlsAnswer {
    return new HlsAnswer(
      404,
      this.#server,
      [`Content-Type: ${notFoundContentType}`, shortLived],
      Buffer.from(notFoundBody()),
    );
  }

  /** @param more header lines */
  refusal(status: number, reason: string, more: readonly string[] = []): HlsAnswer {
    const fields = ['Content-Type: text/plain; charset=utf-8', isForAll(status) ? shortLived : noStore];
    fields.push(...more);
    if (status === 503 && more.length === 0) fields.push('Retry-After: 2');
    return new HlsAnswer(status, this.#server, fields, Buffer.from(reason));
  }
}

const personal = new Set([401, 403, 429]);

/** A refusal that tells one listener from another must not be kept for others. */
function isForAll(status: number): boolean {
  return status < 500 && !personal.has(status);
}
