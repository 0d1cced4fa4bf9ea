/**
 * Tells the listeners of HLS apart and counts them: by a signed word in the address of their
 * playlist, by address and user agent, or not at all (`[Hls] Counting`). A session begins
 * with the first request for a media playlist and ends some time after the last.
 *
 * One word is good on every edge, and each session is counted by the edge where it began, for
 * as long as that is there (session-claims.ts). Its id is made of what it is known by, so that
 * it is the same on all of them and an operator can end it whoever counts it by then.
 * Everything is bounded: visitors beyond a number are served without being counted.
 */
import type { Socket } from 'node:net';
import { type HlsClaim, notHeld } from '@legacystream/core/bus/hls-claims.ts';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { ListenerEnd } from '@legacystream/core/fanout/listener.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import { parseBasicAuth } from '@legacystream/core/protocols/credentials.ts';
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import type { AccessLog } from '@legacystream/runtime/access-log.ts';
import type { ClientConnection } from '@legacystream/runtime/client-connection.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { ExpiringMap } from '@legacystream/runtime/expiring-map.ts';
import type { ListenerRegistry } from '../listener-registry.ts';
import { TextTable } from '../text-table.ts';
import { HlsSession, SessionQueue } from './hls-session.ts';
import { HlsTokens, loadTokenKey } from './hls-token.ts';
import { SessionClaims } from './session-claims.ts';
import { hashOf, idOf, keyOfAddress, keyOfToken, ownCopyOf, withoutToken } from './session-key.ts';

export type HlsVisit = {
  readonly mountPath: string;
  readonly head: RequestHead;
  readonly client: ClientConnection;
  /** As the request gives it, unchecked. */
  readonly token: string | undefined;
};

export type HlsAdmission =
  /** To be served; without a session where it is not counted. */
  { readonly session: HlsSession | undefined } | { readonly refused: 403 | 503; readonly reason: string };

export type HlsSessionsDeps = {
  readonly settings: Pick<Settings['hls'], 'counting' | 'tokenKey' | 'segmentDuration'>;
  readonly clock: Clock;
  readonly registry: ListenerRegistry;
  /** How many more listeners a mount may have. */
  readonly roomOf: (path: string) => number;
  readonly accessLog: Pick<AccessLog, 'record'> | undefined;
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>;
  readonly store: Pick<StateStore, 'getDocument' | 'putDocument' | 'acquireLease' | 'releaseLease'>;
  readonly subjects: Pick<Subjects, 'hlsListeners'>;
  readonly podId: string;
  /** How many are counted at most; others are served all the same. */
  readonly maxSessions?: number;
  /** Told of each session that is over, whoever counted it, with the seconds for which it listened. */
  readonly onOver?: (id: number, seconds: number) => void;
};

/**
 * Players ask again after one target duration, after half of one where nothing was new, and
 * hold three of them: a session that is silent for longer has nothing left to play. The rest
 * is for a player that lost its connection for a moment and comes back.
 */
const heldTargets = 3;
const slackMs = 8_000;
/** Of segments of four seconds exactly this; players of shorter ones are not asked for more haste. */
const leastIdleMs = 20_000;
const sweepEveryMs = 250;
/** Sessions that end in one sweep; a million that end together take some time, but block nobody. */
const maxSweep = 5_000;
const defaultMaxSessions = 1_000_000;
/** A claim that got lost is made up for after this, where there is room. */
const claimAgainMs = 30_000;
/** Who counts a session is told this often that it is served elsewhere: well within its idle time. */
const tellHolderMs = 3_000;
/** Who does not answer within this has the session no longer. */
const holderAnswersMs = 2_000;
const killedMs = 600_000;
const maxKilled = 65_536;
const keyRetryMs = 2_000;
/** The store may lose the key, or have had another after all. */
const keyCheckMs = 60_000;

const uncounted: HlsAdmission = { session: undefined };
const wasKilled: HlsAdmission = { refused: 403, reason: 'Listener was disconnected' };
const isFull: HlsAdmission = { refused: 503, reason: 'Too many listeners' };

