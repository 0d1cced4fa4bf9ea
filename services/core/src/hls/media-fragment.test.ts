import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mediaFragment } from './media-fragment.ts';
import type { OpusConfig, Sample } from './track.ts';

const config: OpusConfig = {
  codec: 'opus',
  timescale: 48_000,
  channels: 2,
  preSkip: 312,
  inputSampleRateHz: 48_000,
  outputGain: 0,
  mappingFamily: 0,
  mapping: new Uint8Array(0),
};
const title = { title: 'T1', artist: 'A1', url: '' };
const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');
const compact = (text: string) => text.replaceAll(/\s/g, '').toLowerCase();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const sample = (durationTicks: number, ...data: number[]): Sample => ({
  data: Uint8Array.from(data),
  durationTicks,
});

type Box = { type: string; body: Buffer; children: Box[] };
const parents = new Set(['moof', 'traf']);

/** Boxes that fill their place to the last byte. */
function walk(bytes: Buffer): Box[] {
  const boxes: Box[] = [];
  let at = 0;
  while (at < bytes.length) {
    const size = bytes.readUInt32BE(at);
    assert.ok(size >= 8 && at + size <= bytes.length, `a box of ${size} bytes at ${at}`);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + size);
    boxes.push({ type, body, children: parents.has(type) ? walk(body) : [] });
    at += size;
  }
  return boxes;
}

/** Reads a fragment by what its own flags say, as a player does. */
function parseFragment(bytes: Uint8Array) {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const boxes = walk(file);
  const moofIndex = boxes.findIndex(({ type }) => type === 'moof');
  assert.deepEqual(
    boxes.map(({ type }) => type),
    [...Array.from({ length: moofIndex }, () => 'emsg'), 'moof', 'mdat'],
  );
  const [mfhd, traf] = boxes[moofIndex]!.children;
  const [tfhd, tfdt, trun] = traf!.children.map(({ body }) => body);
  assert.equal(tfhd!.readUInt32BE(4), 1);
  const tfhdFlags = tfhd!.readUInt32BE(0);
  assert.equal(tfhdFlags & 0x02_0020, 0x02_0020);
  const defaultDuration = tfhdFlags & 8 ? tfhd!.readUInt32BE(8) : undefined;
  assert.equal(tfhd!.readUInt32BE(tfhd!.length - 4), 0x0200_0000);
  const hasDurations = (trun!.readUInt32BE(0) & 0x100) !== 0;
  assert.equal(hasDurations, defaultDuration === undefined);
  const moofAt = boxes.slice(0, moofIndex).reduce((sum, { body }) => sum + 8 + body.length, 0);
  let dataAt = moofAt + trun!.readInt32BE(8);
  let at = 12;
  const samples = Array.from({ length: trun!.readUInt32BE(4) }, () => {
    const durationTicks = defaultDuration ?? trun!.readUInt32BE(at);
    if (hasDurations) at += 4;
    const data = Uint8Array.from(file.subarray(dataAt, dataAt + trun!.readUInt32BE(at)));
    at += 4;
    dataAt += data.length;
    return { data, durationTicks };
  });
  assert.equal(at, trun!.length);
  assert.equal(dataAt, file.length);
  return {
    sequence: mfhd!.body.readUInt32BE(4),
    baseTicks: Number(tfdt!.readBigUInt64BE(4)),
    titles: boxes.slice(0, moofIndex).map(({ body }) => ({
      atTicks: Number(body.readBigUInt64BE(8)),
      id: body.readUInt32BE(20),
    })),
    samples,
  };
}

test('samples of one duration share it, byte for byte', () => {
  const samples = [sample(960, 1, 2, 3), sample(960, 4)];
  const expected = `
    00000068 ${ascii('moof')}
      00000010 ${ascii('mfhd')} 00000000 00000005
      00000050 ${ascii('traf')}
        00000018 ${ascii('tfhd')} 00020028 00000001 000003C0 02000000
        00000014 ${ascii('tfdt')} 01000000 0000000000000780
        0000001C ${ascii('trun')} 00000201 00000002 00000070 00000003 00000001
    0000000C ${ascii('mdat')} 01020304`;
  assert.equal(
    hex(mediaFragment({ config, sequence: 5, baseTicks: 1920, samples, titles: [] })),
    compact(expected),
  );
});

