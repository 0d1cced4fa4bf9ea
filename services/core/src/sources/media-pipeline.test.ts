import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readAudioFixture } from '../../../../test/fixtures/audio/replay-splitter.ts';
import { createSplitter } from '../codecs/create-splitter.ts';
import type { Codec, SplitterEvent, StreamFormat } from '../codecs/frame-splitter.ts';
import { maxSniffBytes } from '../codecs/sniff-codec.ts';
import type { Chunk } from './chunker.ts';
import { MediaPipeline, type MediaSink } from './media-pipeline.ts';

class Sink implements MediaSink {
  /** What listeners depend on, in order. */
  readonly published: string[] = [];
  readonly chunks: Chunk[] = [];
  readonly formats: StreamFormat[] = [];
  readonly titles: (string | undefined)[] = [];
  readonly sent: Uint8Array[] = [];

  chunk(chunk: Chunk): void {
    assert.ok(this.formats.length > 0, 'the codec is known before the first chunk');
    this.chunks.push(chunk);
    this.sent.push(chunk.data);
    const data = Buffer.from(chunk.data).toString('latin1');
    this.published.push(`chunk ${chunk.durationUs} ${chunk.frameCount} ${chunk.syncPoint} ${data}`);
  }

  headers(data: Uint8Array, inBand: boolean): void {
    if (inBand) this.sent.push(data);
    this.published.push(`headers ${inBand} ${Buffer.from(data).toString('latin1')}`);
  }

  tags({ title, artist }: { readonly title?: string; readonly artist?: string }): void {
    this.titles.push(title);
    this.published.push(`tags ${title} ${artist}`);
  }

  format(format: Readonly<StreamFormat>): void {
    this.formats.push({ ...format });
  }
}

function run(input: Uint8Array, cuts: readonly number[], contentType?: string): Sink {
  const sink = new Sink();
  const pipeline = new MediaPipeline(contentType, sink);
  for (let at = 0, turn = 0; at < input.length; turn += 1) {
    const length = cuts.length === 0 ? input.length : cuts[turn % cuts.length]!;
    const piece = new Uint8Array(input.subarray(at, at + length));
    pipeline.push(piece);
    piece.fill(0xee);
    at += length;
  }
  pipeline.end();
  return sink;
}

const fixtures: [name: string, codec: Codec][] = [
  ['mp3-44100-stereo-cbr128.mp3', 'mp3'],
  ['mp3-44100-stereo-vbr.mp3', 'mp3'],
  ['mp3-8000-mono-mpeg25.mp3', 'mp3'],
  ['aac-44100-stereo-lc.aac', 'aac'],
  ['aac-24000-mono-id3.aac', 'aac'],
  ['vorbis.ogg', 'ogg-vorbis'],
  ['opus.ogg', 'ogg-opus'],
  ['chained.ogg', 'ogg-vorbis'],
  ['flac.oga', 'ogg-flac'],
  ['speex.ogg', 'ogg-speex'],
  ['native.flac', 'flac'],
  ['piped.flac', 'flac'],
  ['live-opus.webm', 'matroska'],
  ['vorbis.mkv', 'matroska'],
];

for (const [name, codec] of fixtures) {
  test(`${name} is told to be ${codec} and published alike however it is cut`, () => {
    const input = readAudioFixture(name).subarray(0, 120_000);
    const whole = run(input, []);
    assert.equal(whole.formats.at(-1)?.codec, codec);
    assert.ok(whole.chunks.length > 1);
    const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(cuts, (list) => {
        const pieces = run(input, list);
        assert.equal(pieces.published.length, whole.published.length);
        for (const [i, line] of pieces.published.entries()) assert.ok(line === whole.published[i], `at ${i}`);
      }),
      { numRuns: 6 },
    );
  });

  test(`${name} reaches listeners byte for byte as its frames`, () => {
    const input = readAudioFixture(name);
    const splitter = createSplitter(codec);
    const isSent = (event: SplitterEvent) =>
      event.type === 'frame' || (event.type === 'headers' && event.inBand);
    const events = [...splitter.push(input), ...splitter.flush()].filter(isSent);
    const expected = Buffer.concat(events.map((event) => ('data' in event ? event.data : new Uint8Array(0))));
    assert.ok(Buffer.concat(run(input, []).sent).equals(expected));
  });
}

test('links of different codecs in one stream are published alike however they are cut', () => {
  const opus = readAudioFixture('opus.ogg').subarray(0, 30_000);
  const input = Buffer.concat([opus, readAudioFixture('vorbis.ogg'), opus]);
  const whole = run(input, []);
  for (const cuts of [[1000], [1], [4096, 77], [30_000]]) {
    assert.ok(run(input, cuts).published.join() === whole.published.join(), `cut at ${cuts}`);
  }
});

