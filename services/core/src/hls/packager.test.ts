import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MediaPlaylist, readMediaPlaylist } from '../../../../test/support/hls/playlist-reader.ts';
import { checkPlaylist, checkSuccession } from '../../../../test/support/hls/playlist-rules.ts';
import { applyChange, type HlsChange, type HlsWindow, nextMsn } from './hls-window.ts';
import { renderMediaPlaylist } from './media-playlist.ts';
import { idleEveryMs, Packager, type PackagerOptions, type PackagerSink } from './packager.ts';
import { parseResourceName, segmentName } from './resource-name.ts';
import type { TrackConfig } from './track.ts';
import type { TrackEvent, TrackReader } from './track-reader.ts';

const baseMs = Date.UTC(2026, 0, 1);

const opus = (preSkip = 312): TrackConfig => ({
  codec: 'opus',
  timescale: 48_000,
  channels: 2,
  preSkip,
  inputSampleRateHz: 48_000,
  outputGain: 0,
  mappingFamily: 0,
  mapping: new Uint8Array(0),
});
const flac = (blockSize: number): TrackConfig => {
  const streamInfo = new Uint8Array(34);
  streamInfo.set([blockSize >> 8, blockSize & 255, blockSize >> 8, blockSize & 255]);
  return { codec: 'flac', timescale: 48_000, channels: 2, bitsPerSample: 16, streamInfo };
};
const mp3: TrackConfig = { codec: 'mp3', timescale: 48_000, channels: 2 };
const aac: TrackConfig = {
  codec: 'aac',
  timescale: 48_000,
  channels: 2,
  objectType: 2,
  audioSpecificConfig: Uint8Array.of(0x11, 0x90),
};

/** A reader that gives what the test hands it. */
class ScriptedReader implements TrackReader {
  readonly stats = { refused: 0 };
  events: TrackEvent[] = [];

  chunk(): readonly TrackEvent[] {
    const { events } = this;
    this.events = [];
    return events;
  }

  headers(): readonly TrackEvent[] {
    return this.chunk();
  }
}

const chunk = { data: new Uint8Array(0), frameBytes: [] };

/** A packager with a clock in the hand, and a follower that knows the bus alone. */
class Rig implements PackagerSink {
  readonly reader = new ScriptedReader();
  readonly packager: Packager;
  readonly inits = new Map<string, Uint8Array>();
  readonly changes: HlsChange[] = [];
  readonly payloads: Uint8Array[] = [];
  /** Every window that there was, and when. */
  readonly windows: HlsWindow[] = [];
  readonly timesMs: number[] = [];
  readonly #inherited = new Set<string>();
  followed: HlsWindow | undefined;
  nowMs: number;

  constructor(over: Partial<PackagerOptions> = {}, previous?: HlsWindow, nowMs = baseMs) {
    this.nowMs = nowMs;
    const options = {
      container: 'fmp4',
      segmentS: 4,
      partS: 1,
      lowLatency: true,
      windowS: 40,
      epoch: 5,
    } as const;
    this.packager = new Packager({ ...options, ...over }, this.reader, previous, this, () => this.nowMs);
    this.followed = previous;
    if (previous) this.windows.push(previous);
    if (previous) this.timesMs.push(nowMs);
    for (const { init } of previous?.segments ?? []) this.#inherited.add(init);
  }

  init(name: string, data: Uint8Array): void {
    this.inits.set(name, data);
  }

  moved(window: HlsWindow): void {
    this.followed = window;
    this.#publish();
  }

  change(change: HlsChange, payload: Uint8Array, window: HlsWindow): void {
    this.changes.push(change);
    this.payloads.push(payload);
    this.followed = applyChange(this.followed!, change);
    assert.deepEqual(this.followed, window, 'who follows has the same window');
    assert.equal(payload.byteLength, change.type === 'part' ? change.part.bytes : 0);
    this.#publish();
  }

