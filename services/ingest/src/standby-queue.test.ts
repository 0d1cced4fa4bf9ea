/** Pods that share a bus and a store, on a clock held in the hand: who is on air, and how soon. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
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
import { loadSettings } from '@legacystream/runtime/config/load-settings.ts';
import type { Log, LogFields } from '@legacystream/runtime/log.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { countingFormats, countingFrame, countingFrames } from '../../../test/support/counting-frames.ts';
import { CountingReader, runsOf } from '../../../test/support/counting-reader.ts';
import type { SourceEnd, SourceFeed } from './source-feed.ts';
import { maxStandbys, SourceRegistry } from './source-registry.ts';

const path = '/live.mp3';
const mountId = mountIdOf(path);
const format = countingFormats.mp3At128;
const stepMs = 10;
const { settings } = loadSettings({
  iniText: '[Mount /*]\nTakeover=standby\nLinger=2s',
  env: {},
  readFile: () => '',
});

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

class Encoder {
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

class Pod {
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
class Stage {
  readonly clock = new ManualClock();
  readonly bus = new MemoryBus({ clock: this.clock });
  readonly store = new MemoryStateStore({ clock: this.clock });
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

async function twoPods() {
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

test('an encoder that drops is followed by the one that waits on another pod', async (t) => {
  const { stage, a, b, first, second } = await twoPods();
  first.feed!.end('closed');
  await stage.pass(1_000);
  stage.assertWhole([first, second]);
  assert.equal(first.ended, 'closed');
  assert.equal(a.registry.count, 0);
  assert.equal(b.registry.count, 1);
  assert.equal(b.registry.standbys, 0);
  assert.deepEqual([...b.registry.switches], [['free', 1]]);
  t.diagnostic(`${stage.longestGapMs} ms without audio`);
});

test('it begins with its newest audio, not with what it has kept for long', async () => {
  const { stage, first, second } = await twoPods();
  const before = second.nextNumber;
  first.feed!.end('closed');
  await stage.pass(500);
  const begun = stage.reader.frames.find(({ source }) => source === second.id)!;
  const said = `frame ${begun.number}, and ${before} were sent`;
  assert.ok(begun.number < before && begun.number > before - 250 / format.frameMs, said);
});

test('an encoder that falls silent is followed within a second, waits, and takes back nothing', async (t) => {
  const { stage, a, b, first, second } = await twoPods();
  first.isSilent = true;
  await stage.pass(1_000);
  stage.assertWhole([first, second]);
  t.diagnostic(`${stage.longestGapMs} ms without audio`);
  assert.equal(first.ended, undefined);
  assert.equal(a.registry.standbys, 1);
  assert.ok(stage.states.every(({ status }) => status === 'live'));
  first.isSilent = false;
  await stage.pass(5_000);
  stage.assertWhole([first, second]);
  assert.equal(a.count('source.standby'), 1);
  second.feed!.end('closed');
  await stage.pass(1_000);
  stage.assertWhole([first, second, first]);
  assert.deepEqual([...b.registry.switches.keys(), ...a.registry.switches.keys()], ['silent', 'free']);
});

test('half a frame that the silent one sent last is heard by nobody, nor torn when it comes back', async () => {
  const { stage, first, second } = await twoPods();
  first.isSilent = true;
  const half = countingFrame(first.nextNumber, format, first.id);
  first.feed!.receive(half.subarray(0, 100));
  await stage.pass(1_200);
  first.feed!.receive(half.subarray(100));
  first.nextNumber += 1;
  first.isSilent = false;
  await stage.pass(500);
  second.isSilent = true;
  await stage.pass(1_000);
  stage.assertWhole([first, second, first]);
});

for (const lumpMs of [500, 1_000]) {
  test(`an encoder that delivers every ${lumpMs} ms stays on air`, async () => {
    const stage = new Stage();
    const first = await stage.connect(new Pod(stage, 'pod-a'));
    first.lumpMs = lumpMs;
    await stage.pass(1_500);
    await stage.connect(new Pod(stage, 'pod-b'));
    await stage.pass(20_000);
    assert.deepEqual(stage.heard, [first.id]);
    first.isSilent = true;
    await stage.pass(2_000);
    assert.equal(stage.heard.length, 2);
  });
}

test('a pod that stands still loses its mount within a second, and waits as soon as it goes on', async (t) => {
  const { stage, a, b, first, second } = await twoPods();
  a.isFrozen = true;
  await stage.pass(1_000);
  stage.assertWhole([first, second]);
  assert.deepEqual([...b.registry.switches], [['unreachable', 1]]);
  t.diagnostic(`${stage.longestGapMs} ms without audio`);
  a.isFrozen = false;
  await stage.pass(20);
  assert.equal(a.registry.count, 0);
  await stage.pass(2_000);
  stage.assertWhole([first, second]);
  assert.equal(a.registry.standbys, 1);
  second.feed!.end('closed');
  await stage.pass(1_000);
  stage.assertWhole([first, second, first]);
});

test('a pod that stood still does not take its own source for silent', async () => {
  const stage = new Stage();
  const pod = new Pod(stage, 'pod-a');
  const first = await stage.connect(pod);
  await stage.pass(500);
  await stage.connect(pod);
  await stage.pass(1_000);
  pod.isFrozen = true;
  await stage.pass(3_000);
  pod.isFrozen = false;
  // What it sent meanwhile is read after what the other one sent.
  first.isSilent = true;
  await stage.pass(400);
  first.isSilent = false;
  await stage.pass(2_000);
  assert.deepEqual(stage.heard, [first.id]);
});

test('a pod that is killed is followed within a second', async (t) => {
  const { stage, a, b, first, second } = await twoPods();
  a.isFrozen = true;
  a.bus.die();
  await stage.pass(1_000);
  stage.assertWhole([first, second]);
  assert.equal(b.registry.count, 1);
  t.diagnostic(`${stage.longestGapMs} ms without audio`);
});

test('a pod that is cut off from the bus takes no mount from one that is not', async () => {
  const { stage, a, b, first } = await twoPods();
  b.bus.isCutOff = true;
  await stage.pass(3_000);
  assert.deepEqual(stage.heard, [first.id]);
  assert.equal(a.registry.count, 1);
  assert.equal(b.registry.count, 0);
});

test('of many that wait on several pods one has the mount, and no other is thrown off', async () => {
  const { stage, a, b, first, second } = await twoPods();
  const more = [await stage.connect(a), await stage.connect(b), await stage.connect(a)];
  await stage.pass(1_000);
  let last = first;
  const order = [first];
  for (const _ of more) {
    last.feed!.end('closed');
    await stage.pass(2_000);
    last = [second, ...more].find(({ id }) => id === stage.onAir)!;
    order.push(last);
    stage.assertWhole(order);
    assert.equal(a.registry.count + b.registry.count, 1);
  }
  assert.equal(new Set(order).size, order.length);
});

test('on one pod the first to come is the first to go on air, at once', async () => {
  const stage = new Stage();
  const pod = new Pod(stage, 'pod-a');
  const encoders = [];
  for (let i = 0; i < 4; i += 1) {
    encoders.push(await stage.connect(pod));
    await stage.pass(500);
  }
  stage.longestGapMs = 0;
  for (const encoder of encoders.slice(0, -1)) {
    encoder.feed!.end('closed');
    await stage.pass(1_000);
  }
  stage.assertWhole(encoders);
  assert.ok(stage.longestGapMs <= 150, `${stage.longestGapMs} ms without audio`);
});

test('one that is silent itself does not go on air before it delivers', async () => {
  const { stage, first, second } = await twoPods();
  second.isSilent = true;
  await stage.pass(1_000);
  first.feed!.end('closed');
  await stage.pass(1_000);
  assert.equal(stage.states.at(-1)!.status, 'lingering');
  second.isSilent = false;
  await stage.pass(200);
  assert.equal(stage.onAir, second.id);
  assert.equal(stage.states.at(-1)!.status, 'live');
});

test('one that only waits and never delivers is closed when its time is up', async () => {
  const { stage, b, second } = await twoPods();
  second.isSilent = true;
  await stage.pass(settings.streaming.sourceTimeout * 1000 + 500);
  assert.equal(second.ended, 'timeout');
  assert.equal(b.registry.standbys, 0);
  assert.equal(b.count('standby.disconnected'), 1);
});

test('an operator who ends the source on air hands the mount to the one that waits', async () => {
  const { stage, first, second } = await twoPods();
  await stage.ask({ op: 'kill' });
  await stage.pass(1_000);
  assert.equal(first.ended, 'killed');
  stage.assertWhole([first, second]);
});

test('an operator who ends the last source ends the mount', async () => {
  const { stage, first, second } = await twoPods();
  second.feed!.end('closed');
  await stage.pass(2_000);
  await stage.ask({ op: 'kill' });
  await stage.pass(100);
  assert.equal(first.ended, 'killed');
  assert.equal(stage.states.at(-1)!.status, 'ended');
});

test('a pod that shuts down lets all go, and another pod goes on', async () => {
  const { stage, a, b, first, second } = await twoPods();
  const waiting = await stage.connect(a);
  await stage.pass(500);
  a.registry.closeAll('shutdown');
  await stage.pass(1_000);
  assert.equal(first.ended, 'shutdown');
  assert.equal(waiting.ended, 'shutdown');
  stage.assertWhole([first, second]);
  assert.equal(b.registry.count, 1);
  await assert.rejects(a.registry.claim(path), { code: 'LS_CLOSED' });
});

test('no more may wait than have a place, and a place that is left is free', async () => {
  const { stage, b, second } = await twoPods();
  for (let i = 1; i < maxStandbys; i += 1) await stage.connect(b);
  await assert.rejects(b.registry.claim(path), { code: 'LS_MOUNT_IN_USE' });
  second.feed!.end('closed');
  const place = await b.registry.claim(path);
  await assert.rejects(b.registry.claim(path), { code: 'LS_MOUNT_IN_USE' });
  await place.release();
  await stage.connect(b);
});

test('titles of the one that waits are heard when it is on air, and the history goes on', async () => {
  const { stage, first, second } = await twoPods();
  await stage.ask({ op: 'title', title: 'Old', artist: '', url: '' });
  await stage.pass(100);
  second.feed!.setTitle('Waiting', '', '');
  await stage.pass(1_000);
  assert.equal(stage.titles.at(-1), 'Old');
  first.feed!.end('closed');
  await stage.pass(500);
  assert.equal(stage.titles.at(-1), 'Waiting');
  const { nowPlaying, history } = stage.states.at(-1)!;
  assert.equal(nowPlaying.display, 'Waiting');
  assert.deepEqual(
    history.map(({ display }) => display),
    ['Waiting', 'Old'],
  );
});

test('a title that is newer than what the waiting one said stays', async () => {
  const { stage, first, second } = await twoPods();
  second.feed!.setTitle('Waiting', '', '');
  await stage.pass(100);
  await stage.ask({ op: 'title', title: 'Newer', artist: '', url: '' });
  await stage.pass(500);
  first.feed!.end('closed');
  await stage.pass(500);
  assert.equal(stage.onAir, second.id);
  assert.equal(stage.titles.at(-1), 'Newer');
});

test('one that sends another codec than that on air is sent away once that is known', async () => {
  const { stage, b, first, second } = await twoPods();
  const other = await stage.connect(b, 'audio/aac');
  const aac = countingFormats.largeAac;
  for (let i = 0; i < 30 && !other.ended; i += 1) {
    other.feed!.receive(countingFrame(i, aac, other.id));
    other.isSilent = true;
    await stage.pass(20);
  }
  assert.equal(other.ended, 'wrong-codec');
  assert.equal(second.ended, undefined);
  assert.match(String(b.log.lines.at(-2)?.fields['reason']), /sends aac, and mp3 is on air/);
  stage.assertWhole([first]);
});

test('nothing is left of a mount when all of its sources are gone', async () => {
  const { stage, a, b, first, second } = await twoPods();
  first.feed!.end('closed');
  await stage.pass(1_000);
  second.feed!.end('closed');
  await stage.pass(5_000);
  assert.equal(a.registry.count + b.registry.count + a.registry.standbys + b.registry.standbys, 0);
  assert.equal(stage.states.at(-1)!.status, 'ended');
  assert.equal(a.bus.responders + b.bus.responders, 0);
  const before = stage.clock.pendingTimers;
  await stage.pass(5_000);
  // Those of the bus and the store.
  assert.equal(stage.clock.pendingTimers, before);
  assert.equal(before, 2);
});
