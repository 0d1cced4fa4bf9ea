import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ascii,
  filler,
  forgeOggPage,
  forgeVorbisCommentPacket,
  forgeVorbisIdentification,
  forgeVorbisLink,
  forgeVorbisSetup,
} from '../../../../test/fixtures/audio/forge-containers.ts';
import { replaySplitter } from '../../../../test/fixtures/audio/replay-splitter.ts';
import { readOggPages } from './ogg-packets.ts';
import { encodeOggPage } from './ogg-page.ts';
import { OggSplitter } from './ogg-splitter.ts';

const replay = (input: Uint8Array | readonly Uint8Array[], cuts: readonly number[] = []) =>
  replaySplitter(new OggSplitter(), input instanceof Uint8Array ? input : Buffer.concat(input), cuts);

test('headers that are cut short by a new link are not given', () => {
  const broken = forgeVorbisLink(4, [], []).slice(0, 1);
  const found = replay([...broken, ...forgeVorbisLink(4, ['title=b'], [1000])]);
  assert.deepEqual(
    found.tags.map((tags) => tags.title),
    ['b'],
  );
  assert.equal(found.headers.length, 1);
  assert.equal(found.stats.skippedBytes, broken[0]!.length);
});

test('headers of several streams are gathered until all are whole', () => {
  const flac = Buffer.concat([ascii('\x7fFLAC\x01\0\0\x01fLaC'), new Uint8Array(38)]);
  const [vorbisFirst, vorbisSecond] = forgeVorbisLink(1, ['title=a'], []);
  const pages = [
    forgeOggPage({ serial: 7, flags: 2, packets: [Buffer.concat([ascii('fishead\0'), new Uint8Array(56)])] }),
    vorbisFirst!,
    forgeOggPage({ serial: 3, flags: 2, packets: [flac] }),
    forgeOggPage({ serial: 7, sequence: 1, packets: [ascii('fisbone\0')] }),
    vorbisSecond!,
    forgeOggPage({ serial: 3, sequence: 1, packets: [Uint8Array.of(0x84, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0)] }),
    forgeOggPage({ serial: 7, sequence: 2, flags: 4 }),
  ];
  const data = forgeOggPage({ serial: 1, sequence: 2, granule: 44_100, packets: [filler(9)] });
  const found = replay([...pages, data]);
  assert.deepEqual(
    found.events.map((event) => event.type),
    ['tags', 'headers', 'frame'],
  );
  assert.deepEqual(Buffer.from(found.headers[0]!.data), Buffer.concat(pages));
  assert.deepEqual([found.format.codec, found.format.subtype, found.durationUs], ['ogg', 'Vorbis', 1e6]);
});

test('a skeleton beside one audio stream does not hide its codec', () => {
  const [first, second, data] = forgeVorbisLink(1, [], [44_100]);
  const skeleton = forgeOggPage({ serial: 7, flags: 2, packets: [ascii('fishead\0')] });
  // Nothing says that the skeleton has ended: the audio does.
  const found = replay([skeleton, first!, second!, data!]);
  assert.equal(found.format.codec, 'ogg-vorbis');
  assert.equal(found.headers.length, 1);
  assert.equal(found.frames.length, 1);
});

test('of an unknown codec the pages at position 0 are headers', () => {
  const pages = [
    forgeOggPage({ flags: 2, packets: [ascii('NEWCODEC')] }),
    forgeOggPage({ sequence: 1, packets: [filler(20)] }),
    forgeOggPage({ sequence: 2, granule: 500, packets: [filler(20)] }),
    forgeOggPage({ sequence: 3, granule: 900, packets: [filler(20)] }),
  ];
  const found = replay(pages);
  assert.deepEqual(found.format, { codec: 'ogg' });
  assert.equal(readOggPages(found.headers[0]!.data).length, 2);
  assert.equal(found.frames.length, 2);
});

test('headers with a page missing are given up, their pages relayed, and the old headers withdrawn', () => {
  const good = forgeVorbisLink(1, [], [1000]);
  const [first, , data] = forgeVorbisLink(2, [], [44_100]);
  const found = replay([...good, first!, data!, data!, ...forgeVorbisLink(3, [], [1000])]);
  assert.deepEqual(
    found.headers.map(({ data: { length }, inBand }) => [length > 0, inBand]),
    [
      [true, true],
      [false, false],
      [true, true],
    ],
  );
  assert.equal(found.frames.length, 1 + 3 + 1);
  assert.equal(
    found.frames[1]?.syncPoint,
    false,
    'a BOS page without its other headers is no place to start',
  );
  assert.equal(found.stats.resyncs, 1);
});

test('headers that never end are given up at 256 KiB', () => {
  const first = forgeOggPage({ flags: 2, packets: [ascii('NEWCODEC')] });
  const more = forgeOggPage({ sequence: 1, packets: [filler(60_000)] });
  const found = replay([first, ...Array.from({ length: 8 }, () => more)]);
  assert.equal(found.headers.length, 0);
  assert.equal(found.frames.length, 9);
});

test('more streams than anyone multiplexes are given up', () => {
  const pages = Array.from({ length: 40 }, (_, serial) =>
    forgeOggPage({ serial, flags: 2, packets: [ascii('NEWCODEC')] }),
  );
  const found = replay(pages);
  assert.ok(found.stats.resyncs > 0);
  assert.equal(found.output.length + found.stats.skippedBytes, Buffer.concat(pages).length);
});

test('headers may spread over many pages', () => {
  const setup = forgeVorbisSetup(70_000);
  const pages = [forgeOggPage({ flags: 2, packets: [forgeVorbisIdentification()] })];
  const comment = forgeOggPage({ sequence: 1, packets: [forgeVorbisCommentPacket(['TITLE=long'])] });
  const lacing = new Uint8Array(255).fill(255);
  pages.push(comment);
  pages.push(
    encodeOggPage({
      flags: 0,
      granule: -1n,
      serial: 1,
      sequence: 2,
      lacing,
      body: setup.subarray(0, 65_025),
    }),
  );
  pages.push(forgeOggPage({ sequence: 3, flags: 1, packets: [setup.subarray(65_025)] }));
  const found = replay([...pages, forgeOggPage({ sequence: 4, granule: 10, packets: [filler(5)] })]);
  assert.equal(found.headers[0]?.data.length, Buffer.concat(pages).length);
  assert.equal(found.tags[0]?.title, 'long');
});
