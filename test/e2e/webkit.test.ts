/**
 * The player of the pages in WebKitGTK, by its sound. It has HLS of its own where that is
 * switched on, which brings no sound for most of our forms, so that the player must not use it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { SilentSoundCard } from '../support/silent-sound-card.ts';
import { stations, ToneStations } from '../support/tone-stations.ts';
import { WatchedPlayer } from '../support/watched-player.ts';
import { WebkitBrowser } from '../support/webkit-browser.ts';

let stage: ToneStations;
let card: SilentSoundCard;
let browser: WebkitBrowser;

const playerOf = (mount: string) =>
  new WatchedPlayer(browser, `.card[data-listenurl$="${mount}"] legacystream-player`);

describe('WebKit', { skip: missingProgram('WebKitWebDriver', 'Xvfb', 'pulseaudio', 'ffmpeg') }, () => {
  before(async () => {
    stage = await ToneStations.start();
    card = await SilentSoundCard.start();
    browser = await WebkitBrowser.start({ ...card.env, WEBKIT_GST_ENABLE_HLS_SUPPORT: '1' });
    await browser.open(stage.server.url);
  });

  after(async () => {
    await browser?.close();
    await card?.stop();
    await stage?.stop();
  });

  test('says that it plays HLS itself', async () => {
    const powers = `[navigator.vendor, new Audio().canPlayType('application/vnd.apple.mpegurl')]`;
    assert.deepEqual(await browser.evaluate(powers), ['Apple Computer, Inc.', 'maybe']);
  });

  for (const mount of ['/live.aac', '/packed.aac', '/live.opus', '/live.flac'] as const) {
    test(`plays ${mount} by hls.js, with its title`, async () => {
      const player = playerOf(mount);
      await player.press();
      await player.listen();
      assert.equal((await player.sounds(stations[mount])).way, 'hls');
      assert.equal(await player.text('[data-field=title]'), `Tones - ${mount}`);
      await player.press();
    });
  }

  test('plays MP3 plainly', async () => {
    const player = playerOf('/live.mp3');
    await player.press();
    await player.listen();
    assert.equal((await player.sounds(stations['/live.mp3'])).way, 'plain');
    await player.press();
  });

  test('plays AAC that has no HLS by its address, since it cannot be fed with it', async () => {
    const player = playerOf('/plain.aac');
    await player.press();
    await player.listen();
    assert.equal((await player.sounds(stations['/plain.aac'])).way, 'plain');
    await player.press();
  });

  test('goes over to the plain stream where its own HLS brings no sound', async () => {
    await browser.evaluate(`void Object.defineProperty(navigator, 'platform', { value: 'MacIntel' })`);
    const player = playerOf('/live.aac');
    await player.press();
    assert.equal((await player.sounds(stations['/live.aac'])).way, 'plain');
    await player.press();
  });

  test('says so when a stream is not there', async () => {
    await browser.open(`${stage.server.url}/embed/nothing.mp3`);
    const player = new WatchedPlayer(browser, 'legacystream-player');
    await player.press();
    const { status } = await player.shows('it gives up', ({ state }) => state === 'error');
    assert.equal(status, 'Could not reach the stream');
  });
});