test('samples of several durations bring their own, byte for byte', () => {
  const samples = [sample(960, 1, 2, 3), sample(2880, 4)];
  const expected = `
    0000006C ${ascii('moof')}
      00000010 ${ascii('mfhd')} 00000000 00000001
      00000054 ${ascii('traf')}
        00000014 ${ascii('tfhd')} 00020020 00000001 02000000
        00000014 ${ascii('tfdt')} 01000000 0000000000000000
        00000024 ${ascii('trun')} 00000301 00000002 00000074 000003C0 00000003 00000B40 00000001
    0000000C ${ascii('mdat')} 01020304`;
  assert.equal(
    hex(mediaFragment({ config, sequence: 1, baseTicks: 0, samples, titles: [] })),
    compact(expected),
  );
});

test('titles stand before the fragment in the order given', () => {
  const samples = [sample(960, 1), sample(960, 2)];
  const titles = [
    { atTicks: 2 ** 40, id: 7, title },
    { atTicks: 2 ** 40 + 960, id: 8, title },
  ];
  const bytes = Buffer.from(mediaFragment({ config, sequence: 1, baseTicks: 2 ** 40, samples, titles }));
  const expected = `
    00000064 ${ascii('emsg')} 01000000 0000BB80 0000010000000000 FFFFFFFF 00000007
      ${ascii('https://aomedia.org/emsg/ID3\0\0')}
      4944330400000000001C 54495432 00000004 0000 03543100 54504531 00000004 0000 03413100`;
  assert.equal(hex(bytes.subarray(0, 0x64)), compact(expected));
  assert.deepEqual(
    parseFragment(bytes).titles,
    titles.map(({ atTicks, id }) => ({ atTicks, id })),
  );
});

test('nothing to play makes no fragment', () => {
  const of = (...samples: Sample[]) =>
    mediaFragment({ config, sequence: 1, baseTicks: 0, samples, titles: [] });
  assert.throws(() => of(), RangeError);
  assert.throws(() => of(sample(960)), RangeError);
  assert.throws(() => of(sample(960, 1), sample(960)), RangeError);
});

test('times that are no whole ticks are refused', () => {
  for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53]) {
    const samples = [sample(960, 1)];
    const options = { config, sequence: 1, baseTicks: 0, samples, titles: [] };
    assert.throws(() => mediaFragment({ ...options, baseTicks: wrong }), RangeError);
    assert.throws(() => mediaFragment({ ...options, samples: [sample(wrong, 1)] }), RangeError);
    const titles = [{ atTicks: wrong, id: 1, title }];
    assert.throws(() => mediaFragment({ ...options, titles }), RangeError);
  }
});

test('samples of 64 KiB and more keep their sizes', () => {
  const samples = [65_535, 65_536, 65_537, 1_500_000].map((length, index) => ({
    data: new Uint8Array(length).fill(index + 1),
    durationTicks: 4608,
  }));
  const read = parseFragment(mediaFragment({ config, sequence: 1, baseTicks: 0, samples, titles: [] }));
  assert.deepEqual(
    read.samples.map(({ data }) => [data.length, data[0], data.at(-1)]),
    samples.map(({ data }) => [data.length, data[0], data[0]]),
  );
});

test('any fragment reads back as it was given and fills its one buffer', () => {
  const anySample = fc.record({
    data: fc.uint8Array({ minLength: 1, maxLength: 600 }),
    durationTicks: fc.oneof(fc.constant(1024), fc.nat({ max: 0xffff_ffff })),
  });
  const anyTitle = fc.record({
    atTicks: fc.maxSafeNat(),
    id: fc.nat({ max: 0xffff_ffff }),
    title: fc.record({ title: fc.string(), artist: fc.string(), url: fc.string() }),
  });
  fc.assert(
    fc.property(
      fc.nat({ max: 0xffff_ffff }),
      fc.maxSafeNat(),
      fc.array(anySample, { minLength: 1, maxLength: 40 }),
      fc.array(anyTitle, { maxLength: 3 }),
      (sequence, baseTicks, samples, titles) => {
        const bytes = mediaFragment({ config, sequence, baseTicks, samples, titles });
        assert.equal(bytes.length, bytes.buffer.byteLength);
        assert.deepEqual(parseFragment(bytes), {
          sequence,
          baseTicks,
          titles: titles.map(({ atTicks, id }) => ({ atTicks, id })),
          samples: samples.map(({ data, durationTicks }) => ({ data: Uint8Array.from(data), durationTicks })),
        });
      },
    ),
    { endOnFailure: true },
  );
});