const lastSession = Symbol('HLS session');
const lastQuery = Symbol('its query');
type VisitedSocket = Socket & { [lastSession]?: HlsSession; [lastQuery]?: string };
/** A session that was seen so lately need not be noted again. */
const freshMs = 500;

export class HlsSessions {
  readonly #deps: HlsSessionsDeps;
  readonly #idleMs: number;
  readonly #maxSessions: number;
  readonly #sessions = new Map<string, HlsSession>();
  readonly #byHash = new Map<string, HlsSession>();
  readonly #queue = new SessionQueue();
  readonly #killed: ExpiringMap<true>;
  readonly #texts = new TextTable();
  readonly #claims: SessionClaims | undefined;
  readonly #sweeper: Timer | undefined;
  #key: Uint8Array | undefined;
  #tokens: HlsTokens | undefined;
  #keyTimer: Timer | undefined;
  #isClosed = false;

  constructor(deps: HlsSessionsDeps) {
    this.#deps = deps;
    this.#idleMs = Math.max(leastIdleMs, heldTargets * deps.settings.segmentDuration * 1000 + slackMs);
    this.#maxSessions = deps.maxSessions ?? defaultMaxSessions;
    this.#killed = new ExpiringMap(deps.clock);
    if (deps.settings.counting === 'off') return;
    this.#claims = new SessionClaims(
      { ...deps, rememberMs: claimAgainMs + this.#idleMs },
      {
        claimed: (claim, podId) => this.#onClaim(claim, podId),
        killed: (hash) => this.#onKill(hash),
        ended: (hash) => this.#onEnd(hash),
      },
    );
    this.#sweeper = deps.clock.every(sweepEveryMs, () => this.#sweep());
  }

  /** What was heard from other edges and was no message of theirs. */
  get malformedClaims(): number {
    return this.#claims?.malformed ?? 0;
  }

