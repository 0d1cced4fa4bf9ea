import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  adtsFrame,
  apeTag,
  filler,
  id3v1Tag,
  id3v2Tag,
  mp3Frame,
} from '../../../../test/fixtures/audio/forge-frames.ts';
import { runSplitter } from '../../../../test/fixtures/audio/run-splitter.ts';
import { AdtsSplitter } from './adts-splitter.ts';
import type { FrameSplitter } from './frame-splitter.ts';
import { Mp3Splitter } from './mp3-splitter.ts';
import { maxTagBytes } from './tag-skipper.ts';

const kinds: readonly { name: string; make: () => FrameSplitter; frame: Uint8Array }[] = [
  {
    name: 'MP3',
    make: () => new Mp3Splitter(),
    frame: mp3Frame({ version: 1, rateIndex: 0, bitrateIndex: 9 }),
  },
  {
    name: 'ADTS',
    make: () => new AdtsSplitter(),
    frame: adtsFrame({ rateIndex: 4, channelConfig: 2, frameBytes: 371 }),
  },
];

for (const { name, make, frame } of kinds) {
  const frames = (count: number): Uint8Array => Buffer.concat(Array.from({ length: count }, () => frame));

  test(`${name}: tags at the start and in the stream are neither skipped bytes nor a loss`, () => {
    const tags = [id3v2Tag(0), id3v2Tag(20_000), id3v2Tag(70_000, true), id3v1Tag(), apeTag(50)];
    const everyTag = Buffer.concat(tags);
    const input = Buffer.concat([everyTag, frames(3), ...tags.flatMap((tag) => [tag, frames(2)]), everyTag]);
    for (const cuts of [[], [1000], [7]]) {
      assert.deepEqual(runSplitter(make(), input, cuts).stats, { frames: 13, skippedBytes: 0, resyncs: 0 });
    }
  });

  test(`${name}: the frame after a tag is given out with its last byte`, () => {
    const splitter = make();
    splitter.push(frames(3));
    splitter.push(id3v2Tag(100));
    assert.equal(splitter.push(frame).length, 1);
  });

  test(`${name}: a tag that ends with the stream harms nothing`, () => {
    const input = Buffer.concat([frames(3), id3v2Tag(100, false, 2_000_000)]);
    assert.deepEqual(runSplitter(make(), input).stats, { frames: 3, skippedBytes: 0, resyncs: 0 });
  });

  test(`${name}: a tag of 16 MiB is passed over whole`, () => {
    const splitter = make();
    splitter.push(frames(3));
    splitter.push(id3v2Tag(0, false, maxTagBytes - 10));
    const part = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 15; i++) assert.equal(splitter.push(part).length, 0);
    splitter.push(part.subarray(10));
    assert.equal(splitter.push(frame).length, 1);
    assert.deepEqual(splitter.stats, { frames: 4, skippedBytes: 0, resyncs: 0 });
  });

  test(`${name}: a tag that claims 256 MiB mutes a live stream for 16 MiB only`, () => {
    const splitter = make();
    splitter.push(frames(3));
    splitter.push(id3v2Tag(0, false, 0x0fffffff));
    const many = frames(1000);
    let pushedBytes = 0;
    let firstAt = 0;
    while (firstAt === 0 && pushedBytes < 2 * maxTagBytes) {
      pushedBytes += many.length;
      if (splitter.push(many).length > 0) firstAt = pushedBytes;
    }
    assert.ok(firstAt >= maxTagBytes - 10 && firstAt <= maxTagBytes + many.length, `${firstAt}`);
    assert.equal(splitter.stats.resyncs, 1);
    assert.ok(splitter.stats.skippedBytes < frame.length);
  });

  test(`${name}: where a tag was cut short, a lone header is not believed`, () => {
    const splitter = make();
    splitter.push(frames(3));
    splitter.push(id3v2Tag(0, false, 0x0fffffff));
    splitter.push(Buffer.alloc(maxTagBytes - 10));
    splitter.push(Buffer.concat([frame, filler(3 * frame.length)]));
    assert.deepEqual(splitter.stats, { frames: 3, skippedBytes: 4 * frame.length, resyncs: 1 });
  });

  test(`${name}: what only looks like a tag is garbage`, () => {
    for (const text of [
      'ID3\x04\x00\x00\x80\x00\x00\x00',
      'ID3\x09\x00\x00\x00\x00\x00\x00',
      'APETAGES',
      'APETAGEX'.padEnd(40),
    ]) {
      const lookalike = Buffer.from(text, 'latin1');
      const { stats } = runSplitter(make(), Buffer.concat([frames(3), lookalike, frames(3)]), [5]);
      assert.deepEqual(stats, { frames: 6, skippedBytes: lookalike.length, resyncs: 1 });
    }
  });

  test(`${name}: after the end it starts afresh`, () => {
    const splitter = make();
    splitter.push(frames(3));
    splitter.push(frame.subarray(0, 100));
    assert.equal(splitter.flush().length, 0);
    assert.equal(splitter.push(frames(2)).length, 2);
    assert.deepEqual(splitter.stats, { frames: 5, skippedBytes: 100, resyncs: 0 });
  });

  test(`${name}: frames come out as they went in, however large the pieces`, () => {
    const input = Buffer.concat([filler(100), frames(2000)]);
    const { frames: found, stats } = runSplitter(make(), input, [300_000]);
    assert.equal(stats.frames, 2000);
    assert.ok(found.every((f) => Buffer.compare(f.data, frame) === 0));
  });
}
