import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Mp3Spec, mp3Frame } from '../../../../test/fixtures/audio/forge-frames.ts';
import { readAudioFixture } from '../../../../test/fixtures/audio/replay-splitter.ts';
import { replayTrack } from '../../../../test/fixtures/audio/replay-track.ts';
import { Mp3Track } from './mp3-track.ts';

const cbr: Mp3Spec = { version: 1, rateIndex: 0, bitrateIndex: 9 };
const chunkOf = (...frames: readonly Uint8Array[]) => ({
  data: Buffer.concat(frames),
  frameBytes: frames.map(({ length }) => length),
});

test('frames are samples as they are, as long as their version says', () => {
  const track = new Mp3Track();
  const frames = [mp3Frame(cbr, 1), mp3Frame({ ...cbr, bitrateIndex: 5, padding: 1 }, 2)];
  const events = track.chunk(chunkOf(...frames));
  assert.deepEqual(events[0], { type: 'config', config: { codec: 'mp3', timescale: 44_100, channels: 2 } });
  const samples = events.slice(1).map((event) => event.type === 'sample' && event.sample);
  assert.deepEqual(
    samples.map((sample) => sample && [Buffer.from(sample.data), sample.durationTicks]),
    frames.map((frame) => [Buffer.from(frame), 1152]),
  );
  const [event] = new Mp3Track().chunk(chunkOf(mp3Frame({ ...cbr, version: 2, mode: 3 }))).slice(1);
  assert.ok(event?.type === 'sample' && event.sample.durationTicks === 576);
});

test('another rate or number of channels brings a configuration before its sample, another mode does not', () => {
  const track = new Mp3Track();
  const frames = [
    mp3Frame({ ...cbr, mode: 0 }),
    mp3Frame({ ...cbr, mode: 1 }),
    mp3Frame({ ...cbr, mode: 3 }),
    mp3Frame({ ...cbr, mode: 3, rateIndex: 1 }),
  ];
  const events = track.chunk(chunkOf(...frames));
  assert.deepEqual(
    events.map((event) =>
      event.type === 'config' ? [event.config.timescale, event.config.channels] : event.type,
    ),
    [[44_100, 2], 'sample', 'sample', [44_100, 1], 'sample', [48_000, 1], 'sample'],
  );
});

test('what is no whole frame of known length is refused and leaves one gap', () => {
  const good = mp3Frame(cbr);
  const bad = [
    good.subarray(0, good.length - 1),
    Buffer.concat([good, Uint8Array.of(0)]),
    good.with(0, 0xfe),
    good.subarray(0, 3),
    mp3Frame({ ...cbr, bitrateIndex: 0, freeBytes: 500 }),
  ];
  const track = new Mp3Track();
  assert.deepEqual(track.chunk(chunkOf(...bad)), [], 'before the first sample there is nothing to part');
  const types = track.chunk(chunkOf(good, ...bad, good)).map(({ type }) => type);
  assert.deepEqual(types, ['config', 'sample', 'gap', 'sample']);
  assert.equal(track.stats.refused, 2 * bad.length);
});

test('a chunk that contradicts itself is refused as a whole', () => {
  const track = new Mp3Track();
  const good = mp3Frame(cbr);
  track.chunk(chunkOf(good));
  const { data } = chunkOf(good, good);
  for (const frameBytes of [[good.length], [good.length, good.length + 1], [good.length, good.length, 0]]) {
    assert.ok(track.chunk({ data, frameBytes }).every(({ type }) => type === 'gap'));
  }
  assert.equal(track.stats.refused, 6);
  assert.deepEqual(track.headers(), []);
});

test('the frame that tells about a file is no sample', () => {
  const file = readAudioFixture('mp3-44100-stereo-vbr.mp3');
  assert.ok(Buffer.from(file).includes('Xing'));
  const { samples, refused } = replayTrack(file, 'mp3', 'packed', [700]);
  assert.ok(samples.length > 10);
  assert.equal(refused, 0);
  assert.ok(samples.every(({ data }) => !Buffer.from(data).includes('Xing')));
});
