/**
 * Who may have the playlists of a mount with `ListenerAuth`: who was let in once, and has a signed
 * word that says so until a time. Every edge takes the word, so that a player is asked about
 * once, wherever its later requests go. The multivariant playlist gives the word; a player
 * that asks for the media playlist without one is let in for as long as it keeps asking here.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '@legacystream/core/clock.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import type { ClientConnection } from '@legacystream/runtime/client-connection.ts';
import type { EffectiveMountSettings } from '@legacystream/runtime/config/mount-settings.ts';
import { ExpiringMap } from '@legacystream/runtime/expiring-map.ts';
import type { AuthVerdict, ListenerAuth } from '../auth/listener-auth.ts';
import { parseDirectives } from './blocking-reload.ts';
import type { HlsSessions } from './hls-sessions.ts';
import type { HlsTarget } from './hls-target.ts';

export type HlsAuthorizationDeps = {
  readonly auth: ListenerAuth;
  readonly sessions: HlsSessions;
  readonly clock: Clock;
};

export type HlsAuthRequest = {
  readonly head: RequestHead;
  readonly client: ClientConnection;
  readonly target: HlsTarget;
};

export type HlsEntry =
  /** The listener's word; absent for who only looks at a head. */
  | { readonly granted: true; readonly word: string | undefined }
  | {
      readonly granted: false;
      readonly status: 401 | 403 | 429 | 503;
      readonly reason?: string;
      readonly retryAfterS: number;
    };

/** A word is good for a day unless the back end said less; then a player is asked about again. */
const longestS = 86_400;
/** A player without a word that asks again within this is the same. */
const rememberMs = 60_000;
const maxRemembered = 65_536;
const noKey: HlsEntry = { granted: false, status: 503, retryAfterS: 2 };

export class HlsAuthorization {
  readonly #deps: HlsAuthorizationDeps;
  readonly #remembered: ExpiringMap<Promise<HlsEntry>>;

  constructor(deps: HlsAuthorizationDeps) {
    this.#deps = deps;
    this.#remembered = new ExpiringMap(deps.clock);
  }

  /** May this client have the playlist that it asks for? */
  async admit(request: HlsAuthRequest, mount: EffectiveMountSettings): Promise<HlsEntry> {
    const { head, target } = request;
    if (target.kind === 'multivariant') return this.#ask(request, mount);
    const word = parseDirectives(target.rawQuery)?.token;
    if (word !== undefined && this.#isGood(target.mountPath, word)) return { granted: true, word };
    if (head.method === 'HEAD') return this.#ask(request, mount);
    return this.#withoutWord(request, mount);
  }

  #isGood(mountPath: string, word: string): boolean {
    const untilS = this.#deps.sessions.authorizedUntil(mountPath, word);
    return untilS !== undefined && untilS * 1000 > this.#deps.clock.wallMs();
  }

  async #withoutWord(request: HlsAuthRequest, mount: EffectiveMountSettings): Promise<HlsEntry> {
    const key = keyOf(request);
    const known = this.#remembered.get(key)?.value;
    if (known) {
      const entry = await known;
      if (entry.granted && entry.word && this.#isGood(request.target.mountPath, entry.word)) {
        this.#remembered.set(key, known, rememberMs);
        return entry;
      }
    }
    if (this.#remembered.size >= maxRemembered) this.#remembered.deleteOldest();
    this.#remembered.sweep(2);
    const asked = this.#ask(request, mount);
    this.#remembered.set(key, asked, rememberMs);
    let isIn = false;
    try {
      const entry = await asked;
      isIn = entry.granted;
      return entry;
    } finally {
      if (!isIn && this.#remembered.get(key)?.value === asked) this.#remembered.delete(key);
    }
  }

  async #ask({ head, client, target }: HlsAuthRequest, mount: EffectiveMountSettings): Promise<HlsEntry> {
    const { auth, sessions, clock } = this.#deps;
    const { mountPath } = target;
    const seed = sessions.newSeed(mountPath);
    if (!seed) return noKey;
    const verdict: AuthVerdict = await auth.admit({
      id: seed.id,
      head,
      ip: client.ip,
      mountPath,
      mount,
      target: mountTargetOf(head.target, target.rawQuery),
    });
    if (!verdict.granted) return verdict;
    try {
      if (head.method === 'HEAD') return { granted: true, word: undefined };
      const untilS = Math.floor(clock.wallMs() / 1000) + Math.min(longestS, verdict.limitS ?? longestS);
      const word = sessions.authorize(mountPath, seed.text, untilS);
      if (word === undefined) return noKey;
      const begun = sessions.visit({ mountPath, head, client, token: word });
      if ('refused' in begun)
        return { granted: false, status: begun.refused, reason: begun.reason, retryAfterS: 2 };
      const { session } = begun;
      if (session) auth.begun(session.details.id, () => session.close('time-limit'));
      return { granted: true, word };
    } finally {
      auth.settle(seed.id);
    }
  }
}

/** Whoever sends the same again, but for what changes from one reload to the next. */
function keyOf({ head, client, target }: HlsAuthRequest): string {
  const { headers } = head;
  const who = [
    target.mountPath,
    client.ip,
    headers.get('user-agent') ?? '',
    headers.get('authorization') ?? '',
    ownQuery(target.rawQuery),
  ];
  return createHash('sha256').update(who.join('\n')).digest('base64');
}

/** `/live.aac/playlist.m3u8?key=1` as `/live.aac?key=1`: what a back end knows is the mount. */
function mountTargetOf(target: string, rawQuery: string): string {
  const path = target.split('?', 1)[0]!.replace(/\/(?:playlist\.m3u8|hls\/[^/]+\/[^/]+)$/, '');
  const query = ownQuery(rawQuery);
  return query === '' ? path : `${path}?${query}`;
}

/** The parameters that the listener brought. */
function ownQuery(rawQuery: string): string {
  return rawQuery
    .split('&')
    .filter((parameter) => !/^(?:s=|_HLS_)/.test(parameter))
    .join('&');
}
