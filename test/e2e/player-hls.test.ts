/**
 * The player of the pages in a real browser, with real encoders: it plays by HLS what is better
 * played so, tells titles when the sound comes to them, goes on when its source was away, and
 * falls back where there is no HLS; on the status page and on another site.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { findProgram, missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--autoplay-policy=no-user-gesture-required',
];
const patienceMs = 30_000;
/** Longer behind live than the page's look at the live titles, so that the two can be told apart. */
const ini = `
[Hls]
SegmentDuration=3
[Mount /short.aac]
Linger=1
HoldTimeout=1
[Mount /plain.aac]
Hls=false
`;
const encoders = {
  aac: ['-c:a', 'aac', '-b:a', '96k', '-f', 'adts', '-content_type', 'audio/aac'],
  mp3: ['-c:a', 'libmp3lame', '-b:a', '96k', '-f', 'mp3', '-content_type', 'audio/mpeg'],
  opus: ['-c:a', 'libopus', '-b:a', '64k', '-f', 'ogg', '-content_type', 'audio/ogg'],
};

let server: ServerProcess;
let browser: Browser;
let otherSite: Server;
let otherPage = '';
/** By mount. */
const sources = new Map<string, ProgramProcess>();

type Visit = {
  readonly page: Page;
  readonly complaints: string[];
  /** Paths of the answers of the server. */
  readonly answered: string[];
};

function send(mount: string, format: keyof typeof encoders): void {
  const tone = ['-re', '-f', 'lavfi', '-i', 'sine=frequency=440'];
  const target = `icecast://source:${sourcePassword}@127.0.0.1:${server.httpPort}${mount}`;
  const args = ['-hide_banner', '-loglevel', 'error', ...tone, ...encoders[format], target];
  sources.set(mount, new ProgramProcess('ffmpeg', args));
}

async function isListed(mount: string): Promise<boolean> {
  return (await (await fetch(`${server.url}/status-json.xsl?mount=${mount}`)).text()).includes(mount);
}

async function setTitle(mount: string, song: string): Promise<void> {
  const body = new URLSearchParams({ mode: 'updinfo', mount, song });
  assert.equal((await server.admin('/admin/metadata', { method: 'POST', body })).status, 200);
}

async function visit(address: string): Promise<Visit> {
  const page = await browser.newPage();
  const found: Visit = { page, complaints: [], answered: [] };
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) found.complaints.push(message.text());
  });
  page.on('pageerror', (error) => found.complaints.push(String(error)));
  page.on('response', (response) => found.answered.push(new URL(response.url()).pathname));
  await page.goto(address);
  return found;
}

const card = (page: Page, mount: string) => page.locator(`.card[data-listenurl$="${mount}"]`);
const playerOf = (page: Page, mount: string) => card(page, mount).locator('legacystream-player');
const press = (player: Locator) => player.locator('.player-button').click();
type Attributes = { setAttribute(name: string, value: string): void; removeAttribute(name: string): void };
/** `null` takes the attribute away. */
const setAttribute = (player: Locator, name: string, value: string | null) =>
  player.evaluate(
    (element, [key, text]) => {
      const attributes = element as unknown as Attributes;
      if (text === null) attributes.removeAttribute(key);
      else attributes.setAttribute(key, text);
    },
    [name, value] as const,
  );
const playedTo = (player: Locator) =>
  player.locator('audio').evaluate((audio) => (audio as unknown as { currentTime: number }).currentTime);

/** Plays `seconds` more from now on. */
async function plays(player: Locator, seconds: number, what: string): Promise<void> {
  await eventually(what, async () => (await player.getAttribute('state')) === 'playing', patienceMs);
  const from = await playedTo(player);
  await eventually(`${what}: it moves on`, async () => (await playedTo(player)) > from + seconds, patienceMs);
}

