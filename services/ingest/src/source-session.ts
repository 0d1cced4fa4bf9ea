/**
 * One source on air: from the moment its mount is claimed until it is gone. Takes the
 * bytes of whatever dialect brought it, sends on chunks, titles and state, watches for
 * silence, answers what the fleet asks of the mount's owner, and leaves in order.
 */
import type { OwnerReply, OwnerRequest } from '@legacystream/core/bus/requests.ts';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import type { SplitterStats, StreamFormat, TagsEvent } from '@legacystream/core/codecs/frame-splitter.ts';
import { contentTypeOf } from '@legacystream/core/codecs/sniff-codec.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import type { MountState, NowPlaying } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import { AudioPublisher } from '@legacystream/core/sources/audio-publisher.ts';
import type { Chunk } from '@legacystream/core/sources/chunker.ts';
import { calmSpellMs, ghostAfterMs, yieldsTo } from '@legacystream/core/sources/takeover-policy.ts';
import { joinTitle } from '@legacystream/core/titles/decode-title.ts';
import { NowPlayingLog, noTitle } from '@legacystream/core/titles/now-playing-log.ts';
import type { MountSettings } from '@legacystream/runtime/config/mount-schema.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import type { HlsOutput } from './hls/hls-output.ts';
import type { HlsOutputs } from './hls/hls-outputs.ts';
import { definedOf, initialState, keptTitle, type SourceDescription } from './initial-state.ts';
import { MountAnnouncer } from './mount-announcer.ts';
import type { ClaimHolder, MountClaim } from './mount-claim.ts';
import type { SourceConnection, SourceEnd, SourceFeed } from './source-feed.ts';
import { SourceIntake } from './source-intake.ts';

export type SessionDeps = {
  /** See mount-claim.ts. */
  readonly storeOutageGraceMs?: number;
  /** Absent where mounts are not served as HLS. */
  readonly hls?: HlsOutputs;
  readonly bus: Bus;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly subjects: Subjects;
  readonly podId: string;
  readonly log: Log;
};

export type SessionStart = {
  readonly settings: MountSettings;
  readonly source: SourceDescription;
  readonly claim: MountClaim;
  /** What was known of the mount before. */
  readonly previous: MountState | undefined;
  readonly connection: SourceConnection;
  readonly onEnd: (session: SourceSession) => void;
  /** Of a source that waited: its intake, which stays its own, and what to begin with. */
  readonly waited?: {
    readonly intake: SourceIntake;
    readonly title: NowPlaying;
    readonly audio: readonly Chunk[];
  };
};

const watchEveryMs = 500;
const hlsStoredMs = 300;
const refreshEveryTicks = 10;
/** A watch that comes so late means that the whole process stood still. */
const standstillMs = 250;
/** A source that waits asks several times in this time. */
const standbyHeardMs = 1_000;
/** Listeners are held at least so long for a source that waits. */
const standbyLingerMs = 3_000;

export class SourceSession implements ClaimHolder, SourceFeed {
  readonly path: string;
  readonly #deps: SessionDeps;
  readonly #settings: MountSettings;
  readonly #claim: MountClaim;
  readonly #publisher: AudioPublisher;
  readonly #hls: HlsOutput | undefined;
  readonly #announcer: MountAnnouncer;
  readonly #titles: NowPlayingLog;
  readonly #intake: SourceIntake;
  /** The intake was there before the session and may be there after it. */
  readonly #keepsIntake: boolean;
  readonly #connection: SourceConnection;
  readonly #watch: Timer;
  readonly #startedMs: number;
  readonly #bytesBefore: number;
  readonly #onEnd: (session: SourceSession) => void;
  #watchedMs: number;
  #standbyHeardMs = Number.NEGATIVE_INFINITY;
  #ticks = 0;
  #titleSerial = 0;
  #release: Promise<void> | undefined;
  #ended: SourceEnd | undefined;