  #publish(): void {
    this.windows.push(this.followed!);
    this.timesMs.push(this.nowMs);
  }

  get playlists(): readonly MediaPlaylist[] {
    return this.windows.map((window) => readMediaPlaylist(renderMediaPlaylist(window)));
  }

  get window(): HlsWindow {
    return this.packager.window!;
  }

  config(config: TrackConfig): this {
    this.reader.events.push({ type: 'config', config });
    this.packager.headers(new Uint8Array(0), true);
    return this;
  }

  /** Audio of so many seconds in real time. */
  play(seconds: number, frameTicks = 960, timescale = 48_000): this {
    const count = Math.round((seconds * timescale) / frameTicks);
    for (let i = 0; i < count; i += 1) {
      this.nowMs += (frameTicks / timescale) * 1000;
      this.reader.events.push({
        type: 'sample',
        sample: { data: new Uint8Array(20).fill(i), durationTicks: frameTicks },
      });
      this.packager.chunk(chunk);
    }
    return this;
  }

  /** Nothing, for so long. */
  wait(seconds: number): this {
    for (let ms = 0; ms < seconds * 1000; ms += idleEveryMs) {
      this.nowMs += idleEveryMs;
      this.packager.idle();
    }
    return this;
  }

  /** Every playlist that there was keeps the rules, and follows the one before. */
  check(context: { sourceWasAway?: boolean } = {}): this {
    const { playlists } = this;
    playlists.forEach((playlist, i) => {
      assert.deepEqual(checkPlaylist(playlist), [], `playlist ${i}`);
      const before = playlists[i - 1];
      if (before) assert.deepEqual(checkSuccession(before, playlist, 0, context), [], `playlist ${i}`);
    });
    for (const { init } of this.window.segments)
      assert.ok(init === '' || this.inits.has(init) || this.#inherited.has(init), init);
    return this;
  }
}

const titleOf = (title: string) => ({ title, artist: '', url: '' });

test('a minute of Opus becomes segments, parts and an initialization section, and every playlist keeps the rules', () => {
  const rig = new Rig().config(opus()).play(61).check();
  assert.equal(rig.window.segments.length, 10);
  assert.equal(rig.window.partTargetS, 1);
  assert.equal(rig.inits.size, 1);
  assert.equal(rig.changes.filter(({ type }) => type === 'segment').length, 15);
  for (const [i, { durationS }] of rig.window.segments.entries()) assert.equal(durationS, 4, `segment ${i}`);
  assert.deepEqual(
    rig.window.segments.map(({ discontinuity }) => discontinuity),
    new Array(10).fill(false),
  );
});

test('dates are those of the wall clock as each sample came', () => {
  const rig = new Rig().config(opus()).play(61);
  const last = rig.window.segments.at(-1)!;
  assert.ok(Math.abs(last.pdtMs + 4000 - (baseMs + 60_000)) < 100);
});

test('dates follow a source whose clock is fast or slow by small steps', () => {
  for (const skew of [0.98, 1.02]) {
    const rig = new Rig().config(opus());
    for (let i = 0; i < 600; i += 1) {
      rig.play(0.1);
      rig.nowMs += 100 * (skew - 1);
    }
    rig.check();
    const last = rig.window.segments.at(-1)!;
    const lateMs = rig.nowMs - (last.pdtMs + 4000);
    assert.ok(Math.abs(lateMs) < 5_000, `${lateMs} ms`);
  }
});

test('packed audio begins each segment with its tag and lists no parts', () => {
  const rig = new Rig({ container: 'packed' }).config(mp3).play(30, 1152).check();
  assert.equal(rig.window.extension, 'mp3');
  assert.equal(rig.window.partTargetS, 0);
  assert.equal(rig.inits.size, 0);
  const begins = rig.changes.map((change, i) => [change, rig.payloads[i]!] as const);
  for (const [change, payload] of begins) {
    if (change.type !== 'part') continue;
    assert.equal(
      Buffer.from(payload.subarray(0, 3)).toString('latin1') === 'ID3',
      change.start !== undefined,
    );
  }
});

test('without low latency, or with samples longer than a part, no parts are listed', () => {
  assert.equal(new Rig({ lowLatency: false }).config(opus()).play(5).check().window.partTargetS, 0);
  const slow = new Rig().config(flac(49_000)).play(30, 49_000).check();
  assert.equal(slow.window.partTargetS, 0);
});

test('the target duration holds for the longest segment that samples can make', () => {
  for (const segmentS of [2, 4, 5, 6]) new Rig({ segmentS }).config(flac(65_535)).play(120, 65_535).check();
});

test('it goes on from another window: numbers continue, a discontinuity comes between', () => {
  const first = new Rig().config(opus()).play(30);
  first.packager.end();
  const previous = first.window;
  const second = new Rig({ epoch: 9 }, previous, first.nowMs + 3000).config(opus()).play(30);
  second.check();
  const begun = second.window.segments.findIndex(({ epoch }) => epoch === 9);
  assert.equal(second.window.firstMsn + begun, nextMsn(previous));
  assert.deepEqual(
    second.window.segments.map(({ discontinuity }) => discontinuity),
    second.window.segments.map((_, i) => i === begun),
  );
  const pause = second.window.segments[begun]!.pdtMs - previous.segments.at(-1)!.pdtMs;
  assert.ok(pause >= 3000, 'the date jumps over the pause');
});

