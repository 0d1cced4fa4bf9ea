import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ascii,
  filler,
  forgeElement,
  forgeMatroskaHeader,
  forgeOpenElement,
  forgeSimpleBlock,
  forgeTimecode,
  forgeTracks,
  unknownSize,
} from '../../../../test/fixtures/audio/forge-containers.ts';
import {
  digestReplay,
  readAudioFixture,
  replaySplitter,
} from '../../../../test/fixtures/audio/replay-splitter.ts';
import { MatroskaSplitter } from './matroska-splitter.ts';

const clusterId = 0x1f43b675;
const header = forgeMatroskaHeader();
const blocksOf = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => forgeSimpleBlock(from + index * 20));
const openCluster = (ticks: number, count = 3) =>
  forgeOpenElement(clusterId, forgeTimecode(ticks), ...blocksOf(count));
const knownCluster = (ticks: number, count = 3) =>
  forgeElement(clusterId, forgeTimecode(ticks), ...blocksOf(count));

const replay = (input: Uint8Array | readonly Uint8Array[], cuts: readonly number[] = []) =>
  replaySplitter(new MatroskaSplitter(), input instanceof Uint8Array ? input : Buffer.concat(input), cuts);
const kinds = (found: ReturnType<typeof replay>) =>
  found.events.map((event) => (event.type === 'frame' ? (event.syncPoint ? 'sync' : 'frame') : event.type));

test('real files give as many blocks as ffprobe counts packets, and start at clusters', () => {
  const files = [
    {
      name: 'live-opus.webm',
      frames: 201,
      clusters: 5,
      us: 4_001_000,
      rate: 48_000,
      subtype: 'Opus',
      header: 426,
    },
    {
      name: 'vorbis.mkv',
      frames: 131,
      clusters: 7,
      us: 2_988_000,
      rate: 44_100,
      subtype: 'Vorbis',
      header: 4359,
    },
  ];
  for (const { name, frames, clusters, us, rate, subtype, header } of files) {
    const found = replay(readAudioFixture(name), [1448]);
    assert.deepEqual(found.stats, { frames, skippedBytes: 0, resyncs: 0 }, name);
    assert.equal(found.frames.filter((frame) => frame.syncPoint).length, clusters, name);
    assert.equal(found.durationUs, us, name);
    assert.deepEqual(found.format, { codec: 'matroska', sampleRateHz: rate, channels: 2, subtype }, name);
    assert.deepEqual(
      found.headers.map(({ data, inBand }) => [data.length, inBand]),
      [[header, true]],
      name,
    );
    assert.deepEqual([found.tags[0]?.title, found.tags[0]?.artist], ['Fixture', 'Tone'], name);
  }
});

test('all but the sizes of clusters goes out as it came in', () => {
  const file = readAudioFixture('live-opus.webm');
  const { output } = replay(file);
  assert.equal(output.length, file.length);
  let changed = 0;
  for (let at = 0; at < file.length; at++) if (output[at] !== file[at]) changed++;
  assert.ok(changed > 0 && changed <= 5 * 2, String(changed));
  // A second pass finds the same blocks in clusters that now end where the next begins.
  const again = replay(output);
  assert.deepEqual(Buffer.from(again.output), Buffer.from(output));
  assert.equal(again.durationUs, 4_001_000);
});

test('any split of the bytes gives the same events', () => {
  const file = Buffer.concat([readAudioFixture('vorbis.mkv'), readAudioFixture('live-opus.webm')]);
  const whole = digestReplay(replay(file));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (cuts) => {
      assert.equal(digestReplay(replay(file, cuts)), whole);
    }),
    { numRuns: 20 },
  );
  assert.equal(digestReplay(replay(file, [1])), whole);
});