  constructor(deps: SessionDeps, start: SessionStart) {
    const { bus, store, clock, subjects } = deps;
    const { settings, source, claim, previous, waited } = start;
    const mountId = mountIdOf(source.path);
    this.path = source.path;
    this.#deps = deps;
    this.#settings = settings;
    this.#claim = claim;
    this.#connection = start.connection;
    this.#onEnd = start.onEnd;
    this.#startedMs = clock.monotonicMs();
    this.#watchedMs = this.#startedMs;
    this.#titles = new NowPlayingLog(keptTitle(previous, clock.wallMs()), previous?.history);
    const title = waited?.title ?? noTitle;
    // The latest word counts, whoever it is from.
    if (title.sinceMs > this.#titles.current.sinceMs) this.#titles.set(title);
    this.#publisher = new AudioPublisher(bus, clock, subjects.audio(mountId), claim.epoch);
    this.#hls = deps.hls?.open(settings, mountId, claim.epoch);
    this.#intake = waited?.intake ?? new SourceIntake(clock, source.contentType, start.connection);
    this.#keepsIntake = waited !== undefined;
    this.#bytesBefore = this.#intake.bytesRead;
    this.#announcer = new MountAnnouncer(
      bus,
      store,
      subjects,
      initialState(
        settings,
        source,
        { epoch: claim.epoch, podId: deps.podId, nowMs: clock.wallMs() },
        this.#titles,
        previous,
      ),
    );
    this.#announcer.announce();
    this.#sendTitle();
    this.#intake.direct({
      chunk: (chunk) => this.#sendChunk(chunk),
      headers: (data, inBand) => {
        this.#publisher.headers(data, inBand);
        this.#hls?.headers(data, inBand);
      },
      tags: (tags) => this.#onTags(tags),
      format: (format) => this.#onFormat(source, format),
    });
    for (const chunk of waited?.audio ?? []) this.#sendChunk(chunk);
    this.#watch = clock.every(watchEveryMs, () => this.#check());
    claim.attach(this);
  }

  get charset(): string | undefined {
    return this.#settings.charset || undefined;
  }

  get isOver(): boolean {
    return this.#ended !== undefined;
  }

  get bytesRead(): number {
    return this.#intake.bytesRead - this.#bytesBefore;
  }

  get mediaStats(): Readonly<SplitterStats> {
    return this.#intake.stats;
  }

  get state(): MountState {
    return this.#announcer.state;
  }

  receive(bytes: Uint8Array): void {
    if (!this.#ended) this.#intake.receive(bytes);
  }

  setTitle(title: string, artist: string, url: string): boolean {
    const display = joinTitle(artist, title);
    const next: NowPlaying = { display, title, artist, url, sinceMs: this.#deps.clock.wallMs() };
    // What has been received so far belongs to the old title.
    this.#intake.flushChunk();
    if (!this.#titles.set(next)) return false;
    this.#titleSerial += 1;
    this.#intake.writeTitle(title, artist, (this.#claim.epoch + this.#titleSerial) >>> 0);
    this.#publishTitle();
    return true;
  }

  /** Ends the session; idempotent. The mount lingers for its next source unless it was told to go. */
  end(reason: SourceEnd): void {
    if (this.#ended) return;
    this.#ended = reason;
    const superseded = reason === 'taken-over' || reason === 'yielded' || reason === 'lease-lost';
    if (superseded) {
      this.#publisher.fence();
      this.#hls?.fence();
    }
    if (!superseded || !this.#keepsIntake) this.#intake.end();
    this.#publisher.end();
    this.#hls?.end(this.#lingerMs(reason));
    this.#watch.cancel();
    if (!superseded) this.#leave(reason);
    void this.released();
    this.#deps.log.info('source.disconnected', {
      mount: this.path,
      reason,
      bytes: this.bytesRead,
      seconds: Math.round((this.#deps.clock.monotonicMs() - this.#startedMs) / 1000),
      skippedBytes: this.mediaStats.skippedBytes,
      resyncs: this.mediaStats.resyncs,
    });
    this.#onEnd(this);
    this.#connection.end(reason);
  }

  /** Settles when the mount is free for others; idempotent. */
  released(): Promise<void> {
    // Whoever was told to come in at once is there before all is stored; anybody else takes longer.
    const hls = this.#hls;
    const isAwaited = hls && (this.#ended === 'taken-over' || this.#ended === 'yielded');
    this.#release ??= isAwaited
      ? this.#hlsStored(hls).then(() => this.#claim.release())
      : this.#claim.release();
    return this.#release;
  }

  /** Who has the mount next goes on from what is stored; it is not waited for long. */
  #hlsStored({ stored }: HlsOutput): Promise<void> {
    const { clock } = this.#deps;
    return new Promise<void>((resolve) => {
      const timer = clock.after(hlsStoredMs, resolve);
      void stored.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #leave(reason: SourceEnd): void {
    const { clock } = this.#deps;
    const lingerMs = this.#lingerMs(reason);
    const left = { droppedAtMs: clock.wallMs(), lingerMs, bytesRead: this.bytesRead };
    if (lingerMs === 0) return this.#announcer.update({ ...left, status: 'ended' });
    this.#announcer.update({ ...left, status: 'lingering' });
    // A new session has a higher epoch, so this late word cannot end what it began.
    clock.after(lingerMs, () => this.#announcer.update({ status: 'ended' }));
  }

  /** Listeners of a source that is told to go are let go with it, unless another waits to go on. */
  #lingerMs(reason: SourceEnd): number {
    const isAwaited = this.#deps.clock.monotonicMs() - this.#standbyHeardMs < standbyHeardMs;
    const lingerMs = reason === 'killed' ? 0 : this.#settings.linger * 1000;
    return isAwaited ? Math.max(lingerMs, standbyLingerMs) : lingerMs;
  }

  #check(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - this.#watchedMs > watchEveryMs + standstillMs) {
      this.#intake.excuseSilence();
      this.#claim.verify();
    }
    this.#watchedMs = nowMs;
    const { silentMs } = this.#intake;
    if (silentMs >= watchEveryMs) this.#intake.settle();
    if (silentMs >= this.#settings.sourceTimeout * 1000) return this.end('timeout');
    this.#ticks += 1;
    if (this.#ticks % refreshEveryTicks === 0) this.#announcer.update({ bytesRead: this.bytesRead });
  }

  lost(): void {
    this.end('lease-lost');
  }

  renumbered(epoch: number): void {
    if (this.#ended || epoch === this.#announcer.state.epoch) return;
    this.#publisher.renumber(epoch);
    this.#hls?.renumber(epoch);
    this.#sendTitle();
    this.#announcer.update({ epoch });
  }

  async answer(request: OwnerRequest): Promise<OwnerReply> {
    if (this.#ended) return { ok: true };
    if (request.op === 'title') {
      this.setTitle(request.title, request.artist, request.url);
      return { ok: true };
    }
    if (request.op === 'kill') {
      this.end('killed');
      return { ok: true };
    }
    if (request.op === 'standby') return this.#answerStandby();
    const onAirMs = this.#deps.clock.monotonicMs() - this.#startedMs;
    const facts = {
      policy: this.#settings.takeover,
      silentMs: this.#intake.silentMs,
      onAirMs,
      replacements: this.#claim.replacements,
    };
    if (!yieldsTo(facts)) return { ok: false, reason: 'mount in use' };
    this.end('taken-over');
    // Only when the lease is free may the newcomer be told so.
    await this.released();
    return { ok: true, replacements: onAirMs >= calmSpellMs ? 1 : this.#claim.replacements + 1 };
  }

  async #answerStandby(): Promise<OwnerReply> {
    this.#standbyHeardMs = this.#deps.clock.monotonicMs();
    const { codec, codecPending } = this.#announcer.state;
    const yieldsInMs = this.#settings.takeover === 'standby' ? this.#intake.failsInMs : ghostAfterMs;
    if (yieldsInMs > 0) {
      const { epoch } = this.#claim;
      return { ok: false, reason: 'on air', yieldsInMs, epoch, ...(codecPending ? {} : { codec }) };
    }
    this.end('yielded');
    await this.released();
    return { ok: true };
  }

  #onTags(tags: TagsEvent): void {
    const next = titleOfTags(tags, this.#deps.clock.wallMs());
    if (next && this.#titles.set(next)) this.#publishTitle();
  }

  #sendChunk(chunk: Chunk): void {
    this.#publisher.chunk(chunk);
    this.#hls?.chunk(chunk);
  }

  #sendTitle(): void {
    this.#publisher.title(this.#titles.current);
    this.#hls?.title(this.#titles.current);
  }

  #publishTitle(): void {
    this.#sendTitle();
    this.#announcer.update({ nowPlaying: this.#titles.current, history: this.#titles.history });
    this.#deps.log.info('title.changed', { mount: this.path, title: this.#titles.current.display });
  }

  #onFormat(source: SourceDescription, format: Readonly<StreamFormat>): void {
    this.#hls?.codec(format.codec);
    const { info } = this.#announcer.state;
    this.#announcer.update({
      codec: format.codec,
      codecPending: false,
      contentType: contentTypeOf(format.codec, source.contentType),
      info: {
        ...info,
        ...definedOf({
          sampleRateHz: format.sampleRateHz ?? info.sampleRateHz,
          channels: format.channels ?? info.channels,
          bitrateKbps: info.bitrateKbps ?? format.bitrateKbps,
          subtype: format.subtype,
        }),
      },
    });
  }
}

/** The title that the stream itself tells; undefined where it tells none. */
export function titleOfTags(tags: TagsEvent, nowMs: number): NowPlaying | undefined {
  const { title = '', artist = '' } = tags;
  const display = joinTitle(artist, title);
  // Headers without a title (a first header set of an encoder) leave what was set from outside.
  return display === '' ? undefined : { display, title, artist, url: '', sinceMs: nowMs };
}
