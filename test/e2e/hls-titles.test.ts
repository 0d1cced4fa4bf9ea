/**
 * Titles in HLS as a real player shows them: an ID3 cue and a date range, at the moment of the
 * audio that was on air when the title was set.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { HlsBrowser, type HlsListener } from '../support/hls-page.ts';
import {
  encodeProgramme,
  encodings,
  heardSteps,
  PacedSource,
  type Programme,
} from '../support/paced-source.ts';
import { ServerProcess } from '../support/server-process.ts';

const patienceMs = 30_000;
const maxOffS = 0.15;
/** The tone is known to have changed this much after it did: half of the analysed stretch, and the looking. */
const hearingS = 0.04;

let server: ServerProcess;
let browser: HlsBrowser;
let programme: Programme;

async function setTitle(mount: string, song: string): Promise<void> {
  const body = new URLSearchParams({ mode: 'updinfo', mount, song });
  assert.equal((await server.admin('/admin/metadata', { method: 'POST', body })).status, 200);
}

/** Sets a title as the tone changes. @returns the number of the tone */
async function titleAtNextStep(source: PacedSource, mount: string, song: string): Promise<number> {
  const step = Math.ceil(source.atS + 0.1);
  await eventually('the tone changes', () => source.atS >= step, 5_000);
  await setTitle(mount, song);
  return step;
}

type Titled = {
  /** Where the tone changes, on the player's timeline. */
  readonly toneS: number;
  readonly cueS: number;
  readonly rangeS: number;
  readonly fragmentStarts: readonly number[];
};

async function listenForTitle(mount: string, song: string): Promise<Titled> {
  const source = await PacedSource.start(server.httpPort, mount, programme);
  let listener: HlsListener | undefined;
  try {
    await setTitle(mount, 'Before - All');
    listener = await browser.listen(`${server.url}${mount}/playlist.m3u8`);
    const player = listener;
    await eventually('it plays', async () => (await player.position()) > 2.5, patienceMs);
    const step = await titleAtNextStep(source, mount, song);
    const read = async () => {
      const record = await player.record();
      const tone = heardSteps(record.tones, source).find((heard) => heard.step === step);
      const cue = record.cues.find(({ key, data }) => key === 'TIT2' && song.endsWith(data));
      const range = Object.values(record.ranges).find(({ attributes }) =>
        song.endsWith(attributes['X-TITLE'] ?? ' '),
      );
      // That a fragment was played is told after what is in it.
      const isTold = record.events.some(
        (e) => e.name === 'fragment' && Number(e['start']) >= (cue?.start ?? 0) - 0.05,
      );
      return tone && cue && range && isTold && { record, tone, cue, range };
    };
    const { record, tone, cue, range } = await eventually('tone, cue and date range', read, patienceMs).catch(
      async (error: unknown) => {
        const { cues, ranges, events } = await player.record();
        throw new Error(`${String(error)}\n${JSON.stringify({ step, cues, ranges, events })}`);
      },
    );
    const fragmentStarts = record.events
      .filter(({ name }) => name === 'fragment')
      .map((e) => Number(e['start']));
    return { toneS: tone.at - hearingS, cueS: cue.start, rangeS: range.startTime, fragmentStarts };
  } finally {
    source.stop();
    await listener?.close();
  }
}

describe('a title', { skip: missingProgram('chromium', 'ffmpeg'), concurrency: true }, () => {
  before(async () => {
    programme = await encodeProgramme(encodings.aac, 90);
    server = await ServerProcess.start({ ini: '[Mount /packed.aac]\nHlsContainer=packed' });
    browser = await HlsBrowser.start();
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('comes with the audio that it was set with, in MP4', async (t) => {
    const { toneS, cueS, rangeS } = await listenForTitle('/live.aac', 'Erkin Koray - Şaşkın “één”');
    const offMs = (s: number) => Math.round((s - toneS) * 1000);
    t.diagnostic(`cue ${offMs(cueS)} ms, date range ${offMs(rangeS)} ms after the tone`);
    assert.ok(Math.abs(cueS - toneS) <= maxOffS, `the cue is at ${cueS} s, the tone at ${toneS} s`);
    assert.ok(Math.abs(rangeS - toneS) <= maxOffS, `the range is at ${rangeS} s, the tone at ${toneS} s`);
  });

  test('begins a segment of its own in packed audio', async (t) => {
    const { toneS, cueS, rangeS, fragmentStarts } = await listenForTitle(
      '/packed.aac',
      'Erkin Koray - Krallar',
    );
    const offMs = (s: number) => Math.round((s - toneS) * 1000);
    t.diagnostic(`cue ${offMs(cueS)} ms, date range ${offMs(rangeS)} ms after the tone`);
    assert.ok(
      fragmentStarts.some((start) => Math.abs(start - cueS) < 0.03),
      `the cue is at ${cueS} s, segments begin at ${fragmentStarts}`,
    );
    assert.ok(Math.abs(cueS - toneS) <= maxOffS, `the cue is at ${cueS} s, the tone at ${toneS} s`);
    assert.ok(Math.abs(rangeS - toneS) <= maxOffS, `the range is at ${rangeS} s, the tone at ${toneS} s`);
  });
});