test('a block is given as soon as it is whole', () => {
  const splitter = new MatroskaSplitter();
  const [first, second] = blocksOf(2);
  splitter.push(header);
  const start = forgeOpenElement(clusterId, forgeTimecode(0));
  assert.deepEqual(
    splitter.push(start).map((event) => event.type),
    ['headers'],
  );
  assert.deepEqual(
    splitter.push(first!).map((event) => event.type === 'frame' && [event.syncPoint, event.data.length]),
    [[true, start.length + first!.length]],
  );
  assert.deepEqual(splitter.push(second!.subarray(0, -1)), []);
  assert.equal(splitter.push(second!.subarray(-1)).length, 1);
});

test('clusters of known and unknown size follow each other', () => {
  const found = replay([header, openCluster(0), knownCluster(60), knownCluster(120), openCluster(180)]);
  assert.deepEqual(kinds(found), [
    'headers',
    ...Array.from({ length: 4 }, () => ['sync', 'frame', 'frame']).flat(),
  ]);
  assert.equal(found.stats.skippedBytes, 0);
  assert.equal(found.durationUs, 220_000);
  // What is given reads as clusters of unknown size only.
  assert.equal(
    Buffer.from(found.output).indexOf(Buffer.concat([Uint8Array.of(0x1f, 0x43, 0xb6, 0x75), unknownSize])),
    header.length,
  );
});

test('cues, tags and padding between and within clusters are dropped', () => {
  const drop = [
    forgeElement(0x1c53bb6b, filler(100)),
    forgeElement(0x1254c367, filler(10)),
    forgeElement(0xec, filler(500)),
  ];
  const padded = forgeElement(
    clusterId,
    forgeElement(0xbf, filler(4)),
    forgeTimecode(60),
    forgeElement(0xec, filler(9)),
    ...blocksOf(2),
  );
  const found = replay([header, openCluster(0), ...drop, padded, ...drop, openCluster(100)]);
  assert.deepEqual(kinds(found), [
    'headers',
    'sync',
    'frame',
    'frame',
    'sync',
    'frame',
    'sync',
    'frame',
    'frame',
  ]);
  assert.equal(found.stats.resyncs, 0);
  assert.equal(found.frames[3]?.data.length, 12 + forgeTimecode(0).length + forgeSimpleBlock(0).length);
});

test('a block group is a frame', () => {
  const group = forgeElement(
    0xa0,
    forgeElement(0xa1, Uint8Array.of(0x81, 0, 20, 0), filler(9)),
    forgeElement(0x9b, Uint8Array.of(20)),
  );
  const found = replay([header, openCluster(0, 1), group]);
  assert.deepEqual(
    found.frames.map((frame) => frame.durationUs),
    [0, 20_000],
  );
});

test('a new EBML header begins a new set, even within a cluster of known size', () => {
  const cut = knownCluster(0).subarray(0, -forgeSimpleBlock(0).length);
  const found = replay([header, cut, header, openCluster(0)]);
  assert.deepEqual(kinds(found), ['headers', 'sync', 'frame', 'headers', 'sync', 'frame', 'frame']);
  assert.equal(found.stats.skippedBytes, 0);
});

test('a source that stops within a block or a cluster loses only what is not whole', () => {
  const found = replay([header, knownCluster(0).subarray(0, -5)]);
  assert.deepEqual(kinds(found), ['headers', 'sync', 'frame']);
  assert.equal(found.stats.resyncs, 0);
});

test('an element of absurd size is passed over up to the next cluster', () => {
  const huge = Buffer.concat([Uint8Array.of(0xa3, 0x08, 0xff, 0xff, 0xff, 0xff), filler(50)]);
  const endless = Buffer.concat([Uint8Array.of(0xa3), unknownSize, filler(50)]);
  for (const bad of [huge, endless, Uint8Array.of(0xec, 0x08, 0xff, 0xff, 0xff, 0xff)]) {
    const found = replay([header, openCluster(0), bad, ...blocksOf(2), openCluster(60)], [5]);
    assert.deepEqual(kinds(found), ['headers', 'sync', 'frame', 'frame', 'sync', 'frame', 'frame']);
    assert.equal(found.stats.resyncs, 1);
    assert.equal(
      found.output.length + found.stats.skippedBytes,
      Buffer.concat([header, openCluster(0), bad, ...blocksOf(2), openCluster(60)]).length,
    );
  }
});