test('with nothing to go on from, numbers are above any that were used before', () => {
  const first = new Rig().config(opus()).play(60);
  const second = new Rig({}, undefined, first.nowMs + 1000).config(opus()).play(5);
  assert.ok(second.window.firstMsn > nextMsn(first.window));
  assert.ok(second.window.discontinuitySequence >= first.window.discontinuitySequence);
});

test('a date never goes back, even if the one before was ahead of the clock', () => {
  const first = new Rig().config(opus());
  first.play(30);
  first.nowMs -= 10_000;
  first.packager.end();
  const second = new Rig({ epoch: 9 }, first.window, first.nowMs).config(opus()).play(10);
  second.check();
  const dates = second.window.segments.map(({ pdtMs }) => pdtMs);
  assert.deepEqual(
    dates,
    dates.toSorted((a, b) => a - b),
  );
});

test('while nothing comes, gaps stand for the time', () => {
  const rig = new Rig().config(opus()).play(30).wait(21).check();
  const gaps = rig.window.segments.filter(({ gap }) => gap);
  assert.ok(gaps.length >= 7 && gaps.length <= 9, `${gaps.length} gaps`);
  assert.deepEqual(
    gaps.map(({ discontinuity }) => discontinuity),
    [true, ...gaps.slice(1).map(() => false)],
  );
  assert.deepEqual(
    rig.window.segments.map(({ gap }) => gap ?? false).lastIndexOf(false) + gaps.length,
    rig.window.segments.length - 1,
  );
});

test('a new segment follows within one and a half target durations, whether or not the source is there', () => {
  for (const playS of [29, 30, 31, 31.9, 32.1]) {
    const rig = new Rig().config(opus()).play(playS).wait(21);
    const closedMs = rig.timesMs.filter(
      (_, i) => i > 0 && nextMsn(rig.windows[i]!) > nextMsn(rig.windows[i - 1]!),
    );
    closedMs.forEach((ms, i) => {
      const sinceMs = ms - (closedMs[i - 1] ?? ms);
      assert.ok(sinceMs <= 6_000, `${sinceMs} ms, the source having left after ${playS} s`);
    });
  }
});

test('a source that has left is stood for sooner than hls.js stops waiting, by time that has passed', () => {
  for (const segmentS of [1, 2, 4, 6]) {
    const rig = new Rig({ segmentS }).config(opus()).play(29.5);
    rig.packager.end();
    const endedMs = rig.nowMs;
    rig.wait(20).check();
    const movedMs = [endedMs, ...rig.timesMs.filter((ms) => ms > endedMs)];
    movedMs.forEach((ms, i) => {
      const sinceMs = ms - (movedMs[i - 1] ?? ms);
      assert.ok(sinceMs < segmentS * 800, `${sinceMs} ms without a change at ${segmentS} s a segment`);
    });
    const last = rig.window.segments.at(-1)!;
    assert.ok(last.pdtMs + last.durationS * 1000 <= rig.nowMs, 'no gap is ahead of the clock');
    assert.ok(last.pdtMs + last.durationS * 1000 > rig.nowMs - segmentS * 1000);
  }
});

test('a source that falls silent for a while and goes on is heard again', () => {
  const rig = new Rig().config(opus()).play(30).wait(15).play(20).check();
  const last = rig.window.segments.at(-1)!;
  assert.equal(last.gap ?? false, false);
  const after = rig.window.segments.findLastIndex(({ gap }) => gap) + 1;
  assert.equal(rig.window.segments[after]!.discontinuity, true);
  assert.ok(Math.abs(last.pdtMs + 4000 - rig.nowMs) < 5_000, 'dates are those of the clock again');
});

test('before anything was heard no gap is dated', () => {
  const rig = new Rig().config(opus()).wait(20);
  for (const { pdtMs } of rig.window.segments) assert.ok(pdtMs >= baseMs, new Date(pdtMs).toISOString());
});

test('another configuration in the middle is a discontinuity with its own initialization section', () => {
  const rig = new Rig().config(opus()).play(10).config(opus(100)).play(30).check();
  assert.equal(rig.inits.size, 2);
  const begun = rig.window.segments.findIndex(({ discontinuity }) => discontinuity);
  assert.ok(begun > 0);
  assert.notEqual(rig.window.segments[begun]!.init, rig.window.segments[begun - 1]!.init);
  assert.equal(rig.window.segments[begun - 1]!.durationS, 2);
});

