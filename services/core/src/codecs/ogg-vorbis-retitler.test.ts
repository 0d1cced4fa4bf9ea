import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ascii,
  filler,
  forgeOggPage,
  forgeVorbisLink,
} from '../../../../test/fixtures/audio/forge-containers.ts';
import { readAudioFixture } from '../../../../test/fixtures/audio/replay-splitter.ts';
import type { SplitterEvent } from './frame-splitter.ts';
import { collectOggPackets, readOggPages } from './ogg-packets.ts';
import { type OggPage, oggFlags } from './ogg-page.ts';
import { OggSplitter } from './ogg-splitter.ts';
import { OggVorbisRetitler, type OggVorbisTitle } from './ogg-vorbis-retitler.ts';
import { parseVorbisComment } from './vorbis-comment.ts';

type Retitled = {
  readonly input: SplitterEvent[];
  readonly events: SplitterEvent[];
  readonly pages: OggPage[];
};

/** Gives the titles right before the frames of those numbers; -1 is before everything. */
function retitle(
  bytes: Uint8Array,
  titles: Readonly<Record<number, OggVorbisTitle>>,
  serial = 1000,
): Retitled {
  const splitter = new OggSplitter();
  const retitler = new OggVorbisRetitler();
  const input = [...splitter.push(bytes), ...splitter.flush()];
  const events: SplitterEvent[] = [];
  let frames = 0;
  const early = titles[-1];
  if (early !== undefined) retitler.setTitle(early, serial - 1);
  for (const event of input) {
    if (event.type === 'frame') {
      const title = titles[frames];
      if (title !== undefined) retitler.setTitle(title, serial + frames);
      frames++;
    }
    events.push(...retitler.process(event));
  }
  return { input, events, pages: readOggPages(sent(events)) };
}

const sent = (events: readonly SplitterEvent[]): Uint8Array =>
  Buffer.concat(events.flatMap((event) => (event.type === 'tags' ? [] : [event.data])));

/** Consecutive pages of the same serial. */
function linksOf(pages: readonly OggPage[]): OggPage[][] {
  const links: OggPage[][] = [];
  for (const page of pages) {
    if (page.serial === links.at(-1)?.[0]?.serial) links.at(-1)!.push(page);
    else links.push([page]);
  }
  return links;
}

const commentOf = (link: readonly OggPage[]) => parseVorbisComment(collectOggPackets(link)[1]!.subarray(7));
const packetsOf = (link: readonly OggPage[]) => collectOggPackets(link).map((packet) => Buffer.from(packet));
const vorbis = readAudioFixture('vorbis.ogg');

test('without a title the events pass as they are', () => {
  const { input, events } = retitle(vorbis, {});
  assert.deepEqual(events, input);
});

test('every link begins with BOS, ends with EOS and counts its pages from 0', () => {
  const links = linksOf(retitle(vorbis, { 6: { title: 'One' }, 12: { title: 'Two' } }).pages);
  assert.deepEqual(links.map((link) => link[0]?.serial).slice(1), [1006, 1012]);
  for (const link of links) {
    assert.deepEqual(
      link.map((page) => page.sequence),
      link.map((_, index) => index),
    );
    for (const [index, page] of link.entries()) {
      assert.equal((page.flags & oggFlags.firstPage) !== 0, index === 0);
      assert.equal((page.flags & oggFlags.lastPage) !== 0, index === link.length - 1);
    }
  }
});

test('artist and title are replaced and all else of the headers is kept', () => {
  const links = linksOf(retitle(vorbis, { 6: { title: 'Né', artist: '日本' }, 12: { title: 'Two' } }).pages);
  assert.equal(commentOf(links[0]!)?.get('title'), 'Fixture');
  assert.equal(commentOf(links[1]!)?.get('title'), 'Né');
  assert.equal(commentOf(links[1]!)?.get('artist'), '日本');
  assert.equal(commentOf(links[1]!)?.get('encoder'), 'Lavc libvorbis');
  assert.equal(commentOf(links[2]!)?.get('title'), 'Two');
  assert.equal(commentOf(links[2]!)?.has('artist'), false, 'a title alone clears the artist');
  for (const link of links.slice(1)) {
    assert.deepEqual(packetsOf(link)[0], packetsOf(links[0]!)[0]);
    assert.deepEqual(packetsOf(link)[2], packetsOf(links[0]!)[2]);
  }
});

