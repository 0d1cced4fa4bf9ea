import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ascii,
  filler,
  forgeElement,
  forgeMatroskaHeader,
  forgeOpenElement,
  forgeTracks,
} from '../../../../test/fixtures/audio/forge-containers.ts';
import { readAudioFixture } from '../../../../test/fixtures/audio/replay-splitter.ts';
import { nameMatroskaCodec, parseMatroskaHeader } from './matroska-header.ts';

test('real headers tell time scale, track and tags', () => {
  const live = parseMatroskaHeader(readAudioFixture('live-opus.webm').subarray(0, 426));
  assert.deepEqual(live.audio && { ...live.audio, type: undefined }, {
    codecId: 'A_OPUS',
    sampleRateHz: 48_000,
    channels: 2,
    blockUs: 0,
    type: undefined,
  });
  assert.deepEqual([live.tickUs, live.hasVideo], [1000, false]);
  assert.deepEqual([live.tags.get('title'), live.tags.get('artist')], ['Fixture', 'Tone']);
  const file = parseMatroskaHeader(readAudioFixture('vorbis.mkv').subarray(0, 4359));
  assert.deepEqual([file.audio?.codecId, file.audio?.sampleRateHz], ['A_VORBIS', 44_100]);
});

test('time scale and the playing time of a block are microseconds', () => {
  const info = forgeElement(0x1549a966, forgeElement(0x2ad7b1, Uint8Array.of(0x03, 0xe8)));
  const entry = forgeElement(
    0xae,
    forgeElement(0x83, Uint8Array.of(2)),
    forgeElement(0x23e383, Uint8Array.of(0x01, 0x31, 0x2d, 0)),
  );
  const header = parseMatroskaHeader(forgeMatroskaHeader(info, forgeElement(0x1654ae6b, entry)));
  assert.equal(header.tickUs, 1);
  assert.equal(header.audio?.blockUs, 20_000);
  assert.deepEqual(
    [header.audio.sampleRateHz, header.audio.channels],
    [8000, 1],
    'the defaults of the format',
  );
});

test('the first audio track counts, and video is noticed', () => {
  const header = parseMatroskaHeader(
    Buffer.concat([
      forgeElement(0x1a45dfa3),
      forgeOpenElement(0x18538067, forgeTracks('V_VP8', 1), forgeTracks('A_VORBIS'), forgeTracks('A_OPUS')),
    ]),
  );
  assert.equal(header.hasVideo, true);
  assert.equal(header.audio?.codecId, 'A_VORBIS');
});

test('a time scale of 0 is not believed', () => {
  const info = forgeElement(0x1549a966, forgeElement(0x2ad7b1, Uint8Array.of(0)));
  assert.equal(parseMatroskaHeader(forgeMatroskaHeader(info)).tickUs, 1000);
});

test('tags are bounded', () => {
  const simple = (name: string, value: Uint8Array) =>
    forgeElement(0x67c8, forgeElement(0x45a3, ascii(name)), forgeElement(0x4487, value));
  const many = Array.from({ length: 200 }, (_, index) => simple(`K${index}`, filler(2000)));
  const { tags } = parseMatroskaHeader(
    forgeMatroskaHeader(forgeElement(0x1254c367, forgeElement(0x7373, ...many))),
  );
  assert.equal(tags.size, 64);
  for (const value of tags.values()) assert.ok(value.length <= 1024);
});

test('codecs have short names', () => {
  const names = ['A_OPUS', 'A_VORBIS', 'A_FLAC', 'A_MPEG/L3', 'A_AAC/MPEG4/LC', 'A_PCM/INT/LIT'].map(
    nameMatroskaCodec,
  );
  assert.deepEqual(names, ['Opus', 'Vorbis', 'FLAC', 'MP3', 'AAC', 'PCM']);
});

test('garbage never throws', () => {
  const start = forgeMatroskaHeader();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(start.length), (bytes, at) => {
      parseMatroskaHeader(bytes);
      const damaged = Uint8Array.from(start);
      damaged.set(bytes.subarray(0, start.length - at), at);
      assert.ok(parseMatroskaHeader(damaged).tickUs > 0);
    }),
  );
});
