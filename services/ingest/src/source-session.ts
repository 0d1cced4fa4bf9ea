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
import { MediaPipeline } from '@legacystream/core/sources/media-pipeline.ts';
import { SourcePace } from '@legacystream/core/sources/source-pace.ts';
import { calmSpellMs, yieldsTo } from '@legacystream/core/sources/takeover-policy.ts';
import { joinTitle } from '@legacystream/core/titles/decode-title.ts';
import { NowPlayingLog } from '@legacystream/core/titles/now-playing-log.ts';
import type { MountSettings } from '@legacystream/runtime/config/mount-schema.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { definedOf, initialState, keptTitle, type SourceDescription } from './initial-state.ts';
import { MountAnnouncer } from './mount-announcer.ts';
import type { ClaimHolder, MountClaim } from './mount-claim.ts';

export type SourceEnd =
  | 'closed'
  | 'timeout'
  | 'killed'
  | 'taken-over'
  | 'lease-lost'
  | 'shutdown'
  | 'malformed';

export type SessionDeps = {
  readonly bus: Bus;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly subjects: Subjects;
  readonly podId: string;
  readonly log: Log;
};

/** What the session does to the connection that feeds it. */
export interface SourceConnection {
  pauseReading(): void;
  resumeReading(): void;
  end(reason: SourceEnd): void;
}

const watchEveryMs = 500;
const refreshEveryTicks = 10;
/** A chunk does not wait longer than this for its next frame. */
const flushAfterMs = 150;

export class SourceSession implements ClaimHolder {
  readonly path: string;
  readonly #deps: SessionDeps;
  readonly #settings: MountSettings;
  readonly #claim: MountClaim;
  readonly #publisher: AudioPublisher;
  readonly #announcer: MountAnnouncer;
  readonly #titles: NowPlayingLog;
  readonly #pipeline: MediaPipeline;
  readonly #pace: SourcePace;
  readonly #connection: SourceConnection;
  readonly #watch: Timer;
  readonly #startedMs: number;
  readonly #onEnd: (session: SourceSession) => void;
  #flush: Timer | undefined;
  #resume: Timer | undefined;
  #lastDataMs: number;
  #bytesRead = 0;
  #ticks = 0;
  #titleSerial = 0;
  #release: Promise<void> | undefined;
  #ended: SourceEnd | undefined;

