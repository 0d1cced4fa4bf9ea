/**
 * Real players: each decodes some seconds of a tone without a hole, and shows the title and
 * its change where the format and the player know titles.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { countingFormats } from '../support/counting-frames.ts';
import { readCountingFrames } from '../support/counting-reader.ts';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { MpvPlayer } from '../support/mpv-player.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { type StatusSource, statusSources } from '../support/server-views.ts';
import { judgeTone, toneHz, toneInput } from '../support/tone-judge.ts';

const counted = countingFormats.mp3At128;
const patienceMs = 25_000;
/** Of 16-bit stereo at 44.1 kHz. */
const wavBytesPerSecond = 44_100 * 4;

/** What one ffmpeg encodes, and the mounts that it goes to: each player has one of its own. */
const encodings = [
  {
    options: ['-c:a', 'libmp3lame', '-b:a', '128k'],
    muxer: 'f=mp3:content_type=audio/mpeg',
    mounts: ['/mpv.mp3', '/mplayer.mp3', '/mpg123.mp3', '/ffmpeg.mp3'],
  },
  {
    options: ['-c:a', 'aac', '-b:a', '96k'],
    muxer: 'f=adts:content_type=audio/aac',
    mounts: ['/mpv.aac', '/mplayer.aac', '/ffmpeg.aac'],
  },
  {
    options: ['-c:a', 'libvorbis', '-b:a', '96k'],
    muxer: 'f=ogg:content_type=application/ogg',
    mounts: ['/mpv.ogg', '/ffmpeg.ogg'],
  },
  {
    options: ['-c:a', 'flac'],
    muxer: 'f=ogg:content_type=application/ogg',
    mounts: ['/mpv.flac.ogg', '/ffmpeg.flac.ogg'],
  },
  {
    options: ['-c:a', 'flac'],
    muxer: 'f=flac:content_type=audio/flac',
    mounts: ['/mpv.flac', '/ffmpeg.flac'],
  },
] as const;

let server: ServerProcess;
let folder: string;
let encoder: ProgramProcess;
let source: CountingSource;

const urlOf = (mount: string) => `${server.url}${mount}`;

async function setTitle(mount: string, song: string): Promise<void> {
  const body = new URLSearchParams({ mode: 'updinfo', mount, song });
  assert.equal((await server.admin('/admin/metadata', { method: 'POST', body })).status, 200);
}

const prints = (program: ProgramProcess, pattern: RegExp) =>
  eventually(`${program.name} prints ${pattern}`, () => pattern.test(program.output), patienceMs).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}\n${program.output.slice(-2000)}`);
    },
  );

const grown = (file: string, seconds: number) =>
  eventually(
    `${seconds} s in ${file}`,
    async () => existsSync(file) && (await stat(file)).size > seconds * wavBytesPerSecond,
    patienceMs,
  );

async function assertTone(file: string, seconds: number): Promise<void> {
  const tone = await judgeTone(await readFile(file));
  assert.ok(tone.seconds >= seconds, `${tone.seconds} s`);
  assert.ok(Math.abs(tone.hz - toneHz) < 1, `${tone.hz} Hz`);
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'legacystream-players-'));
  server = await ServerProcess.start({ set: ['streaming.defaultLatency=2'] });
  source = await CountingSource.start({
    port: server.httpPort,
    mount: '/counted.mp3',
    password: sourcePassword,
  });
  if (missingProgram('ffmpeg')) return;
  const target = `icecast://source:${sourcePassword}@127.0.0.1:${server.httpPort}`;
  const outputs = encodings.flatMap(({ options, muxer, mounts }) => [
    ...['-map', '0', ...options, '-f', 'tee'],
    mounts.map((mount) => `[${muxer}]${target}${mount}`).join('|'),
  ]);
  encoder = new ProgramProcess('ffmpeg', ['-v', 'error', ...toneInput(120), ...outputs]);
  const mounts = encodings.flatMap(({ mounts: all }) => [...all]);
  // Without its headers read, a mount could not be told its title in band.
  const isKnown = (source: StatusSource | undefined) =>
    source !== undefined && ('ice-samplerate' in source || 'audio_samplerate' in source);
  await eventually(
    'all mounts are on air',
    async () => {
      const sources = await statusSources(server);
      return mounts.every((mount) => isKnown(sources.get(mount)));
    },
    patienceMs,
  );
  for (const mount of mounts) await setTitle(mount, 'First - Title');
});