  /** Reads the key of tokens. While the store is away it is asked again and again, and addresses are counted. */
  async start(): Promise<void> {
    if (this.#deps.settings.counting !== 'token' || this.#isClosed) return;
    const { settings, store, podId, clock } = this.#deps;
    const key = await loadTokenKey({ setting: settings.tokenKey, store, podId, current: this.#key });
    if (this.#isClosed) return;
    if (key && !(this.#key && Buffer.from(key).equals(this.#key))) {
      this.#key = key;
      this.#tokens = new HlsTokens(key);
    }
    if (settings.tokenKey !== '') return;
    this.#keyTimer = clock.after(key ? keyCheckMs : keyRetryMs, () => void this.start());
  }

  /** For the links of a multivariant playlist; undefined unless counting is by token. */
  newToken(mountPath: string): string | undefined {
    return this.#tokens?.make(mountPath);
  }

  /** For a listener who may be let in: the beginning of its word, and the id that it will have. */
  newSeed(mountPath: string): { readonly text: string; readonly id: number } | undefined {
    const text = this.#tokens?.makeSeed();
    return text === undefined ? undefined : { text, id: idOf(hashOf(keyOfToken(mountPath, text))) };
  }

  /** The word of who was let in. @param untilS seconds since 1970 */
  authorize(mountPath: string, seed: string, untilS: number): string | undefined {
    return this.#tokens?.authorize(mountPath, seed, untilS);
  }

  /** @see HlsTokens.authorizedUntil */
  authorizedUntil(mountPath: string, word: string): number | undefined {
    return this.#tokens?.authorizedUntil(mountPath, word);
  }

  /** A media playlist was asked for. */
  visit(visit: HlsVisit): HlsAdmission {
    if (!this.#claims || this.#isClosed) return uncounted;
    const { mountPath, token, client } = visit;
    let key: string | undefined;
    let session: HlsSession | undefined;
    if (this.#tokens && token !== undefined) {
      key = keyOfToken(mountPath, token);
      session = this.#sessions.get(key);
      // One that was not made here, or for another mount, says nothing; the listener may come all the same.
      if (!session && !this.#tokens.check(mountPath, token)) key = undefined;
    }
    if (key === undefined) {
      const userAgent = visit.head.headers.get('user-agent') ?? '';
      key = keyOfAddress(mountPath, client.ip, userAgent);
      session = this.#sessions.get(key);
    }
    if (!session) return this.#begin(visit, key);
    this.#served(session, client.socket);
    if (!session.isHeld) this.#visitedAway(session);
    else if (session.visitedMs - session.claimedMs >= claimAgainMs && !this.#claims.isBusy)
      this.#claim(session);
    return session.admission;
  }

  /**
   * Whether whoever asks is the listener that the connection's last visit was of, a moment ago:
   * then there is nothing to be noted.
   */
  isSame(socket: Socket, mountPath: string, rawQuery: string): boolean {
    if (!this.#claims) return true;
    const { [lastSession]: session, [lastQuery]: query } = socket as VisitedSocket;
    if (!session || session.isOver || query !== rawQuery) return false;
    if (session.details.mountPath !== mountPath) return false;
    return this.#deps.clock.monotonicMs() - session.visitedMs < freshMs;
  }

  /** What {@link isSame} knows the visit that was just made by. */
  noteQuery(socket: Socket, rawQuery: string): void {
    (socket as VisitedSocket)[lastQuery] = rawQuery;
  }

  /** Counts what was sent on a connection, and to the session that was seen on it last if it is of that mount. */
  sent(socket: Socket, mountPath: string, bytes: number): void {
    this.#deps.registry.addBytes(mountPath, bytes);
    const session = (socket as VisitedSocket)[lastSession];
    if (session?.details.mountPath === mountPath) session.bytesSent += bytes;
  }

  /** Ends all sessions, as far as they are counted here; later visits are not counted. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#keyTimer?.cancel();
    this.#sweeper?.cancel();
    // First, so that the others are not told that what goes on there is over.
    this.#claims?.close();
    for (let session = this.#queue.oldest; session; session = this.#queue.oldest) this.#end(session);
  }

  #begin(visit: HlsVisit, key: string): HlsAdmission {
    const { roomOf } = this.#deps;
    const { mountPath, client } = visit;
    const hash = hashOf(key);
    if (this.#killed.get(hash)) return wasKilled;
    if (this.#sessions.size >= this.#maxSessions) return uncounted;
    // Who comes from another edge is among those that fill the mount.
    const isElsewhere = this.#claims!.isElsewhere(hash);
    if (!isElsewhere && roomOf(mountPath) <= 0) return isFull;
    const session = new HlsSession(ownCopyOf(key), hash, this.#detailsOf(visit, hash), {
      end: (ended, reason) => this.#close(ended, reason),
    });
    this.#sessions.set(session.key, session);
    this.#byHash.set(hash, session);
    this.#served(session, client.socket);
    if (!isElsewhere) this.#hold(session, false);
    this.#claim(session);
    return session.admission;
  }

  #detailsOf({ mountPath, head, client, token }: HlsVisit, hash: string) {
    const { registry, clock } = this.#deps;
    const ownId = idOf(hash);
    return {
      // Two of one number are as good as impossible; then one has another number on each edge.
      id: registry.find(mountPath, ownId) ? registry.nextId() : ownId,
      mountPath: this.#texts.keep(mountPath),
      ip: client.ip,
      userAgent: this.#texts.keep(head.headers.get('user-agent') ?? ''),
      referer: this.#texts.keep(head.headers.get('referer') ?? ''),
      method: this.#texts.keep(head.method),
      target: this.#texts.keep(withoutToken(head.target, token)),
      protocol: head.protocol,
      username: parseBasicAuth(head.headers.get('authorization'))?.user,
      startedMs: clock.monotonicMs(),
    };
  }

  #served(session: HlsSession, socket: VisitedSocket): void {
    session.visitedMs = this.#deps.clock.monotonicMs();
    this.#heardOf(session);
    socket[lastSession] = session;
  }

  #heardOf(session: HlsSession): void {
    session.heardMs = this.#deps.clock.monotonicMs();
    this.#queue.renew(session);
  }

  #claim(session: HlsSession): void {
    session.claimedMs = this.#deps.clock.monotonicMs();
    this.#claims!.claim(session);
  }

  #hold(session: HlsSession, isKnown: boolean): void {
    const { registry, clock } = this.#deps;
    session.heldSinceMs = Math.floor(clock.wallMs());
    registry.addSession(session, isKnown);
  }

  /**
   * Served here and counted elsewhere. Should that edge be gone it is counted here from now on:
   * the time for which it has been listening begins with its first visit here, and a line in the
   * access log tells of a part of it.
   */
  #visitedAway(session: HlsSession): void {
    const { visitedMs, claimedMs, holderMs } = session;
    const sinceToldMs = visitedMs - claimedMs;
    const isFree = claimedMs > holderMs && sinceToldMs >= holderAnswersMs;
    if (isFree) this.#hold(session, true);
    if (isFree || sinceToldMs >= tellHolderMs) this.#claim(session);
  }

  #onClaim({ hash, heldSinceMs }: HlsClaim, podId: string): void {
    const session = this.#byHash.get(hash);
    if (!session) return;
    this.#heardOf(session);
    if (heldSinceMs === notHeld) {
      if (!session.isHeld) return;
      session.visitedMs = session.heardMs;
      return this.#claim(session);
    }
    session.holderMs = session.heardMs;
    if (!session.isHeld) return;
    const isTheirs =
      heldSinceMs < session.heldSinceMs || (heldSinceMs === session.heldSinceMs && podId > this.#deps.podId);
    if (!isTheirs) return this.#claim(session);
    session.heldSinceMs = notHeld;
    this.#deps.registry.removeSession(session, true);
  }

  #onKill(hash: string): void {
    this.#remember(hash);
    const session = this.#byHash.get(hash);
    if (session) this.#end(session);
  }

  #onEnd(hash: string): void {
    const session = this.#byHash.get(hash);
    if (!session) return;
    // Whoever heard of that end believes that nobody counts it.
    if (session.isHeld) return this.#claim(session);
    const { visitedMs, claimedMs, holderMs } = session;
    const silentMs = this.#deps.clock.monotonicMs() - visitedMs;
    // Of a later visit the other edge would have known.
    if (silentMs >= this.#idleMs - 2 * tellHolderMs) return this.#end(session);
    if (claimedMs > holderMs) {
      // What was told of its visit crossed the end.
      this.#hold(session, true);
      this.#claim(session);
    } else {
      // It may have been sent away: it counts again if it comes again.
      session.holderMs = 0;
    }
  }

  #close(session: HlsSession, reason: ListenerEnd): void {
    if (this.#byHash.get(session.hash) !== session) return;
    if (reason === 'killed' || reason === 'time-limit') {
      this.#remember(session.hash);
      this.#claims?.kill(session.hash);
    }
    this.#end(session);
  }

  #remember(killedHash: string): void {
    if (!this.#killed.get(killedHash) && this.#killed.size >= maxKilled) this.#killed.deleteOldest();
    this.#killed.set(killedHash, true, killedMs);
  }

  #end(session: HlsSession): void {
    this.#queue.remove(session);
    this.#sessions.delete(session.key);
    if (this.#byHash.get(session.hash) === session) this.#byHash.delete(session.hash);
    session.isOver = true;
    const { details, visitedMs, bytesSent } = session;
    // Nobody tells when a listener of HLS leaves; the last request is the last that is known.
    const seconds = Math.floor((visitedMs - details.startedMs) / 1000);
    this.#deps.onOver?.(details.id, seconds);
    if (!session.isHeld) return;
    this.#claims?.end(session.hash);
    this.#deps.registry.removeSession(session);
    this.#deps.accessLog?.record({
      ...details,
      user: details.username,
      status: 200,
      bytes: bytesSent,
      seconds,
    });
  }

  #sweep(): void {
    const overMs = this.#deps.clock.monotonicMs() - this.#idleMs;
    for (let count = 0; count < maxSweep; count += 1) {
      const session = this.#queue.oldest;
      if (!session || session.heardMs > overMs) break;
      this.#end(session);
    }
    this.#killed.sweep(maxSweep);
  }
}
