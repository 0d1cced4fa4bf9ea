import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ascii,
  filler,
  forgeOggPage,
  forgeVorbisLink,
} from '../../../../test/fixtures/audio/forge-containers.ts';
import {
  digestReplay,
  readAudioFixture,
  replaySplitter,
} from '../../../../test/fixtures/audio/replay-splitter.ts';
import { OggSplitter } from './ogg-splitter.ts';

const replay = (input: Uint8Array | readonly Uint8Array[], cuts: readonly number[] = []) =>
  replaySplitter(new OggSplitter(), input instanceof Uint8Array ? input : Buffer.concat(input), cuts);

test('real files give as many pages and seconds as ffprobe counts, and every byte', () => {
  const files = [
    {
      name: 'vorbis.ogg',
      frames: 17,
      us: 3_500_000,
      codec: 'ogg-vorbis',
      rate: 44_100,
      channels: 2,
      header: [3944],
    },
    {
      name: 'opus.ogg',
      frames: 41,
      us: 4_000_000,
      codec: 'ogg-opus',
      rate: 48_000,
      channels: 2,
      header: [153],
    },
    {
      name: 'flac.oga',
      frames: 6,
      us: 1_200_000,
      codec: 'ogg-flac',
      rate: 44_100,
      channels: 1,
      header: [178],
    },
    {
      name: 'speex.ogg',
      frames: 13,
      us: 4_991_062,
      codec: 'ogg-speex',
      rate: 16_000,
      channels: 1,
      header: [207],
    },
    {
      name: 'chained.ogg',
      frames: 27,
      us: 5_500_000,
      codec: 'ogg-vorbis',
      rate: 48_000,
      channels: 1,
      header: [3944, 3545],
    },
    {
      name: 'theora-vorbis.ogv',
      frames: 7,
      us: 1_500_000,
      codec: 'ogg',
      rate: 44_100,
      channels: 1,
      header: [6875],
    },
  ];
  for (const { name, frames, us, codec, rate, channels, header } of files) {
    const file = readAudioFixture(name);
    const found = replay(file, [1448]);
    assert.deepEqual(found.stats, { frames, skippedBytes: 0, resyncs: 0 }, name);
    assert.equal(found.durationUs, us, name);
    assert.deepEqual(
      [found.format.codec, found.format.sampleRateHz, found.format.channels],
      [codec, rate, channels],
    );
    assert.deepEqual(
      found.headers.map(({ data }) => data.length),
      header,
      name,
    );
    assert.deepEqual(Buffer.from(found.output), Buffer.from(file), name);
  }
});

test('titles are told right before the headers that carry them', () => {
  const { events } = replay(readAudioFixture('chained.ogg'));
  const told = events.flatMap((event, index) =>
    event.type === 'tags' ? [[event.title, event.artist, events[index + 1]?.type]] : [],
  );
  assert.deepEqual(told, [
    ['Fixture', 'Tone', 'headers'],
    ['Second', 'Other', 'headers'],
  ]);
});

test('nominal bitrate and short name are told', () => {
  const { format } = replay(readAudioFixture('vorbis.ogg'));
  assert.equal(format.subtype, 'Vorbis');
  assert.equal(format.bitrateKbps, 64);
  assert.deepEqual(new OggSplitter().format, { codec: 'ogg' });
});

test('any split of the bytes gives the same events', () => {
  const files = ['chained.ogg', 'flac.oga', 'theora-vorbis.ogv'].map((name) => {
    const file = readAudioFixture(name);
    return { file, whole: digestReplay(replay(file)) };
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }),
      ({ file, whole }, cuts) => {
        assert.equal(digestReplay(replay(file, cuts)), whole);
      },
    ),
    { numRuns: 30 },
  );
  assert.equal(digestReplay(replay(files[1]!.file, [1])), files[1]!.whole);
});

