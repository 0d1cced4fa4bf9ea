/**
 * Listeners that go on at the very byte at which their connection broke (decision 8): what
 * they hear over all their connections is one stream without a seam.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseStreamPosition } from '@legacystream/core/fanout/stream-position.ts';
import { chromium } from 'playwright-core';
import { forgeOggPage, forgeVorbisLink } from '../fixtures/audio/forge-containers.ts';
import { findProgram, missingProgram } from '../programs.mjs';
import { countingFormats } from '../support/counting-frames.ts';
import { readCountingFrames, runsOf } from '../support/counting-reader.ts';
import { basicAuth, CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { RawClient } from '../support/raw-client.ts';
import { ResumingClient } from '../support/resuming-client.ts';
import { ServerProcess } from '../support/server-process.ts';
import { StreamClient } from '../support/stream-client.ts';

const format = countingFormats.mp3At128;
const ringSeconds = 8;

let server: ServerProcess;
const open: { close(): void }[] = [];

before(async () => {
  server = await ServerProcess.start({ ini: `[Streaming]\nMaxLatency=${ringSeconds}\nDefaultLatency=2\n` });
});
after(async () => {
  for (const one of open) one.close();
  await server?.stop();
});

async function goOnAir(mount: string, id = 1): Promise<CountingSource> {
  const source = await CountingSource.start({ port: server.httpPort, mount, id, headStartMs: 4_000 });
  open.push({ close: () => source.destroy() });
  return source;
}

function listen(
  path: string,
  more: { icy?: boolean; resume?: string; renewEveryMs?: number } = {},
): ResumingClient {
  const client = new ResumingClient({ addresses: [{ port: server.httpPort }], path, ...more });
  open.push(client);
  return client;
}

const headOf = async (path: string, headers: readonly string[] = [], method = 'GET') => {
  const client = StreamClient.send({ port: server.httpPort, path, headers, method });
  open.push(client);
  const head = await client.head();
  return { client, head, header: (name: string) => head.headers.get(`x-legacystream-${name}`) };
};

for (const icy of [false, true]) {
  test(`a ${icy ? 'listener with titles' : 'listener'} that is cut off anywhere hears every frame once`, async () => {
    const mount = `/cut-${icy}`;
    await goOnAir(mount);
    const client = listen(mount, { icy });
    await client.hear(20_000);
    for (const bytes of [1, 5_000, 417, 13_456, 7, 16_000]) await client.dropAfter(bytes);
    await client.hear(5_000);
    const resumed = client.connections.map((connection) => connection.resumed);
    assert.deepEqual(resumed, [undefined, ...Array(6).fill('exact')]);
    const { lost, doubled, strayBytes, count } = readCountingFrames(client.audio, format);
    assert.deepEqual([lost, doubled, strayBytes], [0, 0, 0]);
    assert.ok(count > 100);
  });
}

test('a listener goes on over a change of the source', async () => {
  const first = await goOnAir('/change', 1);
  const client = listen('/change');
  await client.hear(20_000);
  client.close();
  await first.end();
  await goOnAir('/change', 2);
  const next = listen('/change', { resume: client.position! });
  await next.hear(30_000);
  assert.equal(next.connections[0]!.resumed, 'exact');
  const reader = readCountingFrames(Buffer.concat([client.audio, next.audio]), format);
  assert.deepEqual([reader.tornBytes, reader.doubled, reader.lost], [0, 0, 0]);
  const begun = reader.frames[0]!.number;
  const sent = first.nextNumber - 1;
  assert.deepEqual(runsOf(reader.frames), [`1: ${begun}-${sent}`, `2: 0-${reader.last}`]);
});

test('a position lives on by being renewed, and is too old when it is not', async () => {
  const source = await goOnAir('/old');
  const [renewing, lazy] = [listen('/old', { renewEveryMs: 200 }), listen('/old', { renewEveryMs: 60_000 })];
  await Promise.all([renewing.hear(20_000), lazy.hear(20_000)]);
  for (let second = 0; second < ringSeconds + 5; second += 5) {
    source.sendAhead(Math.ceil(5_000 / format.frameMs));
    const { renewals } = renewing;
    await renewing.hear(70_000);
    await eventually('a position is renewed', () => renewing.renewals > renewals + 1);
  }
  await Promise.all([renewing.dropAfter(100), lazy.dropAfter(100)]);
  assert.deepEqual([renewing.connections[1]!.resumed, lazy.connections[1]!.resumed], ['exact', 'live']);
  await renewing.hear(10_000);
  const { lost, doubled, strayBytes } = readCountingFrames(renewing.audio, format);
  assert.deepEqual([lost, doubled, strayBytes], [0, 0, 0]);
});

describe('a position that is nowhere', () => {
  const never = '1700000000000';
  const positions = {
    'is of a writer that never was': `${never}.1.0`,
    'is of a message that never was': 'epoch.0.0',
    'is far ahead': `epoch.1.${2 ** 40}`,
    'is of a writer to come': `${2 ** 52}.1.0`,
    'is none': 'yesterday',
    'is empty': '',
    'has a number that is too large': `1.1.${'9'.repeat(16)}`,
  };
  for (const [what, text] of Object.entries(positions)) {
    test(`that ${what}: the listener hears what is live and is told`, async () => {
      const mount = `/nowhere-${what.replaceAll(' ', '-')}`;
      await goOnAir(mount);
      const epoch = parseStreamPosition((await headOf(mount)).header('position')!)!.epoch;
      const { client, header } = await headOf(`${mount}?resume=${text.replace('epoch', String(epoch))}`);
      assert.equal(header('resumed'), 'live');
      const { first, strayBytes } = readCountingFrames(await client.receive(10_000), format);
      assert.ok(first !== undefined && strayBytes === 0);
      assert.ok(parseStreamPosition(header('position')!));
    });
  }
});

test('a position that is about to come is waited for', async () => {
  const source = await goOnAir('/ahead');
  const client = listen('/ahead');
  await client.hear(20_000);
  source.pause();
  const sent = source.nextNumber - 1;
  await eventually(
    'all is heard that was sent',
    () => readCountingFrames(client.audio, format).last === sent,
  );
  const position = parseStreamPosition(client.position!)!;
  const asking = headOf(
    `/ahead?resume=${position.epoch}.${position.seq}.${position.byte + 1_000}`,
    [],
    'HEAD',
  );
  source.resume();
  const { head, header } = await asking;
  assert.deepEqual([head.status, header('resumed')], [200, 'exact']);
});

test('scripts of any origin may read where a stream begins', async () => {
  await goOnAir('/cors');
  const { head, header } = await headOf('/cors');
  const exposed = head.headers.get('access-control-expose-headers')!.split(', ');
  for (const name of ['Position', 'Lead', 'Resumed']) assert.ok(exposed.includes(`X-LegacyStream-${name}`));
  assert.equal(header('lead'), '0');
  assert.equal(header('resumed'), undefined);
});

/** Sends Ogg: links of Vorbis pages, one page a turn. */
class PageSource {
  readonly raw: RawClient;
  #serial = 0;
  #sequence = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(raw: RawClient, mount: string) {
    this.raw = raw;
    raw.write(`PUT ${mount} HTTP/1.1\r\nHost: x\r\n${basicAuth()}\r\nContent-Type: application/ogg\r\n\r\n`);
    this.nextLink();
    for (let i = 0; i < 40; i += 1) this.#page();
    this.#timer = setInterval(() => this.#page(), 50);
    open.push(this);
  }

  /** Headers, as at the beginning of a file. */
  nextLink(): void {
    this.#serial += 1;
    const pages = forgeVorbisLink(this.#serial, ['TITLE=Counted'], []);
    this.#sequence = pages.length;
    for (const page of pages) this.raw.write(page);
  }

  close(): void {
    clearInterval(this.#timer);
    this.raw.destroy();
  }

  /** 50 ms of it. */
  #page(): void {
    const packets = [Buffer.alloc(500, this.#sequence & 0x7f)];
    const granule = this.#sequence * 2_205;
    this.raw.write(forgeOggPage({ serial: this.#serial, sequence: this.#sequence, granule, packets }));
    this.#sequence += 1;
  }
}

test('a listener of Ogg goes on within a page, over new headers in band, and is sent none twice', async () => {
  const source = new PageSource(await RawClient.connect(server.httpPort), '/pages.ogg');
  const steady = listen('/pages.ogg');
  await eventually('the stream has begun', () => steady.connections.length > 0);
  const client = listen('/pages.ogg');
  await client.hear(5_000);
  for (const bytes of [333, 1, 4_000]) await client.dropAfter(bytes);
  source.nextLink();
  await client.dropAfter(2_222);
  await client.hear(5_000);
  await steady.hear(2_000);
  client.close();
  assert.deepEqual(client.connections.map(({ resumed }) => resumed).slice(1), Array(4).fill('exact'));
  assert.deepEqual(
    client.connections.map(({ leadBytes }) => leadBytes > 0),
    [true, false, false, false, false],
  );
  const lead = client.connections[0]!.leadBytes;
  const [heard, whole] = [client.audio, steady.audio];
  assert.ok(heard.subarray(0, lead).equals(whole.subarray(0, lead)), 'headers first');
  const at = whole.indexOf(heard.subarray(lead, lead + 2_000));
  const rest = whole.subarray(at, at + heard.length - lead);
  assert.ok(at >= lead && rest.length > 10_000);
  assert.ok(heard.subarray(lead, lead + rest.length).equals(rest), 'as who was never cut off');
  assert.ok(rest.includes('vorbis'), 'with the new headers');
});

test('the player of the status page plays on when its connection breaks', {
  skip: missingProgram('chromium'),
}, async () => {
  await goOnAir('/player');
  const flags = ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'];
  const browser = await chromium.launch({ executablePath: findProgram('chromium')!, args: flags });
  try {
    const page = await browser.newPage();
    const complaints: string[] = [];
    const resumed: (string | undefined)[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('response', (response) => {
      const isStream =
        new URL(response.url()).pathname === '/player' && response.request().method() === 'GET';
      if (isStream) resumed.push(response.headers()['x-legacystream-resumed'] ?? 'new');
    });
    await page.goto(`${server.url}/`, { waitUntil: 'commit' });
    const player = page.locator('.card[data-listenurl$="/player"] legacystream-player');
    await player.locator('.player-button').click();
    const playedSeconds = () =>
      page.evaluate<number>(`document.querySelector('.card[data-listenurl$="/player"] audio').currentTime`);
    await eventually('it plays', async () => (await playedSeconds()) > 1, 20_000);
    for (let kills = 1; kills <= 2; kills += 1) {
      const list = await (await server.admin('/admin/listclients?mount=/player')).text();
      const id = /<ID>(\d+)<\/ID>/i.exec(list)?.[1];
      assert.equal((await server.admin(`/admin/killclient?mount=/player&id=${id}`)).status, 200, list);
      await eventually('the stream is gone on with', () => resumed.length > kills, 20_000);
      const before = await playedSeconds();
      await eventually('it plays on', async () => (await playedSeconds()) > before + 1.5, 20_000);
      assert.equal(await player.getAttribute('state'), 'playing');
    }
    assert.deepEqual([resumed, complaints], [['new', 'exact', 'exact'], []]);
  } finally {
    await browser.close();
  }
});
