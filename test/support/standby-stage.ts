/**
 * A mount with standby sources, on a clock held in the hand: pods that share a bus and a store,
 * encoders, and what a listener hears of them.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { decodeEnvelope, EnvelopeKind } from '@legacystream/core/bus/envelope.ts';
import { encodeMessage, type OwnerRequest } from '@legacystream/core/bus/requests.ts';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import { decodeMountState, type MountState } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus, BusHandler, BusResponder, HistoryBounds } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import type { SourceEnd, SourceFeed } from '@legacystream/ingest/source-feed.ts';
import { SourceRegistry } from '@legacystream/ingest/source-registry.ts';
import { loadSettings } from '@legacystream/runtime/config/load-settings.ts';
import type { Log, LogFields } from '@legacystream/runtime/log.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { countingFormats, countingFrames } from './counting-frames.ts';
import { CountingReader, runsOf } from './counting-reader.ts';

export const path = '/live.mp3';
export const mountId = mountIdOf(path);
export const format = countingFormats.mp3At128;
const stepMs = 10;
export const { settings } = loadSettings({
  iniText: '[Mount /*]\nTakeover=standby\nLinger=2s',
  env: {},
  readFile: () => '',
});

/** A store that can be out of reach of everybody. */
class RemoteStore extends MemoryStateStore {
  isAway = false;

  override acquireLease(...args: Parameters<StateStore['acquireLease']>) {
    return this.isAway ? unavailable() : super.acquireLease(...args);
  }

  override renewLease(...args: Parameters<StateStore['renewLease']>) {
    return this.isAway ? unavailable() : super.renewLease(...args);
  }

  override releaseLease(...args: Parameters<StateStore['releaseLease']>) {
    return this.isAway ? unavailable() : super.releaseLease(...args);
  }

  override getDocument(...args: Parameters<StateStore['getDocument']>) {
    return this.isAway ? unavailable() : super.getDocument(...args);
  }

  override putDocument(...args: Parameters<StateStore['putDocument']>) {
    return this.isAway ? unavailable() : super.putDocument(...args);
  }
}

function unavailable(): Promise<never> {
  return Promise.reject(new LegacyStreamError('LS_STORE_UNAVAILABLE', 'away'));
}

/** A pod's link to the bus, and what becomes of it when the pod or the link dies. */
class PodBus implements Bus {
  /** The pod stands still: it is there, and does nothing. */
  isFrozen = false;
  /** The pod cannot reach anybody, and does not know it. */
  isCutOff = false;
  /** The pod's connection has been closed by the system. */
  isGone = false;
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  get connected(): boolean {
    return this.#bus.connected;
  }

  get stats() {
    return this.#bus.stats;
  }

  publish(subject: string, data: Uint8Array): void {
    if (!this.isFrozen && !this.isCutOff && !this.isGone) this.#bus.publish(subject, data);
  }

  subscribe(subject: string, handler: BusHandler) {
    return this.#bus.subscribe(subject, handler);
  }

  history(subject: string, bounds: HistoryBounds) {
    return this.#bus.history(subject, bounds);
  }

  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return this.#bus.request(this.isCutOff ? 'nowhere' : subject, data, timeoutMs).catch((error) => {
      throw this.isCutOff ? new LegacyStreamError('LS_BUS_TIMEOUT', 'cut off') : error;
    });
  }

  respond(subject: string, responder: BusResponder) {
    const made = this.#bus.respond(subject, (data, on) =>
      this.isFrozen || this.isCutOff ? new Promise(() => {}) : responder(data, on),
    );
    this.#made.add(made);
    return {
      unsubscribe: () => {
        this.#made.delete(made);
        made.unsubscribe();
      },
    };
  }

  get responders(): number {
    return this.#made.size;
  }

  readonly #made = new Set<{ unsubscribe(): void }>();

  /** As when the process is killed: the system closes its connections. */
  die(): void {
    this.isGone = true;
    for (const made of this.#made) made.unsubscribe();
  }

  async close(): Promise<void> {}
}

/** Timers that come due while the pod stands still fire when it goes on. */
class PodClock implements Clock {
  readonly #clock: Clock;
  readonly #due = new Set<() => void>();
  #isFrozen = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  after(delayMs: number, fn: () => void): Timer {
    return this.#clock.after(delayMs, this.#whenAwake(fn));
  }

  every(periodMs: number, fn: () => void): Timer {
    return this.#clock.every(periodMs, this.#whenAwake(fn));
  }

  set isFrozen(isFrozen: boolean) {
    this.#isFrozen = isFrozen;
    if (isFrozen) return;
    for (const fn of this.#due) fn();
    this.#due.clear();
  }

  #whenAwake(fn: () => void): () => void {
    return () => {
      if (this.#isFrozen) this.#due.add(fn);
      else fn();
    };
  }
}

class TestLog implements Log {
  readonly lines: { event: string; fields: LogFields }[] = [];
  debug(): void {}
  info(event: string, fields: LogFields = {}): void {
    this.lines.push({ event, fields });
  }
  warn(event: string, fields: LogFields = {}): void {
    this.lines.push({ event, fields });
  }
  error(event: string, fields: LogFields = {}): void {
    this.lines.push({ event, fields });
  }
  child(): Log {
    return this;
  }
}

export class Encoder {
  readonly id: number;
  ended: SourceEnd | undefined;
  isSilent = false;
  /** How much it gathers before it delivers. */
  lumpMs = 50;
  nextNumber = 0;
  feed: SourceFeed | undefined;
  #gatheredMs = 0;

