/**
 * HLS by players that are no browsers: ffmpeg decodes it tone by tone as it was sent, mpv plays
 * it in time.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { MpvPlayer } from '../support/mpv-player.ts';
import { encodeProgramme, encodings, PacedSource, stepOf, toneSteps } from '../support/paced-source.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { ServerProcess } from '../support/server-process.ts';

const decodeS = 20;
const playS = 10;
const patienceMs = 40_000;
const rateHz = 16_000;
/** Tones are told apart in stretches of this length. */
const stretchS = 0.05;

const cases = [
  { name: 'MP3, packed', mount: '/live.mp3', encoding: encodings.mp3 },
  { name: 'AAC, packed', mount: '/packed.aac', encoding: encodings.aac },
  { name: 'AAC in MP4', mount: '/live.aac', encoding: encodings.aac },
  { name: 'Opus in MP4', mount: '/live.opus', encoding: encodings.opus },
  { name: 'FLAC in MP4', mount: '/live.flac', encoding: encodings.flac },
] as const;

let server: ServerProcess;
let folder: string;
const sources: PacedSource[] = [];

const urlOf = (mount: string) => `${server.url}${mount}/playlist.m3u8`;

type Run = { readonly step: number; seconds: number };

/** The tones of mono samples one after the other, by zero crossings. */
function runsOf(samples: Buffer): Run[] {
  const runs: Run[] = [];
  const stretch = Math.round(stretchS * rateHz);
  for (let from = 0; (from + stretch) * 2 <= samples.byteLength; from += stretch) {
    let crossings = 0;
    for (let i = from + 1; i < from + stretch; i += 1) {
      if (samples.readInt16LE(i * 2 - 2) < 0 !== samples.readInt16LE(i * 2) < 0) crossings += 1;
    }
    // Where one tone follows another a stretch may be both or neither.
    const step = stepOf(crossings / 2 / stretchS) ?? -1;
    const last = runs.at(-1);
    if (last?.step === step) last.seconds += stretchS;
    else runs.push({ step, seconds: stretchS });
  }
  return runs.filter(({ step, seconds }) => step >= 0 && seconds > 3 * stretchS);
}

/**
 * What ffmpeg says beyond what it says of any packed MP3: it gives the last frame of a segment,
 * which it has read together with the beginning of the next, the time of that next one.
 */
function complaintsOf({ output }: ProgramProcess): string[] {
  const harmless = /non monotonically increasing dts to muxer/;
  return output.split('\n').filter((line) => line !== '' && !harmless.test(line));
}

describe('HLS', { skip: missingProgram('ffmpeg', 'mpv'), concurrency: true }, () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'legacystream-hls-'));
    server = await ServerProcess.start({ ini: '[Mount /packed.aac]\nHlsContainer=packed' });
    for (const { mount, encoding } of cases) {
      const programme = await encodeProgramme(encoding, 120);
      sources.push(await PacedSource.start(server.httpPort, mount, programme));
    }
  });

  after(async () => {
    for (const source of sources) source.stop();
    await server?.stop();
    if (folder) await rm(folder, { recursive: true });
  });

  for (const { name, mount } of cases) {
    test(`is decoded by ffmpeg as it was sent: ${name}`, async () => {
      const output = ['-t', `${decodeS}`, '-ac', '1', '-ar', `${rateHz}`, '-f', 's16le', '-'];
      const ffmpeg = new ProgramProcess(
        'ffmpeg',
        ['-nostdin', '-v', 'error', '-i', urlOf(mount), ...output],
        {
          keepsStdout: true,
        },
      );
      try {
        const done = await eventually(
          'ffmpeg is done',
          () => !ffmpeg.isRunning,
          (decodeS + 10) * 1000 + patienceMs,
        );
        assert.ok(done);
        assert.equal(await ffmpeg.exited, 0, ffmpeg.output);
        assert.deepEqual(complaintsOf(ffmpeg), []);
        const samples = ffmpeg.stdout();
        // Less by a frame or two, where it cuts at the time of a packet.
        assert.ok(samples.byteLength / 2 / rateHz > decodeS - 0.1);
        const runs = runsOf(samples);
        const text = runs.map(({ step, seconds }) => `${step}: ${seconds.toFixed(2)}`).join(', ');
        assert.ok(runs.length >= decodeS - 1, text);
        for (const [i, { step, seconds }] of runs.slice(1, -1).entries()) {
          assert.equal(step, (runs[i]!.step + 1) % toneSteps, text);
          assert.ok(Math.abs(seconds - 1) <= 2.5 * stretchS, text);
        }
      } finally {
        await ffmpeg.stop('SIGKILL');
      }
    });

    test(`is played by mpv: ${name}`, async () => {
      const mpv = new MpvPlayer(urlOf(mount), folder, mount.slice(1));
      try {
        const began = async () => (await mpv.position()) > 0;
        await eventually('mpv begins', began, patienceMs).catch((error) => {
          throw new Error(`${error}\n${mpv.program.output}`);
        });
        const fromS = await mpv.position();
        const isPlayed = async () => (await mpv.position()) > fromS + playS;
        await eventually(`mpv plays ${playS} s`, isPlayed, playS * 1000 + patienceMs);
        await mpv.quit();
      } finally {
        await mpv.stop();
      }
    });
  }
});