test('the bytes decide about the codec, not the declared type', () => {
  assert.equal(run(readAudioFixture('vorbis.ogg'), [100], 'audio/mpeg').formats.at(-1)?.codec, 'ogg-vorbis');
  const text = Buffer.from('this is no audio at all\n'.repeat(400));
  assert.equal(run(text, [100], 'text/plain').formats.at(-1)?.codec, 'opaque');
});

test('a byte at a time is decided as soon as it can be, and at the bound at the latest', () => {
  const sink = new Sink();
  const pipeline = new MediaPipeline(undefined, sink);
  for (let i = 0; i < maxSniffBytes; i += 1) pipeline.push(Uint8Array.of(0x20 | (i & 15)));
  assert.equal(sink.formats.at(-1)?.codec, 'opaque');
});

test('a source that pauses before it told enough is decided on what there is, and loses nothing', () => {
  const sink = new Sink();
  const pipeline = new MediaPipeline('application/octet-stream', sink);
  pipeline.settle();
  assert.equal(sink.formats.length, 0, 'nothing says nothing');
  pipeline.push(Buffer.from('a few bytes'));
  pipeline.settle();
  pipeline.push(Buffer.from(' and more'));
  pipeline.end();
  assert.equal(Buffer.concat(sink.sent).toString(), 'a few bytes and more');
});

test('a chunk that waits is sent on request, at a frame', () => {
  const sink = new Sink();
  const pipeline = new MediaPipeline('audio/mpeg', sink);
  const input = readAudioFixture('mp3-44100-stereo-cbr128.mp3');
  pipeline.push(input.subarray(0, 5000));
  const before = sink.chunks.length;
  pipeline.flushChunk();
  pipeline.flushChunk();
  assert.equal(sink.chunks.length, before + 1);
  pipeline.push(input.subarray(5000));
  pipeline.end();
  assert.ok(Buffer.concat(sink.sent).equals(Buffer.concat(run(input, []).sent)));
});

test('a title is written into Ogg Vorbis and into nothing else', () => {
  const sink = new Sink();
  const vorbis = new MediaPipeline('application/ogg', sink);
  assert.equal(vorbis.writeTitle('Early', '', 1), false, 'nothing is known of the stream yet');
  const input = readAudioFixture('vorbis.ogg');
  vorbis.push(input.subarray(0, 8000));
  assert.equal(vorbis.writeTitle('New Title', 'Somebody', 4711), true);
  vorbis.push(input.subarray(8000));
  vorbis.end();
  assert.ok(sink.titles.includes('New Title'));
  assert.ok(Buffer.concat(sink.sent).includes('TITLE=New Title'));

  const opus = new MediaPipeline('application/ogg', new Sink());
  opus.push(readAudioFixture('opus.ogg'));
  assert.equal(opus.writeTitle('New Title', '', 4711), false);
  const mp3 = new MediaPipeline('audio/mpeg', new Sink());
  mp3.push(readAudioFixture('mp3-44100-stereo-cbr128.mp3'));
  assert.equal(mp3.writeTitle('New Title', '', 4711), false);
});

test('a title is in force until the stream turns to another codec, however it is cut', () => {
  const vorbis = readAudioFixture('vorbis.ogg');
  const rest = Buffer.concat([vorbis.subarray(8000), readAudioFixture('opus.ogg').subarray(0, 30_000)]);
  const runs = [[rest.length], [1000], [4096, 77]].map((cuts) => {
    const sink = new Sink();
    const pipeline = new MediaPipeline('application/ogg', sink);
    pipeline.push(vorbis.subarray(0, 8000));
    assert.equal(pipeline.writeTitle('New Title', '', 4711), true);
    for (let at = 0, turn = 0; at < rest.length; turn += 1) {
      const length = cuts[turn % cuts.length]!;
      pipeline.push(rest.subarray(at, at + length));
      at += length;
    }
    pipeline.end();
    assert.ok(sink.titles.includes('New Title'));
    return sink.published.join();
  });
  assert.ok(runs.every((published) => published === runs[0]));
});

test('garbage under any declared type never throws and is bounded', () => {
  const types = fc.constantFrom(
    'audio/mpeg',
    'audio/aac',
    'application/ogg',
    'audio/flac',
    'audio/webm',
    undefined,
  );
  const parts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), { maxLength: 10 });
  fc.assert(
    fc.property(types, parts, (contentType, list) => {
      const input = Buffer.concat(list);
      const sink = run(input, [1000], contentType);
      assert.ok(Buffer.concat(sink.sent).length <= input.length);
    }),
    { numRuns: 60 },
  );
});
