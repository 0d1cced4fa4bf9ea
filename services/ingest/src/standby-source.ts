/**
 * One encoder on a `standby` mount, from its login to its end: it waits hot, with its
 * newest audio kept and its titles remembered, is put on air when its turn comes, and waits
 * again when it was silent and another took its place. Its connection knows nothing of that.
 */
import type { Timer } from '@legacystream/core/clock.ts';
import type { Codec } from '@legacystream/core/codecs/frame-splitter.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState, NowPlaying } from '@legacystream/core/mounts/mount-state.ts';
import type { MediaSink } from '@legacystream/core/sources/media-pipeline.ts';
import { StandbyRing } from '@legacystream/core/sources/standby-ring.ts';
import { joinTitle } from '@legacystream/core/titles/decode-title.ts';
import { noTitle } from '@legacystream/core/titles/now-playing-log.ts';
import type { MountSettings } from '@legacystream/runtime/config/mount-schema.ts';
import type { SourceDescription } from './initial-state.ts';
import type { MountClaim } from './mount-claim.ts';
import type { SourceConnection, SourceEnd, SourceFeed } from './source-feed.ts';
import { SourceIntake } from './source-intake.ts';
import { type SessionDeps, SourceSession, titleOfTags } from './source-session.ts';

const watchEveryMs = 500;
const standstillMs = 250;

/** What becomes of a source is told to these. */
export interface StandbyHost {
  /** It has audio and could be on air this moment, which it could not before. */
  ready(source: StandbySource): void;
  onAir(source: StandbySource, session: SourceSession): void;
  /** It was on air and waits again, behind all others. */
  waitsAgain(source: StandbySource, session: SourceSession): void;
  gone(source: StandbySource, session: SourceSession | undefined): void;
}

export class StandbySource implements SourceFeed {
  readonly description: SourceDescription;
  readonly #deps: SessionDeps;
  readonly #settings: MountSettings;
  readonly #connection: SourceConnection;
  readonly #host: StandbyHost;
  readonly #intake: SourceIntake;
  readonly #ring = new StandbyRing();
  readonly #watch: Timer;
  readonly #waiting: MediaSink;
  #session: SourceSession | undefined;
  #title: NowPlaying = noTitle;
  #watchedMs: number;
  #isReady = false;
  #isNoted = false;
  #ended = false;

  constructor(
    deps: SessionDeps,
    settings: MountSettings,
    description: SourceDescription,
    connection: SourceConnection,
    host: StandbyHost,
  ) {
    this.description = description;
    this.#deps = deps;
    this.#settings = settings;
    this.#connection = connection;
    this.#host = host;
    this.#waiting = {
      chunk: (chunk) => {
        this.#ring.push(chunk, deps.clock.monotonicMs());
        if (!this.#isReady && this.isReady) host.ready(this);
        this.#isReady = this.isReady;
      },
      // What was before them cannot be sent after them.
      headers: () => this.#ring.clear(),
      tags: (tags) => {
        this.#title = titleOfTags(tags, deps.clock.wallMs()) ?? this.#title;
      },
      format: () => {},
    };
    this.#intake = new SourceIntake(deps.clock, description.contentType, connection, this.#waiting);
    this.#watchedMs = deps.clock.monotonicMs();
    this.#watch = deps.clock.every(watchEveryMs, () => this.#check());
  }

  get charset(): string | undefined {
    return this.#settings.charset || undefined;
  }

  get bytesRead(): number {
    return this.#intake.bytesRead;
  }

  /** Whether it waits and could be on air this moment. */
  get isReady(): boolean {
    return !this.#ended && !this.#session && !this.#ring.isEmpty && this.#intake.failsInMs > 0;
  }

  /** What it sends, once that is known. */
  get codec(): Codec | undefined {
    return this.#intake.format?.codec;
  }

  receive(bytes: Uint8Array): void {
    if (!this.#ended) this.#intake.receive(bytes);
  }

  setTitle(title: string, artist: string, url: string): boolean {
    if (this.#session) return this.#session.setTitle(title, artist, url);
    const next = {
      display: joinTitle(artist, title),
      title,
      artist,
      url,
      sinceMs: this.#deps.clock.wallMs(),
    };
    if (next.display === this.#title.display && url === this.#title.url) return false;
    this.#title = next;
    this.#intake.flushChunk();
    this.#intake.writeTitle(title, artist, next.sinceMs >>> 0);
    return true;
  }

  get hasWaited(): boolean {
    return this.#isNoted;
  }

  /** Another source is on air: this one waits. Said once. */
  noteWaiting(): void {
    if (this.#isNoted) return;
    this.#isNoted = true;
    const { path, ip, protocol, userAgent } = this.description;
    this.#deps.log.info('source.standby', { mount: path, ip, protocol, userAgent });
  }

  /**
   * Puts it on air.
   * @returns false when it cannot be any more; the claim is still the caller's then
   */
  async goOnAir(claim: MountClaim): Promise<boolean> {
    const { store, clock } = this.#deps;
    const document = await store
      .getDocument('mount', mountIdOf(this.description.path))
      .catch(() => undefined);
    if (!this.isReady) return false;
    this.#intake.flushChunk();
    const audio = this.#ring.newest(clock.monotonicMs());
    this.#ring.clear();
    let isRunning = false;
    const session = new SourceSession(this.#deps, {
      settings: this.#settings,
      source: this.description,
      claim,
      previous: document as MountState | undefined,
      connection: {
        pauseReading: () => this.#connection.pauseReading(),
        resumeReading: () => this.#connection.resumeReading(),
        end: (reason) => {
          if (isRunning) this.#sessionEnded(session, reason);
        },
      },
      onEnd: () => {},
      waited: { intake: this.#intake, title: this.#title, audio },
    });
    // It may have lost its mount before it began.
    if (session.isOver) {
      this.#intake.direct(this.#waiting);
      return false;
    }
    isRunning = true;
    this.#isReady = false;
    this.#isNoted = false;
    this.#session = session;
    this.#host.onAir(this, session);
    return true;
  }

  end(reason: SourceEnd): void {
    if (this.#session) this.#session.end(reason);
    else this.#finish(reason, undefined);
  }

  #sessionEnded(session: SourceSession, reason: SourceEnd): void {
    this.#session = undefined;
    if (reason !== 'yielded' && reason !== 'lease-lost') return this.#finish(reason, session);
    this.#intake.direct(this.#waiting);
    this.#host.waitsAgain(this, session);
  }

  #finish(reason: SourceEnd, session: SourceSession | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch.cancel();
    this.#intake.end();
    this.#ring.clear();
    if (!session) {
      const { path, ip } = this.description;
      this.#deps.log.info('standby.disconnected', { mount: path, ip, reason, bytes: this.bytesRead });
    }
    this.#host.gone(this, session);
    this.#connection.end(reason);
  }

  #check(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    const stoodStill = nowMs - this.#watchedMs > watchEveryMs + standstillMs;
    this.#watchedMs = nowMs;
    // On air, the session watches.
    if (this.#session) return;
    if (stoodStill) this.#intake.excuseSilence();
    this.#isReady = this.isReady;
    const { silentMs } = this.#intake;
    if (silentMs >= watchEveryMs) this.#intake.settle();
    if (silentMs >= this.#settings.sourceTimeout * 1000) this.end('timeout');
  }
}