  constructor(
    deps: SessionDeps,
    settings: MountSettings,
    source: SourceDescription,
    claim: MountClaim,
    previous: MountState | undefined,
    connection: SourceConnection,
    onEnd: (session: SourceSession) => void,
  ) {
    const { bus, store, clock, subjects } = deps;
    const mountId = mountIdOf(source.path);
    this.path = source.path;
    this.#deps = deps;
    this.#settings = settings;
    this.#claim = claim;
    this.#connection = connection;
    this.#onEnd = onEnd;
    this.#startedMs = clock.monotonicMs();
    this.#lastDataMs = this.#startedMs;
    this.#pace = new SourcePace(this.#startedMs);
    this.#titles = new NowPlayingLog(keptTitle(previous, clock.wallMs()), previous?.history);
    this.#publisher = new AudioPublisher(bus, clock, subjects.audio(mountId), claim.epoch);
    this.#pipeline = new MediaPipeline(source.contentType, {
      chunk: (chunk) => {
        this.#publisher.chunk(chunk);
        this.#pace.add(chunk.durationUs);
      },
      headers: (data, inBand) => this.#publisher.headers(data, inBand),
      tags: (tags) => this.#onTags(tags),
      format: (format) => this.#onFormat(source, format),
    });
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
    this.#publisher.title(this.#titles.current);
    this.#watch = clock.every(watchEveryMs, () => this.#check());
    claim.attach(this);
  }

  /** The charset of titles that are not UTF-8; undefined for the usual one. */
  get charset(): string | undefined {
    return this.#settings.charset || undefined;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  get mediaStats(): Readonly<SplitterStats> {
    return this.#pipeline.stats;
  }

  get state(): MountState {
    return this.#announcer.state;
  }

  /** Takes audio from the connection. */
  receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    const nowMs = this.#deps.clock.monotonicMs();
    this.#lastDataMs = nowMs;
    this.#bytesRead += bytes.byteLength;
    this.#pace.addBytes(bytes.byteLength);
    this.#pipeline.push(bytes);
    this.#flush ??= this.#deps.clock.after(flushAfterMs, () => {
      this.#flush = undefined;
      this.#pipeline.flushChunk();
    });
    const pauseMs = this.#pace.pauseMs(nowMs);
    if (pauseMs > 0 && !this.#resume) {
      this.#connection.pauseReading();
      this.#resume = this.#deps.clock.after(pauseMs, () => {
        this.#resume = undefined;
        this.#lastDataMs = this.#deps.clock.monotonicMs();
        if (!this.#ended) this.#connection.resumeReading();
      });
    }
  }

  /** Sets the title from outside the stream. @returns false when nothing changed */
  setTitle(title: string, artist: string, url: string): boolean {
    const display = joinTitle(artist, title);
    const next: NowPlaying = { display, title, artist, url, sinceMs: this.#deps.clock.wallMs() };
    // What has been received so far belongs to the old title.
    this.#pipeline.flushChunk();
    if (!this.#titles.set(next)) return false;
    this.#titleSerial += 1;
    this.#pipeline.writeTitle(title, artist, (this.#claim.epoch + this.#titleSerial) >>> 0);
    this.#publishTitle();
    return true;
  }

  /** Ends the session; idempotent. The mount lingers for its next source unless it was told to go. */
  end(reason: SourceEnd): void {
    if (this.#ended) return;
    this.#ended = reason;
    const superseded = reason === 'taken-over' || reason === 'lease-lost';
    if (superseded) this.#publisher.fence();
    this.#pipeline.end();
    this.#publisher.end();
    this.#flush?.cancel();
    this.#resume?.cancel();
    this.#watch.cancel();
    if (!superseded) this.#leave(reason);
    void this.#released();
    this.#connection.end(reason);
    this.#deps.log.info('source.disconnected', {
      mount: this.path,
      reason,
      bytes: this.#bytesRead,
      seconds: Math.round((this.#deps.clock.monotonicMs() - this.#startedMs) / 1000),
      skippedBytes: this.#pipeline.stats.skippedBytes,
      resyncs: this.#pipeline.stats.resyncs,
    });
    this.#onEnd(this);
  }

  /** @returns when the mount is free for others */
  #released(): Promise<void> {
    this.#release ??= this.#claim.release();
    return this.#release;
  }

  #leave(reason: SourceEnd): void {
    const { clock } = this.#deps;
    const lingerMs = reason === 'killed' ? 0 : this.#settings.linger * 1000;
    const left = { droppedAtMs: clock.wallMs(), lingerMs, bytesRead: this.#bytesRead };
    if (lingerMs === 0) return this.#announcer.update({ ...left, status: 'ended' });
    this.#announcer.update({ ...left, status: 'lingering' });
    // A new session has a higher epoch, so this late word cannot end what it began.
    clock.after(lingerMs, () => this.#announcer.update({ status: 'ended' }));
  }

  #check(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    const silentMs = this.#resume ? 0 : nowMs - this.#lastDataMs;
    if (silentMs >= watchEveryMs) this.#pipeline.settle();
    if (silentMs >= this.#settings.sourceTimeout * 1000) return this.end('timeout');
    this.#ticks += 1;
    if (this.#ticks % refreshEveryTicks === 0) this.#announcer.update({ bytesRead: this.#bytesRead });
  }

  lost(): void {
    this.end('lease-lost');
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
    const nowMs = this.#deps.clock.monotonicMs();
    const onAirMs = nowMs - this.#startedMs;
    const facts = {
      policy: this.#settings.takeover,
      silentMs: this.#resume ? 0 : nowMs - this.#lastDataMs,
      onAirMs,
      replacements: this.#claim.replacements,
    };
    if (!yieldsTo(facts)) return { ok: false, reason: 'mount in use' };
    this.end('taken-over');
    // Only when the lease is free may the newcomer be told so.
    await this.#released();
    return { ok: true, replacements: onAirMs >= calmSpellMs ? 1 : this.#claim.replacements + 1 };
  }

  #onTags(tags: TagsEvent): void {
    const display = joinTitle(tags.artist ?? '', tags.title ?? '');
    // Headers without a title (a first header set of an encoder) leave what was set from outside.
    if (display === '') return;
    const next = {
      display,
      title: tags.title ?? '',
      artist: tags.artist ?? '',
      url: '',
      sinceMs: this.#deps.clock.wallMs(),
    };
    if (this.#titles.set(next)) this.#publishTitle();
  }

  #publishTitle(): void {
    this.#publisher.title(this.#titles.current);
    this.#announcer.update({ nowPlaying: this.#titles.current, history: this.#titles.history });
    this.#deps.log.info('title.changed', { mount: this.path, title: this.#titles.current.display });
  }

  #onFormat(source: SourceDescription, format: Readonly<StreamFormat>): void {
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