test('no packet of sound is lost, and the one before the change is repeated for the decoder', () => {
  const original = packetsOf(readOggPages(vorbis)).slice(3);
  const [before, after] = linksOf(retitle(vorbis, { 6: { title: 'One' } }).pages).map((link) =>
    packetsOf(link).slice(3),
  );
  assert.deepEqual(after?.[0], before?.at(-1));
  assert.deepEqual([...before!, ...after!.slice(1)], original);
});

test('positions go on from 0 and add up to those of the source', () => {
  const links = linksOf(retitle(vorbis, { 6: { title: 'One' }, 12: { title: 'Two' } }).pages);
  const lengths = links.map((link) => link.at(-1)!.granule);
  assert.equal(
    lengths.reduce((sum, length) => sum + length, 0n),
    readOggPages(vorbis).at(-1)!.granule,
  );
  for (const link of links) {
    const granules = link.map((page) => page.granule);
    assert.deepEqual(
      granules,
      granules.toSorted((a, b) => Number(a - b)),
    );
    assert.ok(granules[2]! < 44_100n, 'the first page of sound is near 0');
  }
});

test('listeners are told in this order: end, tags, headers, sound', () => {
  const { events, input } = retitle(vorbis, { 6: { title: 'One', artist: 'A' } });
  const at = events.findLastIndex((event) => event.type === 'headers');
  const [end, tags, headers, sound] = events.slice(at - 2, at + 2);
  assert.ok(end?.type === 'frame' && !end.syncPoint && end.durationUs === 0);
  assert.ok(tags?.type === 'tags' && tags.title === 'One' && tags.artist === 'A');
  assert.ok(headers?.type === 'headers' && headers.inBand);
  assert.ok(sound?.type === 'frame' && sound.syncPoint);
  const durations = (list: readonly SplitterEvent[]) =>
    list.reduce((sum, event) => sum + (event.type === 'frame' ? event.durationUs : 0), 0);
  assert.equal(durations(events), durations(input));
});

test('a title given before the stream goes into its first headers', () => {
  const { pages, events } = retitle(vorbis, { [-1]: { title: 'Early' } });
  const links = linksOf(pages);
  assert.equal(links.length, 1);
  assert.equal(commentOf(links[0]!)?.get('title'), 'Early');
  assert.deepEqual(
    links[0]!.map((page) => page.sequence),
    links[0]!.map((_, index) => index),
  );
  assert.equal(events.filter((event) => event.type === 'headers').length, 1);
});

test('a link that the source begins brings its own title and numbering', () => {
  const chained = readAudioFixture('chained.ogg');
  const { pages } = retitle(chained, { 5: { title: 'Ours' } });
  const links = linksOf(pages);
  assert.deepEqual(
    links.map((link) => commentOf(link)?.get('title')),
    ['Fixture', 'Ours', 'Second'],
  );
  const original = linksOf(readOggPages(Buffer.from(chained)));
  assert.deepEqual(links.at(-1), original.at(-1));
  assert.equal(links[1]!.at(-1)!.flags & oggFlags.lastPage, oggFlags.lastPage);
});

test('a title given once the source has ended its link goes into the next one', () => {
  const chained = readAudioFixture('chained.ogg');
  const retitler = new OggVorbisRetitler();
  const splitter = new OggSplitter();
  const events: SplitterEvent[] = [];
  let given = false;
  for (const event of splitter.push(chained)) {
    events.push(...retitler.process(event));
    const [page] = event.type === 'frame' ? readOggPages(event.data) : [];
    const ends = page !== undefined && (page.flags & oggFlags.lastPage) !== 0;
    if (ends && !given) retitler.setTitle({ title: 'Next' }, 1);
    given ||= ends;
  }
  const links = linksOf(readOggPages(sent(events)));
  assert.deepEqual(
    links.map((link) => commentOf(link)?.get('title')),
    ['Fixture', 'Next'],
  );
  assert.equal(links.flat().filter((page) => (page.flags & oggFlags.lastPage) !== 0).length, 2);
});

