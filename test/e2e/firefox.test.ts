/** The player of the pages in Firefox, by its sound: every form of HLS, and what has none. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { FirefoxBrowser } from '../support/firefox-browser.ts';
import { SilentSoundCard } from '../support/silent-sound-card.ts';
import { stations, ToneStations } from '../support/tone-stations.ts';
import { WatchedPlayer } from '../support/watched-player.ts';

let stage: ToneStations;
let card: SilentSoundCard;
let browser: FirefoxBrowser;

const playerOf = (mount: string) =>
  new WatchedPlayer(browser, `.card[data-listenurl$="${mount}"] legacystream-player`);

describe('Firefox', { skip: missingProgram('firefox-esr', 'pulseaudio', 'ffmpeg') }, () => {
  before(async () => {
    stage = await ToneStations.start();
    card = await SilentSoundCard.start();
    browser = await FirefoxBrowser.start(card.env);
    await browser.open(stage.server.url);
  });

  after(async () => {
    await browser?.close();
    await card?.stop();
    await stage?.stop();
  });

  for (const mount of ['/live.mp3', '/live.aac', '/packed.aac', '/live.opus', '/live.flac'] as const) {
    test(`plays ${mount} by hls.js, with its title`, async () => {
      const player = playerOf(mount);
      await player.press();
      await player.listen();
      const { way } = await player.sounds(stations[mount]);
      assert.equal(way, 'hls');
      assert.equal(await player.text('[data-field=title]'), `Tones - ${mount}`);
      await player.press();
      assert.deepEqual(browser.complaints, []);
    });
  }

  test('plays plainly what has no HLS', async () => {
    const player = playerOf('/plain.aac');
    await player.press();
    await player.listen();
    assert.equal((await player.sounds(stations['/plain.aac'])).way, 'plain');
    await player.press();
    assert.deepEqual(browser.complaints, []);
  });

  test('goes on when the source was away, on the page for the frames of other sites', async () => {
    await browser.open(`${stage.server.url}/embed/live.opus`);
    const player = new WatchedPlayer(browser, 'legacystream-player');
    await player.press();
    await player.listen();
    await player.sounds(stations['/live.opus']);
    assert.equal(await player.text('.player-title'), 'Tones - /live.opus');
    await stage.drop('/live.opus');
    stage.send('/live.opus', 1500);
    assert.equal((await player.sounds(1500)).way, 'hls');
    assert.deepEqual(browser.complaints, []);
  });
});

describe('Firefox without a sound card', { skip: missingProgram('firefox-esr', 'ffmpeg') }, () => {
  test('gives up and says why', async () => {
    const stage = await ToneStations.start();
    const browser = await FirefoxBrowser.start({ PULSE_SERVER: 'unix:/nonexistent' });
    try {
      await browser.open(`${stage.server.url}/embed/live.mp3`);
      const player = new WatchedPlayer(browser, 'legacystream-player');
      await player.press();
      const { status } = await player.shows('it gives up', ({ state }) => state === 'error');
      assert.equal(status, 'This browser could not play the stream');
    } finally {
      await browser.close();
      await stage.stop();
    }
  });
});