test('a block that claims more than its cluster of known size is not waited for', () => {
  const block = forgeElement(0xa3, filler(300)).subarray(0, 60);
  const found = replay([
    header,
    forgeElement(clusterId, forgeTimecode(0), ...blocksOf(1), block),
    openCluster(60),
  ]);
  assert.deepEqual(kinds(found), ['headers', 'sync', 'sync', 'frame', 'frame']);
});

test('larger blocks are taken where there is video', () => {
  const withVideo = forgeMatroskaHeader(forgeTracks('V_VP8', 1));
  const large = forgeOpenElement(clusterId, forgeTimecode(0), forgeSimpleBlock(0, filler(400_000)));
  assert.equal(replay([withVideo, large, openCluster(60)], [50_000]).frames.length, 4);
  assert.equal(replay([header, large, openCluster(60)], [50_000]).frames.length, 3);
});

test('a damaged byte costs no more than the cluster it lies in and its neighbour', () => {
  const clusters = Array.from({ length: 6 }, (_, index) => openCluster(index * 60));
  const input = Buffer.concat([header, ...clusters]);
  fc.assert(
    fc.property(
      fc.integer({ min: header.length, max: input.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (at, flip) => {
        const damaged = Uint8Array.from(input);
        damaged[at] = damaged[at]! ^ flip;
        // What a size of up to 256 KiB swallows is over once so much has come.
        const found = replay([damaged, filler(262_144), ...clusters, ...clusters], [9999]);
        assert.ok(found.stats.frames >= 2 * 18, String(found.stats.frames));
      },
    ),
    { numRuns: 60 },
  );
});

test('a size of the Segment is forgotten too', () => {
  const known = Buffer.concat([
    forgeElement(0x1a45dfa3, forgeElement(0x4282, ascii('matroska'))),
    forgeElement(0x18538067, forgeTracks(), knownCluster(0)),
  ]);
  const found = replay(known);
  assert.deepEqual(
    Buffer.from(found.headers[0]!.data.subarray(-forgeTracks().length - 8, -forgeTracks().length)),
    Buffer.from(unknownSize),
  );
});

test('clusters without headers in force are passed over', () => {
  const input = [openCluster(0), filler(20), header, openCluster(0)];
  const found = replay(input);
  assert.deepEqual(kinds(found), ['headers', 'sync', 'frame', 'frame']);
  assert.equal(found.stats.skippedBytes, openCluster(0).length + 20);
});

test('attachments in the header are dropped when large, and a header too large is given up', () => {
  const picture = forgeElement(0x1941a469, filler(1_000_000));
  const withPicture = replay([forgeMatroskaHeader(picture), openCluster(0)], [60_000]);
  assert.equal(withPicture.headers[0]?.data.length, header.length);
  const tooLarge = forgeMatroskaHeader(forgeElement(0x1654ae6b, filler(140_000)));
  const found = replay([header, openCluster(0), tooLarge, openCluster(0), header, openCluster(0)], [60_000]);
  assert.deepEqual(kinds(found), ['headers', 'sync', 'frame', 'frame', 'headers', 'sync', 'frame', 'frame']);
});

test('a cluster without blocks is passed on', () => {
  const found = replay([header, openCluster(0, 0), openCluster(20, 1)]);
  assert.deepEqual(kinds(found), ['headers', 'sync', 'sync']);
});

test('garbage never throws, no byte is lost from the count, and any split gives the same', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.constantFrom(
      header,
      openCluster(0),
      knownCluster(0),
      forgeTracks(),
      header.subarray(0, 30),
      Uint8Array.of(0x1f, 0x43, 0xb6, 0x75),
    ),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      (pieces, cuts) => {
        const whole = replay(pieces);
        assert.equal(digestReplay(replay(pieces, cuts)), digestReplay(whole));
        assert.ok(whole.output.length + whole.stats.skippedBytes <= Buffer.concat(pieces).length);
      },
    ),
    { numRuns: 200 },
  );
});
