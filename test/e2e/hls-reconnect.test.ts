/**
 * hls.js in a real browser while the source comes and goes: what a listener hears of an encoder
 * that reconnects, that is away for longer than a playlist may stand still, and that comes back
 * with another codec.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import {
  fatalErrors,
  HlsBrowser,
  type HlsListener,
  longestStillMs,
  type PlayerRecord,
} from '../support/hls-page.ts';
import {
  encodeProgramme,
  encodings,
  heardSteps,
  PacedSource,
  type Programme,
} from '../support/paced-source.ts';
import { ServerProcess } from '../support/server-process.ts';

const playS = 60;
const breakAtS = 25;
const patienceMs = 20_000;
/** Beyond what a listener is behind live: sampling, and the time to hear which tone it is. */
const slackMs = 600;

let server: ServerProcess;
let browser: HlsBrowser;
let aac: Programme;
let mp3: Programme;

type Broken = {
  readonly record: PlayerRecord;
  readonly second: PacedSource;
  readonly startMs: number;
  readonly breakMs: number;
  readonly backMs: number;
};

/** A minute at a mount whose source goes away once; the programme goes on meanwhile. */
async function playThrough(
  mount: string,
  first: Programme,
  next: Programme,
  awayMs: number,
  restartAfterMs = 0,
): Promise<Broken> {
  let source = await PacedSource.start(server.httpPort, mount, first);
  let listener: HlsListener | undefined;
  try {
    listener = await browser.listen(`${server.url}${mount}/playlist.m3u8`, restartAfterMs);
    const heard = listener;
    await eventually('it plays', async () => (await heard.position()) > 0.5, patienceMs);
    const startMs = Date.now();
    await until(startMs + breakAtS * 1000);
    source.stop();
    const breakMs = Date.now();
    await until(breakMs + awayMs);
    source = await PacedSource.start(server.httpPort, mount, next, source.atS);
    const backMs = Date.now();
    await until(startMs + playS * 1000);
    return { record: await listener.record(), second: source, startMs, breakMs, backMs };
  } finally {
    source.stop();
    await listener?.close();
  }
}

const until = (wallMs: number) =>
  eventually('the time has come', () => Date.now() >= wallMs, wallMs - Date.now() + 5_000);

/** When the tones of the programme went on after the source was back, and how late they are at the end. */
function recovery(play: Broken): { afterMs: number; lateMs: number; changes: number } {
  const { record, second, backMs } = play;
  const heard = heardSteps(record.tones, second).filter(
    ({ step }) => step > (backMs - second.startedMs) / 1000,
  );
  assert.ok(heard.length > 0, `the programme was heard again\n${log(play)}`);
  return {
    afterMs: heard[0]!.wallMs - backMs,
    lateMs: heard.at(-1)!.lateMs,
    changes: heard.length,
  };
}

const log = ({ record, backMs }: Broken) =>
  record.events
    .map(({ wallMs, ...event }) => `${((wallMs - backMs) / 1000).toFixed(2)} s ${JSON.stringify(event)}`)
    .join('\n')
    .slice(0, 8_000);

describe('hls.js', { skip: missingProgram('chromium', 'ffmpeg'), concurrency: true }, () => {
  before(async () => {
    [aac, mp3] = await Promise.all([
      encodeProgramme(encodings.aac, playS + 30),
      encodeProgramme(encodings.mp3, playS + 30),
    ]);
    server = await ServerProcess.start();
    browser = await HlsBrowser.start();
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('plays on without standing still when a source reconnects within a second', async (t) => {
    const play = await playThrough('/reconnects.aac', aac, aac, 1_000);
    const { record, startMs, backMs } = play;
    const stillMs = longestStillMs(record, startMs, startMs + playS * 1000);
    const { afterMs, lateMs, changes } = recovery(play);
    t.diagnostic(`stood still for ${stillMs} ms, the programme heard again ${afterMs} ms after it was back`);
    assert.deepEqual(fatalErrors(record), [], log(play));
    assert.ok(stillMs <= 2_000, `${stillMs} ms\n${log(play)}`);
    assert.ok(afterMs <= 4_000 + slackMs, `${afterMs} ms\n${log(play)}`);
    assert.ok(lateMs <= 2_500, `${lateMs} ms late`);
    const wholeSteps = (startMs + playS * 1000 - backMs) / 1000;
    assert.ok(changes >= wholeSteps - 6, `${changes} steps of ${wholeSteps} were heard`);
  });

  test('plays on when a source comes back after eight seconds, behind live by no more than the gap', async (t) => {
    const play = await playThrough('/away.aac', aac, aac, 8_000);
    const { record, startMs, breakMs, backMs } = play;
    const stillBeforeMs = longestStillMs(record, startMs, breakMs);
    const { afterMs, lateMs } = recovery(play);
    t.diagnostic(`the programme heard again ${afterMs} ms after it was back, then ${lateMs} ms late`);
    assert.deepEqual(fatalErrors(record), [], log(play));
    assert.ok(stillBeforeMs <= 2_000, `${stillBeforeMs} ms before`);
    // A blocked request that hls.js gives up (after 0.8 target durations) is asked again only much later.
    assert.ok(afterMs <= 4_000 + slackMs, `${afterMs} ms\n${log(play)}`);
    const stillMs = longestStillMs(record, backMs + afterMs, startMs + playS * 1000);
    assert.ok(stillMs <= 2_000, `${stillMs} ms after\n${log(play)}`);
    assert.ok(lateMs <= 12_000, `${lateMs} ms late`);
  });

  test('plays another codec once the page has loaded the stream anew', async (t) => {
    // hls.js appends the new codec to the buffer of the old one, and stands still without a word.
    const restartAfterMs = 3_000;
    const play = await playThrough('/changes', mp3, aac, 1_000, restartAfterMs);
    const { record, startMs, breakMs, backMs } = play;
    const stillBeforeMs = longestStillMs(record, startMs, breakMs);
    const { afterMs, lateMs } = recovery(play);
    t.diagnostic(`the programme heard again ${afterMs} ms after it was back, then ${lateMs} ms late`);
    assert.deepEqual(fatalErrors(record), [], log(play));
    assert.ok(stillBeforeMs <= 2_000, `${stillBeforeMs} ms before`);
    assert.ok(afterMs <= 12_000, `${afterMs} ms\n${log(play)}`);
    const stillMs = longestStillMs(record, backMs + afterMs, startMs + playS * 1000);
    assert.ok(stillMs <= 2_000, `${stillMs} ms after\n${log(play)}`);
    assert.ok(lateMs <= 4_000, `${lateMs} ms late`);
  });
});
