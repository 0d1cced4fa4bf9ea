import assert from 'node:assert/strict';
import { test } from 'node:test';
import { id3Tag, titleFrames } from '@legacystream/core/hls/id3-tag.ts';
import fc from 'fast-check';

type Powers = {
  isApple: boolean;
  playsHls: boolean;
  isFed: boolean;
  isFedPieces: (type: string) => boolean;
};
type Wish = { type: string; hasHls: boolean; prefer?: string; powers: Powers };
type Cue = { startTime: number; value: { key?: string; data?: unknown } | undefined };

/** The scripts are for browsers; what is tested here needs none. */
const load = async (name: string): Promise<unknown> =>
  import(new URL(`./assets/${name}`, import.meta.url).href);
const { waysToPlay, dependsOnType } = (await load('stream-ways.js')) as {
  waysToPlay: (wish: Wish) => string[];
  dependsOnType: (wish: Partial<Wish>) => boolean;
};
const { titleOfCues, titleOfTag, TagTitles } = (await load('timed-titles.js')) as {
  titleOfCues: (cues: Cue[]) => string | undefined;
  titleOfTag: (tag: Uint8Array) => string | undefined;
  TagTitles: new (
    audio: EventTarget,
    onTitle: (title: string) => void,
  ) => { add(seconds: number, tag: Uint8Array): void; close(): void };
};
const { titleOfSource } = (await load('polled-titles.js')) as {
  titleOfSource: (source: { artist?: string; title?: string }) => string;
};

const isFedPieces = (type: string) => type === 'audio/mpeg' || type === 'audio/aac';
/** Chromium has HLS of its own by now, which tells no titles. */
const chromium: Powers = { isApple: false, playsHls: true, isFed: true, isFedPieces };
const firefox: Powers = { isApple: false, playsHls: false, isFed: true, isFedPieces: () => false };
const safari: Powers = { isApple: true, playsHls: true, isFed: true, isFedPieces };
const oldPhone: Powers = { isApple: true, playsHls: true, isFed: false, isFedPieces: () => false };
const ancient: Powers = { isApple: false, playsHls: false, isFed: false, isFedPieces: () => false };

const ways = (type: string, powers: Powers, prefer?: string) =>
  waysToPlay({ type, hasHls: true, powers, ...(prefer !== undefined && { prefer }) }).join(' ');

test('AAC, Opus and FLAC are played by HLS first, MP3 plainly where it can be gone on with exactly', () => {
  for (const type of ['audio/aac', 'audio/aacp', 'application/ogg', 'audio/ogg', 'audio/flac', '']) {
    assert.equal(ways(type, chromium), 'hls plain', type);
    assert.equal(ways(type, firefox), 'hls plain', type);
  }
  for (const type of ['audio/mpeg', 'audio/MP3', 'audio/mpeg; charset=x'])
    assert.equal(ways(type, chromium), 'plain hls', type);
  assert.equal(ways('audio/mpeg', firefox), 'hls plain');
});

test('browsers of Apple play HLS themselves, others never where they can be fed', () => {
  for (const type of ['audio/mpeg', 'audio/aac', '']) {
    assert.equal(ways(type, safari), 'native-hls plain');
    assert.equal(ways(type, oldPhone), 'native-hls plain');
    assert.equal(ways(type, ancient), 'plain');
    assert.equal(ways(type, { ...ancient, playsHls: true }), 'native-hls plain');
  }
});

test('a page may prefer a way, and a mount without HLS has only one', () => {
  assert.equal(ways('audio/mpeg', chromium, 'hls'), 'hls plain');
  assert.equal(ways('audio/aac', chromium, 'plain'), 'plain hls');
  assert.equal(ways('audio/aac', safari, 'plain'), 'plain native-hls');
  for (const powers of [chromium, safari, ancient])
    assert.deepEqual(waysToPlay({ type: 'audio/aac', hasHls: false, prefer: 'hls', powers }), ['plain']);
});

test('the type is asked for only where it decides something', () => {
  assert.equal(dependsOnType({ powers: chromium }), true);
  assert.equal(dependsOnType({ powers: chromium, prefer: 'hls' }), false);
  assert.equal(dependsOnType({ powers: safari }), false);
});

test('a title is made of the tag that began last, whatever else is still active', () => {
  const cue = (startTime: number, key: string, data: unknown): Cue => ({ startTime, value: { key, data } });
  assert.equal(titleOfCues([cue(4, 'TIT2', 'Old'), cue(4, 'TPE1', 'A'), cue(8, 'TIT2', 'New')]), 'New');
  assert.equal(
    titleOfCues([cue(8, 'TPE1', 'B'), cue(4, 'TIT2', 'Old'), cue(8.004, 'TIT2', 'New')]),
    'B - New',
  );
  assert.equal(titleOfCues([cue(1, 'X-TITLE', 'T'), cue(1, 'X-ARTIST', 'A')]), 'A - T');
  assert.equal(titleOfCues([cue(8, 'TIT2', '')]), '');
  assert.equal(titleOfCues([cue(8, 'TXXX', 'http://x/'), { startTime: 9, value: undefined }]), undefined);
  assert.equal(titleOfCues([]), undefined);
});

const tagOf = (title: string, artist = '') => id3Tag(titleFrames({ title, artist, url: 'http://x/' }));

test('a tag of the server is read back', () => {
  assert.equal(titleOfTag(tagOf('Ça ira', 'Édith')), 'Édith - Ça ira');
  assert.equal(titleOfTag(id3Tag(titleFrames({ title: '', artist: '', url: '' }))), '');
  assert.equal(titleOfTag(id3Tag([{ id: 'PRIV', owner: 'o', data: new Uint8Array(8) }])), undefined);
});

test('whatever else is in a tag, reading it ends', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, isTag) => {
      titleOfTag(isTag ? Buffer.concat([Buffer.from('ID3\x04\0\0\0\0\0\0TIT2'), bytes]) : bytes);
    }),
  );
});

test('a title is told once, when the sound comes to it, and not the ones that were passed by', () => {
  const audio = Object.assign(new EventTarget(), { currentTime: 0 });
  const told: string[] = [];
  const titles = new TagTitles(audio, (title) => told.push(title));
  const at = (seconds: number) => {
    audio.currentTime = seconds;
    audio.dispatchEvent(new Event('timeupdate'));
    return told.splice(0);
  };
  titles.add(8, tagOf('Later'));
  titles.add(0, tagOf('First'));
  titles.add(4, tagOf('First'));
  assert.deepEqual([at(1), at(5), at(7.9), at(8)], [['First'], [], [], ['Later']]);
  titles.add(12, tagOf('Missed'));
  titles.add(13, tagOf('Now'));
  assert.deepEqual(at(20), ['Now']);
  titles.add(21, tagOf('Never'));
  titles.close();
  assert.deepEqual(at(30), []);
});

test('titles of the status are spelt as those of the stream', () => {
  assert.equal(titleOfSource({ artist: 'A', title: 'T' }), 'A - T');
  assert.equal(titleOfSource({ title: 'T' }), 'T');
  assert.equal(titleOfSource({}), '');
});