test('damage costs the pages it lies on and no others', () => {
  const file = readAudioFixture('vorbis.ogg');
  const whole = replay(file);
  const headerBytes = whole.headers[0]!.data.length;
  fc.assert(
    fc.property(
      fc.integer({ min: headerBytes, max: file.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (at, flip) => {
        const damaged = file.slice();
        damaged[at] = damaged[at]! ^ flip;
        const found = replay(damaged, [700]);
        assert.equal(found.stats.frames, whole.stats.frames - 1);
        assert.equal(found.output.length + found.stats.skippedBytes, file.length);
        assert.ok(found.stats.resyncs <= 1);
      },
    ),
    { numRuns: 60 },
  );
});

test('whatever is mixed into a stream, no byte is lost from the count and all good pages come out', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constant(ascii('OggS')),
    fc.constant(ascii('OggS\0\0')),
    fc
      .uint8Array({ minLength: 23, maxLength: 60 })
      .map((bytes) => Buffer.concat([ascii('OggS\0\0'), bytes.fill(0, 20, 23)])),
  );
  const link = forgeVorbisLink(5, ['title=a'], [1000, 2000, 3000]);
  fc.assert(
    fc.property(
      fc.array(piece, { minLength: 5, maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
      (junk, cuts) => {
        const input = Buffer.concat(link.flatMap((page, index) => [junk[index]!, page]));
        const found = replay(input, cuts);
        assert.equal(found.output.length + found.stats.skippedBytes, input.length);
        assert.equal(digestReplay(found), digestReplay(replay(input)));
        assert.equal(found.stats.frames, 3);
      },
    ),
    { numRuns: 100 },
  );
});

test('a page that only claims to be long hides nothing that stands inside it', () => {
  const [first, second, ...data] = forgeVorbisLink(5, [], [1000, 2000, 3000]);
  const claim = Buffer.concat([
    ascii('OggS'),
    new Uint8Array(22),
    Uint8Array.of(255),
    new Uint8Array(255).fill(255),
  ]);
  const found = replay([first!, second!, data[0]!, claim, data[1]!, data[2]!]);
  assert.equal(found.stats.frames, 3);
  assert.equal(found.stats.skippedBytes, claim.length);
});

test('many false pages within another are given up together', () => {
  // Each claims to be of full length, so that each would cost a checksum over 64 KiB.
  const claim = Buffer.concat([
    ascii('OggS'),
    new Uint8Array(22),
    Uint8Array.of(255),
    new Uint8Array(255).fill(255),
  ]);
  const claims = Buffer.concat(Array.from({ length: 2000 }, () => claim));
  const link = forgeVorbisLink(5, [], [1000, 2000]);
  const found = replay([...link.slice(0, 3), claims, new Uint8Array(70_000), ...link.slice(3)]);
  assert.equal(found.stats.frames, 2);
  assert.equal(found.stats.resyncs, 1);
});

test('pages before the first BOS page and of streams that never began are passed over', () => {
  const [first, second, data] = forgeVorbisLink(5, [], [1000]);
  const stray = forgeOggPage({ serial: 99, packets: [filler(10)] });
  const found = replay([data!, stray, first!, second!, stray, data!]);
  assert.deepEqual(
    found.events.map((event) => event.type),
    ['tags', 'headers', 'frame'],
  );
  assert.equal(found.stats.skippedBytes, data!.length + 2 * stray.length);
});

test('a sync point is a page with data that does not continue a packet', () => {
  const headers = forgeVorbisLink(5, [], []);
  const pages = [
    forgeOggPage({ serial: 5, sequence: 2, granule: 100, packets: [filler(10)] }),
    forgeOggPage({ serial: 5, sequence: 3, granule: 200, flags: 1, packets: [filler(10)] }),
    forgeOggPage({ serial: 5, sequence: 4, granule: 200, flags: 4 }),
  ];
  assert.deepEqual(
    replay([...headers, ...pages]).frames.map((frame) => frame.syncPoint),
    [true, false, false],
  );
});

test('jumps of the granule position give at most ten seconds, and nothing backwards', () => {
  const durations = (granules: number[]) =>
    replay(forgeVorbisLink(5, [], granules)).frames.map((frame) => frame.durationUs);
  assert.deepEqual(durations([44_100, 88_200, 1e12, 1e12 + 441]), [1e6, 1e6, 10e6, 10_000]);
  assert.deepEqual(durations([44_100, 22_050, 44_100]), [1e6, 0, 500_000]);
  assert.deepEqual(durations([44_100, -1, 88_200]), [1e6, 0, 1e6]);
  assert.deepEqual(durations([1e12, 1e12 + 44_100]), [0, 1e6], 'a source that joined a running stream');
});

test('garbage never throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      const found = replay(bytes, [37]);
      assert.equal(found.output.length + found.stats.skippedBytes, bytes.length);
    }),
  );
});
