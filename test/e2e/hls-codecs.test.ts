/** hls.js in a real browser, on a page of another origin: every codec and container that HLS is made of. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { fatalErrors, HlsBrowser, longestStillMs } from '../support/hls-page.ts';
import { encodeProgramme, encodings, heardSteps, PacedSource } from '../support/paced-source.ts';
import { ServerProcess } from '../support/server-process.ts';

const playS = 12;
const patienceMs = 30_000;

const cases = [
  { name: 'MP3, packed', mount: '/live.mp3', encoding: encodings.mp3 },
  { name: 'AAC, packed', mount: '/packed.aac', encoding: encodings.aac },
  { name: 'AAC in MP4', mount: '/live.aac', encoding: encodings.aac },
  { name: 'Opus in MP4', mount: '/live.opus', encoding: encodings.opus },
  { name: 'FLAC in MP4', mount: '/live.flac', encoding: encodings.flac },
] as const;

let server: ServerProcess;
let browser: HlsBrowser;

describe('hls.js', { skip: missingProgram('chromium', 'ffmpeg'), concurrency: 2 }, () => {
  before(async () => {
    server = await ServerProcess.start({ ini: '[Mount /packed.aac]\nHlsContainer=packed' });
    browser = await HlsBrowser.start();
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  for (const { name, mount, encoding } of cases) {
    test(`plays ${name}`, async () => {
      const programme = await encodeProgramme(encoding, playS + 60);
      const source = await PacedSource.start(server.httpPort, mount, programme);
      try {
        const listener = await browser.listen(`${server.url}${mount}/playlist.m3u8`);
        await eventually('it begins', async () => (await listener.position()) > 0.5, patienceMs);
        const fromMs = Date.now();
        const fromS = await listener.position();
        const isPlayed = async () => (await listener.position()) > fromS + playS;
        await eventually(`${playS} s are played`, isPlayed, playS * 1000 + patienceMs).catch(
          async (error) => {
            throw new Error(`${error}\n${JSON.stringify(await listener.record())}`);
          },
        );
        const record = await listener.record();
        const log = JSON.stringify(record.events);
        assert.deepEqual(fatalErrors(record), [], log);
        assert.deepEqual(listener.complaints, []);
        assert.ok(longestStillMs(record, fromMs, Date.now()) <= 2_000, log);
        const heard = heardSteps(record.tones, source).filter(({ at }) => at > fromS);
        assert.ok(heard.length >= playS - 2, `${heard.length} changes of tone in ${playS} s\n${log}`);
        await listener.close();
      } finally {
        source.stop();
      }
    });
  }
});