after(async () => {
  source?.destroy();
  await encoder?.stop('SIGKILL');
  await server?.stop();
  if (folder) await rm(folder, { recursive: true });
});

describe('players', { concurrency: true }, () => {
  for (const mount of ['/mpv.mp3', '/mpv.aac', '/mpv.ogg']) {
    test(`mpv shows the titles of ${mount}`, { skip: missingProgram('mpv', 'ffmpeg') }, async () => {
      const mpv = new MpvPlayer(urlOf(mount), folder, `titles-${mount.slice(1)}`);
      const shows = (title: string) =>
        eventually(`mpv shows ${title}`, async () => (await mpv.title()) === title, patienceMs);
      try {
        await shows('First - Title');
        const from = await mpv.position();
        await setTitle(mount, 'Second – Türkü');
        await shows('Second – Türkü');
        await eventually('mpv plays on', async () => (await mpv.position()) > from + 3, patienceMs);
        await mpv.quit();
      } finally {
        await mpv.stop();
      }
    });
  }

  for (const mount of ['/mpv.mp3', '/mpv.aac', '/mpv.ogg', '/mpv.flac.ogg', '/mpv.flac']) {
    test(`mpv decodes ${mount}`, { skip: missingProgram('mpv', 'ffmpeg', 'ffprobe') }, async () => {
      const file = join(folder, `${mount.slice(1)}.wav`);
      const mpv = new MpvPlayer(urlOf(mount), folder, mount.slice(1), file);
      try {
        await grown(file, 5);
        await mpv.quit();
        await assertTone(file, 4.5);
      } finally {
        await mpv.stop();
      }
    });
  }

  for (const mount of ['/mplayer.mp3', '/mplayer.aac']) {
    test(`mplayer on ${mount}`, { skip: missingProgram('mplayer', 'ffmpeg', 'ffprobe') }, async () => {
      const file = join(folder, `${mount.slice(1)}.wav`);
      const quiet = ['-nolirc', '-noconsolecontrols', '-vo', 'null', '-quiet'];
      const mplayer = new ProgramProcess('mplayer', [...quiet, '-ao', `pcm:fast:file=${file}`, urlOf(mount)]);
      try {
        await prints(mplayer, /^ICY Info: StreamTitle='First - Title';/m);
        await setTitle(mount, "It's the second");
        await prints(mplayer, /^ICY Info: StreamTitle='It's the second';/m);
        await grown(file, 5);
        await mplayer.stop('SIGINT');
        await assertTone(file, 4.5);
      } finally {
        await mplayer.stop('SIGKILL');
      }
    });
  }

  test('mpg123', { skip: missingProgram('mpg123', 'ffmpeg', 'ffprobe') }, async () => {
    const file = join(folder, 'mpg123.wav');
    const mpg123 = new ProgramProcess('mpg123', ['-w', file, urlOf('/mpg123.mp3')]);
    try {
      await prints(mpg123, /^ICY-META: StreamTitle='First - Title';/m);
      await setTitle('/mpg123.mp3', "It's the second");
      await prints(mpg123, /^ICY-META: StreamTitle='It's the second';/m);
      await grown(file, 5);
      await mpg123.stop('SIGINT');
      await assertTone(file, 4.5);
      assert.doesNotMatch(mpg123.output, /error|warning|resync/i);
    } finally {
      await mpg123.stop('SIGKILL');
    }
  });

  for (const mount of ['/ffmpeg.mp3', '/ffmpeg.aac', '/ffmpeg.ogg', '/ffmpeg.flac.ogg', '/ffmpeg.flac']) {
    test(`ffmpeg on ${mount}`, { skip: missingProgram('ffmpeg', 'ffprobe') }, async () => {
      const file = join(folder, `${mount.slice(1)}.wav`);
      const ffmpeg = new ProgramProcess('ffmpeg', ['-v', 'verbose', '-i', urlOf(mount), '-t', '7', file]);
      const isIcy = /\.(?:mp3|aac)$/.test(mount);
      try {
        if (isIcy) {
          await prints(ffmpeg, /Metadata update for StreamTitle: First - Title/);
          await setTitle(mount, 'Second');
          await prints(ffmpeg, /Metadata update for StreamTitle: Second/);
        }
        assert.equal(await ffmpeg.exited, 0, ffmpeg.output);
        await assertTone(file, 6.9);
      } finally {
        await ffmpeg.stop('SIGKILL');
      }
    });
  }

  test('streamripper splits by title, between frames', { skip: missingProgram('streamripper') }, async () => {
    const mount = '/counted.mp3';
    const target = join(folder, 'ripped');
    await setTitle(mount, 'Who - First');
    const args = [urlOf(mount), '-d', target, '-s', '-l', '40', '--xs-none', '-u', 'Streamripper/1.x'];
    const streamripper = new ProgramProcess('streamripper', args);
    try {
      await prints(streamripper, /Who - First/);
      await setTitle(mount, 'Who - Second');
      const secondFrom = source.nextNumber;
      await eventually('the second has played', () => source.nextNumber - secondFrom > 125, patienceMs);
      await setTitle(mount, 'Who - Third');
      const secondTo = source.nextNumber;
      const file = join(target, 'Who - Second.mp3');
      await eventually('the second is complete', () => existsSync(file), patienceMs);
      const ripped = await readFile(file);
      // Its own tag stands before the audio; it cuts where the metadata block stood.
      const { gaps, numbers } = readCountingFrames(ripped, counted);
      assert.deepEqual(gaps, []);
      const interval = Math.ceil(16_000 / counted.frameBytes) + 10;
      assert.ok(Math.abs(numbers[0]! - secondFrom) < interval, `${numbers[0]} for ${secondFrom}`);
      assert.ok(Math.abs(numbers.at(-1)! - secondTo) < interval, `${numbers.at(-1)} for ${secondTo}`);
    } finally {
      await streamripper.stop('SIGKILL');
    }
  });

  for (const [what, options] of [
    ['HTTP/1.1', []],
    ['HTTP/1.0', ['--http1.0']],
    ['an open range', ['-r', '0-']],
    ['a range of two bytes', ['-r', '0-1']],
  ] as const) {
    test(`curl with ${what}`, { skip: missingProgram('curl') }, async () => {
      const args = ['-sS', '-i', '--max-time', '3', ...options, urlOf('/counted.mp3')];
      const curl = new ProgramProcess('curl', args, { keepsStdout: true });
      await curl.exited;
      const all = curl.stdout();
      const end = all.indexOf('\r\n\r\n');
      const head = all.toString('latin1', 0, end);
      assert.match(head, what === 'HTTP/1.0' ? /^HTTP\/1\.0 200 OK/ : /^HTTP\/1\.1 200 OK/);
      assert.doesNotMatch(head, /^(?:content-range|transfer-encoding)/im);
      const { gaps, numbers, tornBytes } = readCountingFrames(all.subarray(end + 4), counted);
      assert.deepEqual([tornBytes, gaps], [0, []]);
      assert.ok(numbers.length > 100, `${numbers.length} frames`);
    });
  }

  test('curl that asks for the head only', { skip: missingProgram('curl') }, async () => {
    const curl = await ProgramProcess.run('curl', ['-sS', '-I', '--max-time', '5', urlOf('/counted.mp3')]);
    assert.match(curl, /^HTTP\/1\.1 200 OK[\s\S]*\r\nContent-Type: audio\/mpeg\r\n/);
  });
});
