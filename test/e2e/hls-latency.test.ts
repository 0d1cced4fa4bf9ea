/**
 * How late a listener hears what an encoder sends, by hls.js with low latency in a real browser:
 * measured on the sound itself, from the moment at which a tone went out until it is heard.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { fatalErrors, HlsBrowser, longestStillMs } from '../support/hls-page.ts';
import {
  encodeProgramme,
  encodings,
  heardSteps,
  PacedSource,
  type Programme,
} from '../support/paced-source.ts';
import { ServerProcess } from '../support/server-process.ts';

const settleS = 15;
const measureS = 25;
const maxLateMs = 2_500;
const patienceMs = 20_000;

let server: ServerProcess;
let browser: HlsBrowser;
let programme: Programme;

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

describe('hls.js with low latency', { skip: missingProgram('chromium', 'ffmpeg') }, () => {
  before(async () => {
    programme = await encodeProgramme(encodings.aac, settleS + measureS + 40);
    server = await ServerProcess.start();
    browser = await HlsBrowser.start();
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  test(`lets a listener hear an encoder no more than ${maxLateMs} ms late`, async (t) => {
    const source = await PacedSource.start(server.httpPort, '/live.aac', programme);
    try {
      const listener = await browser.listen(`${server.url}/live.aac/playlist.m3u8`);
      const played = (seconds: number, timeoutMs: number) =>
        eventually(`${seconds} s are played`, async () => (await listener.position()) > seconds, timeoutMs);
      await played(0.5, patienceMs);
      const fromS = (await listener.position()) + settleS;
      await played(fromS + measureS, (settleS + measureS) * 1000 + patienceMs);
      const record = await listener.record();
      const heard = heardSteps(record.tones, source).filter(({ at }) => at > fromS);
      const late = heard.map(({ lateMs }) => lateMs);
      const samples = record.samples.filter(({ at }) => at > fromS);
      const byDates = samples.map(({ wallMs, playingMs }) => wallMs - (playingMs ?? 0));
      const estimates = samples.map(({ latencyS }) => latencyS * 1000);
      const buffered = samples.map(({ bufferedS }) => bufferedS * 1000);
      const spread = (values: readonly number[]) =>
        `median ${Math.round(median(values))} ms, greatest ${Math.round(Math.max(...values))} ms`;
      t.diagnostic(`encoder to ear: ${spread(late)}`);
      t.diagnostic(
        `by the dates of the playlist: ${spread(byDates)}; as hls.js estimates: ${spread(estimates)}`,
      );
      t.diagnostic(`least buffer ${Math.round(Math.min(...buffered))} ms`);
      assert.deepEqual(fatalErrors(record), []);
      assert.deepEqual(listener.complaints, []);
      assert.ok(longestStillMs(record, samples[0]!.wallMs, samples.at(-1)!.wallMs) <= 2_000, 'stood still');
      assert.ok(late.length >= measureS - 2, `${late.length} tones in ${measureS} s`);
      assert.ok(Math.max(...late) <= maxLateMs, late.map(Math.round).join(' '));
      // What the dates say is what the ear hears, but for the encoder's frame and the sampling of the sound.
      assert.ok(Math.abs(median(byDates) - median(late)) < 400, `${median(byDates)} and ${median(late)} ms`);
    } finally {
      source.stop();
    }
  });
});
