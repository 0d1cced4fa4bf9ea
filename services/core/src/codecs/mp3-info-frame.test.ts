import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Mp3Spec, mp3Frame, mp3InfoFrame } from '../../../../test/fixtures/audio/forge-frames.ts';
import { parseMp3Header } from './mp3-header.ts';
import { isMp3InfoFrame } from './mp3-info-frame.ts';

const isInfo = (frame: Uint8Array): boolean => isMp3InfoFrame(parseMp3Header(frame)!, frame);

const specs: Mp3Spec[] = [1, 2, 2.5].flatMap((version) =>
  ([0, 3] as const).map((mode) => ({ version: version as 1 | 2 | 2.5, rateIndex: 0, bitrateIndex: 9, mode })),
);

test('all three kinds are recognised in every version and channel mode', () => {
  for (const spec of specs) {
    for (const name of ['Info', 'Xing', 'VBRI'] as const) {
      assert.ok(isInfo(mp3InfoFrame(spec, name)), `${name} ${JSON.stringify(spec)}`);
    }
    assert.equal(isInfo(mp3Frame(spec)), false);
  }
});

test('with a CRC the name may stand two bytes later', () => {
  const frame = mp3Frame({ version: 1, rateIndex: 0, bitrateIndex: 9, hasCrc: true });
  frame.fill(0, 4);
  frame.set(Buffer.from('Xing\0\0\0\x0f', 'latin1'), 38);
  assert.ok(isInfo(frame));
  frame[1] = 0xfb;
  assert.equal(isInfo(frame), false);
});

test('sound that happens to spell the name is kept', () => {
  const frame = mp3Frame({ version: 1, rateIndex: 0, bitrateIndex: 9 });
  frame.set(Buffer.from('Info\x12\x34\x56\x78', 'latin1'), 36);
  assert.equal(isInfo(frame), false);
  frame.set(Buffer.from('VBRI\x12\x34', 'latin1'), 36);
  assert.equal(isInfo(frame), false);
});

test('a frame too short for a name is no such frame', () => {
  const short = mp3Frame({ version: 2.5, rateIndex: 0, bitrateIndex: 0, freeBytes: 30, mode: 0 });
  assert.equal(isInfo(short), false);
});
