import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  filler,
  type Mp3Spec,
  mp3Frame,
  mp3InfoFrame,
} from '../../../../test/fixtures/audio/forge-frames.ts';
import { runSplitter, type SplitterRun } from '../../../../test/fixtures/audio/run-splitter.ts';
import { Mp3Splitter } from './mp3-splitter.ts';

const cbr128: Mp3Spec = { version: 1, rateIndex: 0, bitrateIndex: 9 };
const free: Mp3Spec = { version: 1, rateIndex: 0, bitrateIndex: 0, freeBytes: 2089 };

const framesOf = (count: number, spec: Mp3Spec = cbr128): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => mp3Frame(spec, i));

const run = (input: Uint8Array, cuts: readonly number[] = []): SplitterRun =>
  runSplitter(new Mp3Splitter(), input, cuts);

const assertFrames = (actual: SplitterRun, expected: readonly Uint8Array[]): void => {
  assert.deepEqual(
    actual.frames.map((f) => Buffer.from(f.data)),
    expected.map((f) => Buffer.from(f)),
  );
};

const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../../test/fixtures/audio/${name}`, import.meta.url));

test('real files give as many frames, bytes and seconds as ffprobe counts', () => {
  const files = [
    { name: 'mp3-44100-stereo-cbr128.mp3', count: 59, bytes: 24659, us: 1541224, format: [44100, 2] },
    { name: 'mp3-44100-stereo-vbr.mp3', count: 59, bytes: 14593, us: 1541224, format: [44100, 2] },
    { name: 'mp3-22050-mono-mpeg2.mp3', count: 79, bytes: 12382, us: 2063673, format: [22050, 1] },
    { name: 'mp3-8000-mono-mpeg25.mp3', count: 30, bytes: 4320, us: 2160000, format: [8000, 1] },
  ];
  for (const { name, count, bytes, us, format } of files) {
    const { frames, stats, format: found } = run(fixture(name), [1448]);
    assert.deepEqual(stats, { frames: count, skippedBytes: 0, resyncs: 0 }, name);
    assert.equal(
      frames.reduce((sum, f) => sum + f.data.length, 0),
      bytes,
      name,
    );
    assert.equal(
      frames.reduce((sum, f) => sum + f.durationUs, 0),
      us,
      name,
    );
    assert.deepEqual([found.sampleRateHz, found.channels], format, name);
    assert.ok(frames.every((f) => f.syncPoint));
  }
});

test('files that a source sends one after another lose nothing but tags and Info frames', () => {
  const names = ['mp3-44100-stereo-cbr128.mp3', 'mp3-8000-mono-mpeg25.mp3', 'mp3-22050-mono-mpeg2.mp3'];
  const { stats } = run(Buffer.concat([...names, ...names].map(fixture)), [700, 13]);
  assert.deepEqual(stats, { frames: 2 * (59 + 30 + 79), skippedBytes: 0, resyncs: 0 });
});

test('a locked frame is given out with its last byte', () => {
  const [a, b, c] = framesOf(3) as [Uint8Array, Uint8Array, Uint8Array];
  const splitter = new Mp3Splitter();
  assert.equal(splitter.push(a).length, 0);
  assert.equal(splitter.push(b).length, 2);
  assert.equal(splitter.push(c.subarray(0, c.length - 1)).length, 0);
  assert.equal(splitter.push(c.subarray(c.length - 1)).length, 1);
});

test('the bitrate of a frame may change without delay', () => {
  const splitter = new Mp3Splitter();
  splitter.push(Buffer.concat(framesOf(4, { ...cbr128, bitrateIndex: 1 })));
  for (const [bitrateIndex, kbps] of [
    [14, 320],
    [1, 32],
    [9, 128],
  ] as const) {
    assert.equal(splitter.push(mp3Frame({ ...cbr128, bitrateIndex })).length, 1);
    assert.equal(splitter.format.bitrateKbps, kbps);
  }
  assert.deepEqual(splitter.stats, { frames: 7, skippedBytes: 0, resyncs: 0 });
});

test('a damaged bitrate that points to a later frame does not swallow those between', () => {
  const spec: Mp3Spec = { version: 1, rateIndex: 1, bitrateIndex: 1 };
  for (const damaged of [0, 5, 19]) {
    const frames = framesOf(20, spec);
    const input = Buffer.concat(frames);
    // 128 instead of 32 kbit/s, exactly four times as long at 48 kHz.
    input[damaged * 96 + 2]! |= 0x80;
    assertFrames(run(input, [96]), frames.toSpliced(damaged, 1));
  }
});

test('Info, Xing and VBRI frames are dropped at the start and in the stream, and cost no synchronisation', () => {
  const frames = framesOf(6);
  for (const name of ['Info', 'Xing', 'VBRI'] as const) {
    const mark = mp3InfoFrame(cbr128, name);
    const result = run(Buffer.concat([mark, ...frames.slice(0, 3), mark, ...frames.slice(3)]), [100]);
    assertFrames(result, frames);
    assert.deepEqual(result.stats, { frames: 6, skippedBytes: 0, resyncs: 0 });
  }
  const mono: Mp3Spec = { version: 2, rateIndex: 0, bitrateIndex: 6, mode: 3 };
  assert.equal(run(Buffer.concat([mp3InfoFrame(mono, 'Xing'), ...framesOf(3, mono)])).frames.length, 3);
});

test('a frame that is cut off by the end of the stream is counted as skipped, not given out', () => {
  const result = run(Buffer.concat(framesOf(3)).subarray(0, 417 * 3 - 10));
  assert.deepEqual(result.stats, { frames: 2, skippedBytes: 407, resyncs: 0 });
});

test('a single frame comes out when the stream ends with it', () => {
  assert.equal(run(mp3Frame(cbr128)).frames.length, 1);
});

test('a lone header inside garbage is no frame', () => {
  const noise = Buffer.concat([filler(900), mp3Frame(cbr128).subarray(0, 4), filler(5000)]);
  assert.deepEqual(run(noise, [333]).stats, { frames: 0, skippedBytes: noise.length, resyncs: 0 });
});

test('after garbage the stream goes on with the first whole frame, counted as one loss', () => {
  const frames = framesOf(8);
  const result = run(Buffer.concat([...frames.slice(0, 4), filler(777), ...frames.slice(4)]), [50]);
  assertFrames(result, frames);
  assert.deepEqual(result.stats, { frames: 8, skippedBytes: 777, resyncs: 1 });
});

test('a source that joins in the middle of a frame starts with the next one, without a loss', () => {
  const frames = framesOf(5);
  const result = run(Buffer.concat(frames).subarray(200), [64]);
  assertFrames(result, frames.slice(1));
  assert.deepEqual(result.stats, { frames: 4, skippedBytes: 217, resyncs: 0 });
});

test('free format frames are measured, then given out at once, with their bitrate', () => {
  const specs = [0, 1, 0, 1, 1, 0].map((padding) => ({ ...free, padding: padding as 0 | 1 }));
  const frames = specs.map((spec, i) => mp3Frame(spec, i));
  const result = run(Buffer.concat(frames), [1000]);
  assertFrames(result, frames);
  assert.deepEqual(result.stats, { frames: 6, skippedBytes: 0, resyncs: 0 });
  assert.equal(result.format.bitrateKbps, 640);
  const splitter = new Mp3Splitter();
  splitter.push(Buffer.concat(frames));
  assert.equal(splitter.push(mp3Frame(free, 9)).length, 1);
});

test('free format frames of 8 KiB are found, longer ones are not', () => {
  const largest = { ...free, freeBytes: 8192 };
  assert.equal(run(Buffer.concat(framesOf(4, largest)), [999]).frames.length, 4);
  assert.equal(run(Buffer.concat(framesOf(4, { ...free, freeBytes: 8193 })), [999]).frames.length, 0);
});

test('a free format header that nothing follows holds up ordinary frames for a while, and loses none', () => {
  const frames = framesOf(60);
  const lone = mp3Frame({ ...free, freeBytes: 100 });
  const result = run(Buffer.concat([...frames.slice(0, 5), lone, ...frames.slice(5)]), [417]);
  assertFrames(result, frames);
  assert.deepEqual(result.stats, { frames: 60, skippedBytes: 100, resyncs: 1 });
});

test('the durations of an hour add up to the hour', () => {
  const splitter = new Mp3Splitter();
  const second = Buffer.concat(framesOf(49));
  let totalUs = 0;
  for (let i = 0; i < 2000; i++) {
    for (const event of splitter.push(second)) if (event.type === 'frame') totalUs += event.durationUs;
  }
  assert.equal(totalUs, Math.floor((2000 * 49 * 1152 * 1e6) / 44100));
});

test('memory that was given out is not written again', () => {
  const splitter = new Mp3Splitter();
  const frames = framesOf(400);
  const given = frames.flatMap((frame) => splitter.push(frame)).concat(splitter.flush());
  assert.equal(given.length, frames.length);
  given.forEach((event, i) => {
    assert.ok(event.type === 'frame' && Buffer.compare(event.data, frames[i]!) === 0, `frame ${i}`);
  });
});

test('whatever comes in, at most 17 KiB are held back', () => {
  const hostile = [
    Uint8Array.of(0xff, 0xfb, 0x00, 0x64),
    Uint8Array.of(0xff, 0xfb, 0xe0, 0x64),
    Uint8Array.of(0xff),
    mp3Frame({ ...free, freeBytes: 61 }).subarray(0, 47),
  ];
  for (const pattern of hostile) {
    const input = Buffer.alloc(200_000, pattern);
    const splitter = new Mp3Splitter();
    let pushed = 0;
    let given = 0;
    for (let at = 0; at < input.length; at += 5000) {
      for (const event of splitter.push(input.subarray(at, at + 5000))) {
        if (event.type === 'frame') given += event.data.length;
      }
      pushed += 5000;
      assert.ok(pushed - given - splitter.stats.skippedBytes <= 17 * 1024);
    }
  }
});
