import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { adtsFrame, filler, id3v2Tag, mp3Frame } from '../../../../test/fixtures/audio/forge-frames.ts';
import type { Codec } from './frame-splitter.ts';
import { contentTypeOf, maxSniffBytes, sniffCodec } from './sniff-codec.ts';

const repeat = (frame: Uint8Array, count: number): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, () => frame));
const mp3 = repeat(mp3Frame({ version: 1, rateIndex: 0, bitrateIndex: 9 }), 12);
const adts = repeat(adtsFrame({ rateIndex: 4, channelConfig: 2, frameBytes: 371 }), 12);

const oggPage = (packet: string, flags = 2): Buffer => {
  const head = Buffer.alloc(28);
  head.write('OggS');
  head[5] = flags;
  head[26] = 1;
  head[27] = packet.length;
  return Buffer.concat([head, Buffer.from(packet, 'latin1')]);
};

const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../../test/fixtures/audio/${name}`, import.meta.url)).subarray(
    0,
    maxSniffBytes,
  );

test('the bytes decide, whatever type is declared', () => {
  const streams: [string, Uint8Array, Codec][] = [
    ['MP3', mp3, 'mp3'],
    ['ADTS', adts, 'aac'],
    ['a real MP3 file', fixture('mp3-44100-stereo-cbr128.mp3'), 'mp3'],
    ['a real MPEG-2.5 file', fixture('mp3-8000-mono-mpeg25.mp3'), 'mp3'],
    ['a real ADTS file with ID3', fixture('aac-24000-mono-id3.aac'), 'aac'],
    ['layer II, which is not split', fixture('mp2-48000-stereo.mp2'), 'opaque'],
    [
      'free format',
      repeat(mp3Frame({ version: 1, rateIndex: 0, bitrateIndex: 0, freeBytes: 1100 }), 4),
      'mp3',
    ],
    ['Vorbis', oggPage('\x01vorbis\0\0'), 'ogg-vorbis'],
    ['Opus', oggPage('OpusHead\x01'), 'ogg-opus'],
    ['FLAC in Ogg', oggPage('\x7fFLAC\x01'), 'ogg-flac'],
    ['Speex', oggPage('Speex   1.2'), 'ogg-speex'],
    ['another codec in Ogg', oggPage('\x80theora\x03'), 'ogg'],
    ['Ogg joined in the middle', oggPage('\x01vorbis', 0), 'ogg'],
    ['FLAC', Buffer.from('fLaC\0\0\0\x22', 'latin1'), 'flac'],
    ['FLAC after ID3', Buffer.concat([id3v2Tag(100), Buffer.from('fLaC')]), 'flac'],
    ['Matroska', Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), 'matroska'],
  ];
  for (const [name, head, codec] of streams) {
    for (const type of [
      undefined,
      'audio/mpeg',
      'audio/aac',
      'application/ogg',
      'audio/webm',
      'audio/x-unheard-of',
    ]) {
      assert.deepEqual(sniffCodec(head, type), { codec, certain: true }, `${name} as ${type}`);
    }
  }
});

test('a stream joined in the middle of a frame is recognised', () => {
  assert.deepEqual(sniffCodec(mp3.subarray(100), 'audio/aac'), { codec: 'mp3', certain: true });
  assert.deepEqual(sniffCodec(adts.subarray(100), undefined), { codec: 'aac', certain: true });
});

test('frames inside a container of an unknown type are not taken for the stream', () => {
  const transportStream = Buffer.concat([Buffer.from([0x47, 0x41, 0x00, 0x10]), adts]);
  assert.deepEqual(sniffCodec(transportStream, 'video/mp2t'), { codec: 'opaque', certain: true });
  assert.deepEqual(sniffCodec(adts, 'video/mp2t'), { codec: 'aac', certain: true });
});

test('the declared type decides when 4 KiB do not tell', () => {
  const types: [string | undefined, Codec][] = [
    ['audio/mpeg', 'mp3'],
    ['Audio/MPEG; charset=x', 'mp3'],
    ['audio/aac', 'aac'],
    ['audio/aacp', 'aac'],
    ['audio/x-aac', 'aac'],
    ['application/ogg', 'ogg'],
    ['audio/ogg; codecs=opus', 'ogg'],
    ['audio/flac', 'flac'],
    ['audio/webm', 'matroska'],
    ['video/webm', 'matroska'],
    ['application/octet-stream', 'opaque'],
    ['audio/wav', 'opaque'],
    ['', 'opaque'],
    [undefined, 'opaque'],
  ];
  for (const [type, codec] of types) {
    assert.deepEqual(sniffCodec(filler(maxSniffBytes), type), { codec, certain: true }, type);
  }
});

test('with less, the answer stays open, and the best guess is given', () => {
  assert.deepEqual(sniffCodec(new Uint8Array(0), 'audio/mpeg'), { codec: 'mp3', certain: false });
  assert.deepEqual(sniffCodec(mp3.subarray(0, 400), undefined), { codec: 'mp3', certain: false });
  assert.deepEqual(sniffCodec(adts.subarray(0, 371), undefined), { codec: 'aac', certain: false });
  assert.deepEqual(sniffCodec(adts.subarray(0, 371), 'video/mp2t'), { codec: 'aac', certain: false });
  assert.deepEqual(sniffCodec(filler(4000), 'audio/aac'), { codec: 'aac', certain: false });
  assert.deepEqual(sniffCodec(Buffer.from('Og'), 'audio/mpeg'), { codec: 'ogg', certain: false });
  assert.deepEqual(sniffCodec(oggPage('Opus'), undefined), { codec: 'ogg', certain: false });
});

test('a tag longer than 4 KiB leaves the type to decide, else MP3', () => {
  const head = id3v2Tag(9000).subarray(0, 4096);
  assert.deepEqual(sniffCodec(head, undefined), { codec: 'mp3', certain: true });
  assert.deepEqual(sniffCodec(head, 'audio/aacp'), { codec: 'aac', certain: true });
  assert.deepEqual(sniffCodec(head.subarray(0, 20), 'audio/flac'), { codec: 'flac', certain: true });
  assert.deepEqual(sniffCodec(id3v2Tag(900), 'audio/aac'), { codec: 'aac', certain: false });
});

test('no bytes make it throw, and 4 KiB always settle it', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.option(fc.string(), { nil: undefined }),
      (bytes, type) => {
        sniffCodec(bytes, type);
        const head = Buffer.concat([bytes, filler(maxSniffBytes)]);
        assert.equal(sniffCodec(head, type).certain, true);
        const types = contentTypeOf('opaque', type);
        assert.match(types, /^[\x20-\x7e]+$/);
      },
    ),
  );
});

test('once certain, more bytes do not change the answer', () => {
  for (const stream of [
    mp3,
    adts,
    mp3.subarray(77),
    Buffer.concat([id3v2Tag(50), adts]),
    oggPage('OpusHead', 2),
  ]) {
    const answers = Array.from({ length: stream.length + 1 }, (_, n) =>
      sniffCodec(stream.subarray(0, n), undefined),
    );
    const first = answers.findIndex((answer) => answer.certain);
    assert.ok(first > 0);
    assert.ok(
      answers.slice(first).every((answer) => answer.certain && answer.codec === answers[first]!.codec),
    );
  }
});

test('listeners are told the declared type where it fits, else the right one', () => {
  const cases: [Codec, string | undefined, string][] = [
    ['mp3', undefined, 'audio/mpeg'],
    ['mp3', 'audio/aacp', 'audio/mpeg'],
    ['aac', 'audio/mpeg', 'audio/aac'],
    ['aac', 'audio/aacp', 'audio/aacp'],
    ['aac', 'audio/x-aac', 'audio/aac'],
    ['ogg-vorbis', undefined, 'application/ogg'],
    ['ogg-opus', 'audio/ogg; codecs=opus', 'audio/ogg; codecs=opus'],
    ['ogg', 'video/ogg', 'video/ogg'],
    ['ogg-flac', 'audio/flac', 'application/ogg'],
    ['flac', 'application/ogg', 'audio/flac'],
    ['matroska', undefined, 'audio/webm'],
    ['matroska', 'video/webm', 'video/webm'],
    ['matroska', 'audio/x-matroska', 'audio/x-matroska'],
    ['matroska', 'audio/mpeg', 'audio/webm'],
    ['opaque', 'audio/wav', 'audio/wav'],
    ['opaque', undefined, 'application/octet-stream'],
    ['opaque', 'text', 'application/octet-stream'],
    ['opaque', 'audio/wav\r\nX-Evil: 1', 'application/octet-stream'],
    ['matroska', 'audio/webm;\r\nX-Evil: 1', 'audio/webm'],
  ];
  for (const [codec, declared, expected] of cases)
    assert.equal(contentTypeOf(codec, declared), expected, declared);
});