describe('the player', { skip: missingProgram('chromium', 'ffmpeg') }, () => {
  before(async () => {
    server = await ServerProcess.start({ ini });
    send('/live.aac', 'aac');
    send('/live.mp3', 'mp3');
    send('/live.opus', 'opus');
    send('/plain.aac', 'aac');
    send('/short.aac', 'aac');
    for (const mount of sources.keys())
      await eventually(`${mount} is on air`, () => isListed(mount), patienceMs);
    await setTitle('/live.aac', 'Quartet - First');
    otherSite = createServer((_, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end(otherPage);
    }).listen(0, '127.0.0.1');
    await once(otherSite, 'listening');
    const executablePath = findProgram('chromium');
    assert.ok(executablePath);
    browser = await chromium.launch({ executablePath, args: flags, headless: true });
  });

  after(async () => {
    await browser?.close();
    otherSite?.close();
    otherSite?.closeAllConnections();
    for (const source of sources.values()) await source.stop();
    await server?.stop();
  });

  test('plays AAC and Opus by HLS, for which hls.js is fetched when it is needed', async () => {
    const { page, complaints, answered } = await visit(server.url);
    await page.waitForLoadState('networkidle');
    const isHlsJs = (path: string) => /^\/assets\/hls-[\d.]+\.js$/.test(path);
    assert.ok(answered.includes('/assets/hls-stream.js') && !answered.some(isHlsJs));
    for (const mount of ['/live.aac', '/live.opus']) {
      const player = playerOf(page, mount);
      await press(player);
      await plays(player, 4, mount);
      assert.equal(await player.getAttribute('way'), 'hls');
      assert.ok(answered.includes(`${mount}/playlist.m3u8`));
      assert.ok(!answered.includes(mount), 'the plain stream was not asked for');
      await press(player);
    }
    assert.equal(answered.filter(isHlsJs).length, 1);
    assert.ok(!answered.some((path) => /-\d+\.\d+\.m4s$/.test(path)), 'whole segments were asked for');
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('tells a title when the sound comes to it, not when the server hears of it', async () => {
    const { page, complaints } = await visit(server.url);
    const player = playerOf(page, '/live.aac');
    await press(player);
    await plays(player, 1, 'HLS');
    const shown = card(page, '/live.aac').locator('[data-field=title]');
    await eventually(
      'the first title',
      async () => (await shown.textContent()) === 'Quartet - First',
      patienceMs,
    );
    await page.evaluate(`
      globalThis.seen = [];
      const field = document.querySelector('.card[data-listenurl$="/live.aac"] [data-field=title]');
      new MutationObserver(() => seen.push([field.textContent, performance.now()]))
        .observe(field, { childList: true, characterData: true, subtree: true });
      document.addEventListener('legacystream-title', ({ detail }) => seen.push(['event ' + detail.title, performance.now()]));
    `);
    const saidMs = await page.evaluate('performance.now()');
    await setTitle('/live.aac', 'Quartet - Second & <i>last</i>');
    await eventually(
      'the second title',
      async () => (await shown.textContent())?.includes('Second'),
      patienceMs,
    );
    const seen = (await page.evaluate('seen')) as [string, number][];
    const wanted = 'Quartet - Second & <i>last</i>';
    assert.deepEqual(
      seen.map(([text]) => text).sort(),
      [wanted, `event ${wanted}`].sort(),
      'the page waited for the sound, and changed once',
    );
    const [[, shownMs], [, eventMs]] = seen as [[string, number], [string, number]];
    assert.ok(Math.abs(shownMs - eventMs) < 100);
    // HLS of three segments is six seconds and more behind, a look at the live title at most five.
    assert.ok(shownMs - Number(saidMs) > 5500, `${shownMs - Number(saidMs)} ms after it was said`);
    assert.equal(await page.locator('[data-announce]').textContent(), `Now playing: ${wanted}`);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('goes on when the source was away for a moment', async () => {
    const { page } = await visit(server.url);
    const player = playerOf(page, '/live.opus');
    await press(player);
    await plays(player, 1, 'before');
    await sources.get('/live.opus')!.stop('SIGKILL');
    send('/live.opus', 'opus');
    // What is buffered goes on meanwhile; more than that is of the second source.
    await plays(player, 15, 'after');
    assert.equal(await player.getAttribute('way'), 'hls');
    await page.close();
  });

  test('goes on when the source comes back with another codec', async () => {
    send('/changing', 'aac');
    await eventually('it is on air', () => isListed('/changing'), patienceMs);
    const { page, answered } = await visit(server.url);
    const player = playerOf(page, '/changing');
    await press(player);
    await plays(player, 1, 'before');
    const inits = () => new Set(answered.filter((path) => /\/init-.*\.mp4$/.test(path))).size;
    assert.equal(inits(), 1);
    await sources.get('/changing')!.stop('SIGKILL');
    send('/changing', 'opus');
    await eventually('it hears of the new codec', () => inits() > 1, patienceMs);
    await eventually(
      'it begins anew',
      async () => (await player.getAttribute('state')) !== 'playing',
      patienceMs,
    );
    await plays(player, 3, 'after');
    assert.equal(await player.getAttribute('way'), 'hls');
    await page.close();
  });

  test('goes on when the stream was over and begins anew', async () => {
    const { page } = await visit(server.url);
    const player = playerOf(page, '/short.aac');
    await press(player);
    await plays(player, 1, 'before');
    await sources.get('/short.aac')!.stop('SIGKILL');
    await eventually('the mount is gone', async () => !(await isListed('/short.aac')), patienceMs);
    await eventually(
      'it is heard',
      async () => (await player.getAttribute('state')) === 'connecting',
      patienceMs,
    );
    send('/short.aac', 'aac');
    await plays(player, 3, 'after');
    await page.close();
  });

  test('plays MP3 plainly, and by HLS where the page prefers it', async () => {
    const { page, complaints, answered } = await visit(server.url);
    const player = playerOf(page, '/live.mp3');
    await press(player);
    await plays(player, 2, 'plain');
    assert.equal(await player.getAttribute('way'), 'plain');
    assert.ok(answered.includes('/live.mp3') && !answered.includes('/live.mp3/playlist.m3u8'));
    await press(player);
    await setAttribute(player, 'prefer', 'hls');
    await press(player);
    await plays(player, 4, 'HLS');
    assert.equal(await player.getAttribute('way'), 'hls');
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('plays parts, closer to live, where the page wants low latency', async () => {
    const { page, answered } = await visit(server.url);
    const player = playerOf(page, '/live.aac');
    await setAttribute(player, 'latency', 'low');
    await press(player);
    await plays(player, 4, 'low latency');
    assert.equal(await player.getAttribute('way'), 'hls');
    assert.ok(answered.filter((path) => /-\d+\.\d+\.m4s$/.test(path)).length > 4);
    await page.close();
  });

  test('plays plainly what has no HLS, and what turns out to have none', async () => {
    const { page, complaints, answered } = await visit(server.url);
    assert.equal(await card(page, '/plain.aac').getByRole('link', { name: 'HLS playlist' }).count(), 0);
    assert.equal(
      await card(page, '/live.aac').getByRole('link', { name: 'HLS playlist' }).getAttribute('href'),
      '/live.aac/playlist.m3u8',
    );
    const player = playerOf(page, '/plain.aac');
    await press(player);
    await plays(player, 2, 'plain');
    assert.equal(await player.getAttribute('way'), 'plain');
    assert.ok(!answered.some((path) => path.endsWith('.m3u8')));
    assert.deepEqual(complaints, []);
    await press(player);
    await setAttribute(player, 'hls', null);
    await press(player);
    await plays(player, 2, 'after HLS was refused');
    assert.equal(await player.getAttribute('way'), 'plain');
    assert.ok(answered.includes('/plain.aac/playlist.m3u8'));
    await page.close();
  });

  test('is operated by the keyboard', async () => {
    const { page } = await visit(server.url);
    const player = playerOf(page, '/live.aac');
    await player.locator('.player-button').focus();
    await page.keyboard.press('Enter');
    await plays(player, 1, 'Enter');
    assert.match((await player.locator('.player-button').getAttribute('aria-label')) ?? '', /^Pause /);
    await page.keyboard.press('Space');
    assert.equal(await player.getAttribute('state'), 'idle');
    await page.close();
  });

  test('plays on another site that has one line of it, with titles and a style', async () => {
    otherPage = `<!DOCTYPE html><title>Elsewhere</title>
      <script type="module" src="${server.url}/assets/player.js"></script>
      <legacystream-player src="${server.url}/live.aac" name="Elsewhere FM" titles></legacystream-player>
      <legacystream-player src="${server.url}/live.mp3" titles></legacystream-player>`;
    await setTitle('/live.mp3', 'Solo - Plain');
    const { page, answered } = await visit(`http://127.0.0.1:${(otherSite.address() as AddressInfo).port}/`);
    const byHls = page.locator('legacystream-player').first();
    await press(byHls);
    await plays(byHls, 2, 'HLS from elsewhere');
    assert.equal(await byHls.getAttribute('way'), 'hls');
    assert.match((await byHls.locator('.player-title').textContent()) ?? '', /^Quartet - /);
    assert.ok(answered.includes('/assets/player.css'));
    const plain = page.locator('legacystream-player').nth(1);
    await press(plain);
    await plays(plain, 2, 'plain from elsewhere');
    assert.equal(await byHls.getAttribute('state'), 'idle');
    assert.equal(await plain.getAttribute('way'), 'plain');
    assert.equal(await plain.getAttribute('type'), 'audio/mpeg');
    await eventually(
      'the title of the plain stream',
      async () => (await plain.locator('.player-title').textContent()) === 'Solo - Plain',
    );
    await page.close();
  });

  test('plays in the frame of another site, and says so when the stream is not there', async () => {
    otherPage = `<!DOCTYPE html><title>Frames</title>
      <iframe src="${server.url}/embed/live.aac" title="Radio" allow="autoplay"></iframe>
      <iframe src="${server.url}/embed/nothing.aac" title="Nothing"></iframe>`;
    const { page, complaints } = await visit(
      `http://127.0.0.1:${(otherSite.address() as AddressInfo).port}/`,
    );
    const player = page.frameLocator('iframe[title=Radio]').locator('legacystream-player');
    await press(player);
    await plays(player, 2, 'in the frame');
    assert.equal(await player.getAttribute('way'), 'hls');
    const absent = page.frameLocator('iframe[title=Nothing]').locator('legacystream-player');
    await press(absent);
    await eventually('it gives up', async () => (await absent.getAttribute('state')) === 'error', patienceMs);
    assert.equal(await absent.locator('.player-status').textContent(), 'Could not reach the stream');
    assert.deepEqual(
      complaints.filter((text) => !text.includes('404')),
      [],
    );
    await page.close();
    assert.equal((await fetch(`${server.url}/embed/admin/stats`)).status, 404);
    assert.equal((await fetch(`${server.url}/embed/`)).status, 404);
  });
});