test('a title waits for a page that begins a packet', () => {
  const [first, second] = forgeVorbisLink(5, ['title=a'], []);
  const pages = [
    forgeOggPage({ serial: 5, sequence: 2, granule: 1000, packets: [filler(10)] }),
    forgeOggPage({ serial: 5, sequence: 3, granule: 2000, flags: 1, packets: [filler(20)] }),
    forgeOggPage({ serial: 5, sequence: 4, granule: 3000, packets: [filler(30)] }),
  ];
  const links = linksOf(retitle(Buffer.concat([first!, second!, ...pages]), { 1: { title: 'b' } }).pages);
  assert.deepEqual(
    links.map((link) => link[0]!.serial),
    [5, 1001],
  );
  assert.equal(links[0]!.length, 2 + 2 + 1);
  // The packet before was spread over two pages, so it cannot be repeated.
  assert.deepEqual(
    packetsOf(links[1]!)
      .slice(3)
      .map((packet) => packet.length),
    [30],
  );
});

test('a gap in the numbers of the source stays a gap', () => {
  const link = forgeVorbisLink(5, [], [1000, 2000, 3000, 4000]).toSpliced(4, 1);
  const links = linksOf(retitle(Buffer.concat(link), { 1: { title: 'b' } }).pages);
  assert.deepEqual(
    links[1]!.map((page) => page.sequence),
    [0, 1, 2, 4],
  );
});

test('the new serial differs from the one in use', () => {
  const link = Buffer.concat(forgeVorbisLink(1000, [], [1000, 2000]));
  const { pages } = retitle(link, { 0: { title: 'b' } });
  assert.deepEqual([...new Set(pages.map((page) => page.serial))], [1000, 1001]);
});

test('a position that steps back before the change does not become negative', () => {
  const link = Buffer.concat(forgeVorbisLink(5, [], [90_000, 1000, 95_000]));
  const links = linksOf(retitle(link, { 1: { title: 'b' } }).pages);
  assert.deepEqual(
    links[1]!.slice(2).map((page) => page.granule),
    [0n, 5000n],
  );
});

test('a page without room for the repeated packet goes without it', () => {
  const [first, second, data] = forgeVorbisLink(5, [], [1000]);
  const full = forgeOggPage({
    serial: 5,
    sequence: 3,
    granule: 2000,
    packets: Array.from({ length: 255 }, () => filler(1)),
  });
  const links = linksOf(retitle(Buffer.concat([first!, second!, data!, full]), { 1: { title: 'b' } }).pages);
  assert.equal(packetsOf(links[1]!).length, 3 + 255);
});

test('titles are bounded to whole characters', () => {
  const links = linksOf(retitle(vorbis, { 3: { title: 'é'.repeat(5000), artist: '' } }).pages);
  assert.equal(commentOf(links[1]!)?.get('title'), 'é'.repeat(512));
  assert.equal(commentOf(links[1]!)?.has('artist'), false);
});

test('streams that are not one Vorbis stream pass unchanged', () => {
  for (const name of ['opus.ogg', 'flac.oga', 'theora-vorbis.ogv']) {
    const { input, events } = retitle(readAudioFixture(name), { 2: { title: 'x' } });
    assert.deepEqual(events, input, name);
  }
});

test('events that hold no page pass unchanged', () => {
  const retitler = new OggVorbisRetitler();
  const headers = Buffer.concat(forgeVorbisLink(5, [], []));
  retitler.process({ type: 'headers', data: headers, inBand: true });
  assert.equal(retitler.canRetitle, true);
  retitler.setTitle({ title: 'x' }, 9);
  const frame = { type: 'frame', data: ascii('no page'), durationUs: 5, syncPoint: true } as const;
  assert.deepEqual(retitler.process(frame), [frame]);
  retitler.process({ type: 'headers', data: new Uint8Array(0), inBand: false });
  assert.equal(retitler.canRetitle, false);
});
