/**
 * A real browser: it plays streams, and the status page works under its strict content
 * policy, plays over a connection that it has used for pages, and stays true by itself.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findProgram, missingProgram } from '../programs.mjs';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];
const patienceMs = 20_000;

let server: ServerProcess;
let browser: Browser;
let source: CountingSource;

type Visit = {
  readonly page: Page;
  /** What the page or the browser complained about. */
  readonly complaints: string[];
  /** Path of each answer, the connection that it came on, and whether that was used before. */
  readonly answers: { path: string; status: number; connection: number; reused: boolean }[];
};

async function visit(path: string): Promise<Visit> {
  const page = await browser.newPage();
  const found: Visit = { page, complaints: [], answers: [] };
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) found.complaints.push(message.text());
  });
  page.on('pageerror', (error) => found.complaints.push(String(error)));
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Network.enable');
  devtools.on('Network.responseReceived', ({ response }) =>
    found.answers.push({
      path: new URL(response.url).pathname,
      status: response.status,
      connection: response.connectionId,
      reused: response.connectionReused,
    }),
  );
  await page.goto(`${server.url}${path}`, { waitUntil: 'commit' });
  return found;
}

async function setTitle(mount: string, song: string): Promise<void> {
  const body = new URLSearchParams({ mode: 'updinfo', mount, song });
  assert.equal((await server.admin('/admin/metadata', { method: 'POST', body })).status, 200);
}

const card = (page: Page, mount: string) => page.locator(`.card[data-listenurl$="${mount}"]`);

describe('a browser', { skip: missingProgram('chromium') }, () => {
  before(async () => {
    server = await ServerProcess.start({ args: ['--demo'] });
    source = await CountingSource.start({
      port: server.httpPort,
      mount: '/live.mp3',
      password: sourcePassword,
      headers: ['ice-name: <b>Counting</b> & more', 'ice-genre: Silence'],
    });
    await setTitle('/live.mp3', 'First & <i>foremost</i>');
    const executablePath = findProgram('chromium');
    assert.ok(executablePath);
    browser = await chromium.launch({ executablePath, args: flags, headless: true });
  });

  after(async () => {
    await browser?.close();
    source?.destroy();
    await server?.stop();
  });

  test('plays a stream in an audio element, without an end', async () => {
    const { page, complaints } = await visit('/');
    await page.evaluate(`globalThis.audio = new Audio('/demo.mp3'); audio.play()`);
    const state = (): Promise<{ at: number; duration: number; error: string | null }> =>
      page.evaluate(
        '({ at: audio.currentTime, duration: audio.duration, error: audio.error?.message ?? null })',
      );
    await eventually('three seconds were played', async () => (await state()).at > 3, patienceMs);
    const { duration, error } = await state();
    assert.deepEqual([duration, error], [Number.POSITIVE_INFINITY, null]);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('plays a stream that is opened by its address', async () => {
    const { page } = await visit('/demo.mp3');
    await eventually(
      'it sounds',
      () => page.evaluate<boolean>(`document.querySelector('video, audio').currentTime > 1`),
      patienceMs,
    );
    await page.close();
  });

  test('shows the status page without a complaint, whatever the streams are called', async () => {
    const { page, complaints, answers } = await visit('/');
    await card(page, '/live.mp3').waitFor();
    assert.equal(await card(page, '/live.mp3').locator('h2').textContent(), '<b>Counting</b> & more');
    assert.equal(
      await card(page, '/live.mp3').locator('[data-field=title]').textContent(),
      'First & <i>foremost</i>',
    );
    assert.equal(await page.locator('h2 b, [data-field] i').count(), 0);
    await page.waitForLoadState('networkidle');
    assert.ok(answers.length >= 8, 'scripts, styles and icon were fetched');
    for (const { path, status } of answers) assert.equal(status, 200, path);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('plays by the button, over a connection that brought pages before', async () => {
    const { page, complaints, answers } = await visit('/');
    await page.waitForLoadState('networkidle');
    const pageConnections = new Set(answers.map(({ connection }) => connection));
    const player = card(page, '/live.mp3').locator('legacystream-player');
    await player.locator('.player-button').click();
    await eventually('it plays', async () => (await player.getAttribute('state')) === 'playing', patienceMs);
    const answer = await eventually('the answer', () => answers.find(({ path }) => path === '/live.mp3'));
    assert.ok(answer.reused && pageConnections.has(answer.connection), JSON.stringify(answer));
    assert.equal(answer.status, 200);
    await eventually(
      'the clock of the player runs',
      async () => /^0:0[3-9]$/.test((await player.locator('.player-status').textContent()) ?? ''),
      patienceMs,
    );
    await eventually(
      'the listener is counted on the page',
      async () => (await card(page, '/live.mp3').locator('[data-field=listeners]').textContent()) === '1',
      patienceMs,
    );
    await player.locator('.player-button').click();
    assert.equal(await player.getAttribute('state'), 'idle');
    await eventually('the server has let it go', async () => {
      const body = await (await server.admin('/admin/listclients?mount=/live.mp3')).text();
      return body.includes('<Listeners>0</Listeners>');
    });
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('sees titles change and streams come and go without a reload', async () => {
    const { page, complaints } = await visit('/');
    await card(page, '/live.mp3').waitFor();
    await page.evaluate(() => Object.assign(globalThis, { wasNotReloaded: true }));
    await setTitle('/live.mp3', 'Second');
    const second = await CountingSource.start({
      port: server.httpPort,
      mount: '/second.mp3',
      password: sourcePassword,
    });
    await card(page, '/second.mp3').waitFor({ timeout: patienceMs });
    await eventually(
      'the new title is shown',
      async () => (await card(page, '/live.mp3').locator('[data-field=title]').textContent()) === 'Second',
      patienceMs,
    );
    assert.equal((await server.admin('/admin/killsource?mount=/second.mp3')).status, 200);
    await card(page, '/second.mp3').waitFor({ state: 'detached', timeout: patienceMs });
    second.destroy();
    assert.equal(await page.evaluate(() => 'wasNotReloaded' in globalThis), true);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('is told of a stream that is not there', async () => {
    const page = await browser.newPage();
    const response = await page.goto(`${server.url}/nothing-here.mp3`);
    assert.equal(response?.status(), 404);
    assert.match((await page.textContent('body')) ?? '', /404 - The file you requested could not be found/);
    await page.close();
  });
});
