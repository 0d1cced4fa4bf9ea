/**
 * Titles in the stream over real sockets: hundreds of metadata intervals without losing
 * count, and each title at the same frame for every listener, whenever it joined.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { countingFormats } from '../support/counting-frames.ts';
import { readCountingFrames } from '../support/counting-reader.ts';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { type IcyBlock, readIcyBody, titlesOf } from '../support/icy-body.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { StreamClient } from '../support/stream-client.ts';

const format = countingFormats.mp3At320;
const metaint = 256;
const intervals = 600;
const mount = '/icy.mp3';

let server: ServerProcess;
let source: CountingSource;

before(async () => {
  server = await ServerProcess.start({ ini: `[Mount ${mount}]\nMetaInterval=${metaint}` });
  source = await CountingSource.start({ port: server.httpPort, mount, password: sourcePassword, format });
});

after(async () => {
  source.destroy();
  await server.stop();
});

/** Sets a title and lets some frames pass under it. */
async function setTitle(song: string): Promise<void> {
  const body = new URLSearchParams({ mode: 'updinfo', mount, song });
  assert.equal((await server.admin('/admin/metadata', { method: 'POST', body })).status, 200);
  const sent = source.nextNumber;
  await eventually('some frames have passed', () => source.nextNumber > sent + 8);
}

const join = () => StreamClient.open({ port: server.httpPort, path: mount, headers: ['Icy-MetaData: 1'] });

/** The number of the first whole frame after each block with a title. */
function titlePlaces(body: Buffer): Map<string, number> {
  const { audio, blocks } = readIcyBody(body, metaint);
  const { frames } = readCountingFrames(audio, format);
  const places = new Map<string, number>();
  for (const { at, text } of blocks) {
    const frame = frames.find((one) => one.at >= at);
    if (text !== '' && frame) places.set(text, frame.number);
  }
  return places;
}

test(`${intervals} intervals and every title in its place`, async () => {
  const songs = [
    'One',
    "It's Two",
    'Drei – für Ünï',
    '日本語の曲',
    "a';StreamUrl='http://evil.example/",
    'x'.repeat(900),
    '',
    'Last but one',
    'Last',
  ];
  await setTitle('Before');
  const early = await join();
  assert.equal((await early.head()).headers.get('icy-metaint'), String(metaint));
  let late: StreamClient | undefined;
  for (const [i, song] of songs.entries()) {
    if (i === 4) late = await join();
    await setTitle(song);
  }
  assert.ok(late);
  for (const client of [early, late]) {
    await client.receive(intervals * (metaint + 1), 20_000);
    const { audio, blocks } = readIcyBody(client.body, metaint);
    assert.ok(blocks.length >= intervals - 40, `${blocks.length} blocks`);
    const { gaps, tornBytes } = readCountingFrames(audio, format);
    assert.equal(tornBytes, 0);
    assert.deepEqual(gaps, []);
  }
  const shown = ['Before', ...songs].map((song) => song.replace("';", "' ;"));
  // What was sent before the first title was set is still in the burst.
  const earlyTitles = titlesOf(readIcyBody(early.body, metaint).blocks);
  assert.deepEqual(earlyTitles.slice(earlyTitles.indexOf('Before')), shown);
  const lateTitles = titlesOf(readIcyBody(late.body, metaint).blocks);
  assert.ok(lateTitles.length >= 5);
  assert.deepEqual(lateTitles, earlyTitles.slice(-lateTitles.length));

  const [first, second] = [titlePlaces(early.body), titlePlaces(late.body)];
  for (const [text, number] of [...second].slice(1)) assert.equal(first.get(text), number, text);
  early.close();
  late.close();
});

test('a title that cannot be shown whole is cut between characters', async () => {
  const client = await join();
  await setTitle('é'.repeat(1_000));
  const text = await eventually(
    'the long title',
    () => readIcyBody(client.body, metaint).blocks.find((block) => block.text.includes('é'))?.text,
  );
  assert.match(text, /^StreamTitle='é+';$/);
  client.close();
});

test('a title is told once and not repeated while it stays', async () => {
  await setTitle('Stays');
  const client = await join();
  const title = (blocks: readonly IcyBlock[]) => blocks.findIndex(({ text }) => text.includes('Stays'));
  const blocks = await eventually('many intervals more', () => {
    const all = readIcyBody(client.body, metaint).blocks;
    return title(all) >= 0 && all.length > title(all) + 100 && all;
  });
  assert.ok(blocks.slice(title(blocks) + 1).every(({ text }) => text === ''));
  client.close();
});