test('a configuration whose segments cannot stand beside the others begins an empty window with the next number', () => {
  const first = new Rig({ container: 'packed' }).config(mp3).play(30, 1152);
  first.packager.end();
  const used = nextMsn(first.window);
  const second = new Rig({ container: 'packed', epoch: 6 }, first.window, first.nowMs)
    .config(aac)
    .play(30, 1024);
  assert.equal(second.window.extension, 'aac');
  assert.equal(second.window.firstMsn, used);
  assert.equal(second.window.segments[0]!.discontinuity, true);
  second.check({ sourceWasAway: true });
});

test('the part target never changes while segments with parts are listed', () => {
  const rig = new Rig().config(opus()).play(20).config(flac(60_000)).play(30, 60_000);
  const { playlists } = rig;
  for (let i = 1; i < playlists.length; i += 1) {
    const [before, after] = [playlists[i - 1]!, playlists[i]!];
    if (before.segments.length === 0 || after.segments.length === 0) continue;
    assert.equal(after.partTargetS, before.partTargetS);
  }
});

test('under a larger epoch the same audio goes on without a break', () => {
  const rig = new Rig().config(opus()).play(10.5);
  rig.packager.renumber(8);
  const under = nextMsn(rig.window);
  rig.play(20);
  assert.ok(rig.window.segments.every(({ discontinuity }) => !discontinuity));
  const names = rig.window.segments.map(({ epoch }, i) => segmentName(epoch, rig.window.firstMsn + i, 'm4s'));
  // The segment under way keeps the name of its parts.
  assert.deepEqual(
    names.map((name) => {
      const parsed = parseResourceName(name);
      return parsed?.kind === 'segment' && parsed.epoch === (parsed.msn <= under ? 5 : 8);
    }),
    names.map(() => true),
  );
  rig.check();
});

test('each title is a date range from where it is heard, and its ID is used once', () => {
  const rig = new Rig();
  rig.packager.setTitle(titleOf('a'));
  rig.config(opus()).play(10);
  rig.packager.setTitle(titleOf('b'));
  rig.packager.setTitle(titleOf('b'));
  rig.play(10);
  rig.packager.setTitle(titleOf('a'));
  rig.play(5).check();
  const { titles } = rig.window;
  assert.deepEqual(
    titles.map(({ title }) => title),
    ['a', 'b', 'a'],
  );
  assert.deepEqual(
    titles.map(({ startMs }) => Math.round((startMs - baseMs) / 1000)),
    [0, 10, 20],
  );
  assert.equal(new Set(titles.map(({ id }) => id)).size, 3);
});

test('the next packager of the same session uses no ID again', () => {
  const first = new Rig();
  first.packager.setTitle(titleOf('a'));
  first.config(opus()).play(5);
  first.packager.setTitle(titleOf('b'));
  first.play(5);
  first.packager.end();
  const second = new Rig({}, first.window, first.nowMs);
  second.packager.setTitle(titleOf('b'));
  second.config(opus()).play(5);
  second.packager.setTitle(titleOf('c'));
  second.play(5);
  const ids = second.window.titles.map(({ id }) => id);
  assert.equal(ids.length, 3);
  assert.equal(new Set(ids).size, 3, ids.join());
  second.check();
});

test('titles that come at once do not overlap', () => {
  const rig = new Rig().config(opus()).play(5);
  for (const title of ['a', 'b', 'c']) rig.packager.setTitle(titleOf(title));
  rig.play(5);
  const starts = rig.window.titles.map(({ startMs }) => Math.round(startMs));
  assert.equal(new Set(starts).size, starts.length, starts.join());
  rig.check();
});

test('a flood of titles makes no flood of segments, and the window stays small', () => {
  for (const [container, config, frame] of [
    ['packed', aac, 1024],
    ['fmp4', opus(), 960],
  ] as const) {
    const rig = new Rig({ container }).config(config);
    for (let i = 0; i < 1000; i += 1) {
      rig.packager.setTitle(titleOf(`title ${i}`));
      rig.reader.events.push({ type: 'sample', sample: { data: new Uint8Array(9), durationTicks: frame } });
      rig.packager.chunk(chunk);
    }
    assert.ok(rig.window.segments.length <= 30, `${rig.window.segments.length} segments`);
    assert.ok(rig.window.titles.length <= 200);
  }
});

test('nothing but an end: nothing happens', () => {
  const rig = new Rig();
  rig.packager.end();
  rig.packager.idle();
  rig.packager.setTitle(titleOf('a'));
  rig.packager.renumber(9);
  assert.equal(rig.packager.window, undefined);
  assert.deepEqual(rig.changes, []);
});