  constructor(id: number) {
    this.id = id;
  }

  /** Real time passes. */
  play(ms: number): void {
    if (this.isSilent || this.ended || !this.feed) return;
    this.#gatheredMs += ms;
    if (this.#gatheredMs < this.lumpMs) return;
    const count = Math.floor(this.#gatheredMs / format.frameMs);
    this.#gatheredMs -= count * format.frameMs;
    this.feed.receive(countingFrames(this.nextNumber, count, format, this.id));
    this.nextNumber += count;
  }
}

export class Pod {
  readonly bus: PodBus;
  readonly log = new TestLog();
  readonly registry: SourceRegistry;
  readonly #clock: PodClock;
  #isFrozen = false;

  constructor(stage: Stage, podId: string) {
    this.bus = new PodBus(stage.bus);
    const { store, subjects } = stage;
    const clock = new PodClock(stage.clock);
    this.#clock = clock;
    this.registry = new SourceRegistry(
      { bus: this.bus, store, clock, subjects, podId, log: this.log },
      settings,
    );
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Stops and continues its process. */
  set isFrozen(isFrozen: boolean) {
    this.#isFrozen = isFrozen;
    this.bus.isFrozen = isFrozen;
    this.#clock.isFrozen = isFrozen;
  }

  count(event: string): number {
    return this.log.lines.filter((line) => line.event === event).length;
  }
}

/** What a listener's edge makes of it: frames with the time at which they came, and states. */
export class Stage {
  readonly clock = new ManualClock();
  readonly bus = new MemoryBus({ clock: this.clock });
  readonly store = new RemoteStore({ clock: this.clock });
  readonly subjects = new Subjects('test');
  readonly states: MountState[] = [];
  readonly reader = new CountingReader(format);
  readonly titles: string[] = [];
  longestGapMs = 0;
  #epoch = 0;
  #heardMs: number | undefined;
  readonly #encoders: { encoder: Encoder; pod: Pod }[] = [];
  #lastId = 0;

  constructor() {
    this.bus.subscribe(this.subjects.state(mountId), (data) => {
      const state = decodeMountState(data)!;
      // The last word of an earlier session comes late.
      if (state.epoch >= (this.states.at(-1)?.epoch ?? 0)) this.states.push(state);
    });
    this.bus.subscribe(this.subjects.audio(mountId), (data) => {
      const { epoch, kind, payload } = decodeEnvelope(data)!;
      if (epoch < this.#epoch) return;
      this.#epoch = epoch;
      if (kind === EnvelopeKind.metadata) this.titles.push(JSON.parse(`${Buffer.from(payload)}`).display);
      if (kind !== EnvelopeKind.audio) return;
      const nowMs = this.clock.monotonicMs();
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - (this.#heardMs ?? nowMs));
      this.#heardMs = nowMs;
      this.reader.push(payload);
    });
  }

  async connect(pod: Pod, contentType = 'audio/mpeg'): Promise<Encoder> {
    this.#lastId += 1;
    const encoder = new Encoder(this.#lastId);
    const admission = await pod.registry.claim(path);
    encoder.feed = await pod.registry.open(
      admission,
      { path, protocol: 'PUT', contentType, info: {}, ip: `192.0.2.${encoder.id}`, userAgent: 'test' },
      {
        pauseReading: () => {},
        resumeReading: () => {},
        end: (reason) => {
          encoder.ended = reason;
        },
      },
    );
    this.#encoders.push({ encoder, pod });
    return encoder;
  }

  async pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      this.clock.advance(stepMs);
      for (const { encoder, pod } of this.#encoders) if (!pod.isFrozen) encoder.play(stepMs);
      for (let i = 0; i < 6; i += 1) await turn();
    }
  }

  /** Who has been heard, in order. */
  get heard(): number[] {
    return runsOf(this.reader.frames).map((run) => Number(run.split(':')[0]));
  }

  get onAir(): number | undefined {
    return this.reader.frames.at(-1)?.source;
  }

  async ask(request: OwnerRequest): Promise<void> {
    const answer = this.bus.request(this.subjects.owner(mountId), encodeMessage(request), 1_000);
    for (let i = 0; i < 20; i += 1) await turn();
    await answer;
  }

  /** Nothing torn, nothing twice, no gap of a second, and nobody was told that it is over. */
  assertWhole(inOrder: readonly Encoder[]): void {
    assert.deepEqual(
      this.heard,
      inOrder.map(({ id }) => id),
    );
    assert.equal(this.reader.strayBytes, 0);
    assert.equal(this.reader.doubled, 0);
    assert.ok(this.longestGapMs <= 1_000, `${this.longestGapMs} ms without audio`);
    assert.ok(this.states.every(({ status }) => status !== 'ended'));
  }
}

export async function twoPods() {
  const stage = new Stage();
  const a = new Pod(stage, 'pod-a');
  const b = new Pod(stage, 'pod-b');
  const first = await stage.connect(a);
  await stage.pass(500);
  const second = await stage.connect(b);
  await stage.pass(1_500);
  assert.deepEqual(stage.heard, [first.id]);
  assert.equal(a.registry.count, 1);
  assert.equal(b.registry.count, 0);
  assert.equal(b.registry.standbys, 1);
  assert.equal(b.count('source.standby'), 1);
  stage.longestGapMs = 0;
  return { stage, a, b, first, second };
}
