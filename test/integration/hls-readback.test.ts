/**
 * What HLS is made of, read back by others: hls-parser reads the playlist, mp4box and mediabunny
 * every fragment, ffmpeg decodes all of it. Durations are those of the samples, time stamps go
 * on to the very sample, and nothing is missing or there twice between segments.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as HLS from 'hls-parser';
import { ADTS, BufferSource, EncodedPacketSink, Input, MP3, MP4 } from 'mediabunny';
import { createFile, MP4BoxBuffer } from 'mp4box';
import { missingProgram } from '../programs.mjs';
import { eventually } from '../support/eventually.ts';
import { encodeProgramme, encodings, PacedSource } from '../support/paced-source.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { ServerProcess } from '../support/server-process.ts';

// What it deems wrong it would print.
HLS.setOptions({ silent: true });

const listedS = 40;
const rateHz = 48_000;
/** Durations are written with six decimals. */
const roundingS = 1e-6;

const cases = [
  { name: 'AAC in MP4', mount: '/live.aac', encoding: encodings.aac, isPacked: false, skips: 0 },
  // What an Opus decoder needs to settle; the encoder says how much, and ffmpeg throws it away.
  { name: 'Opus in MP4', mount: '/live.opus', encoding: encodings.opus, isPacked: false, skips: 312 },
  { name: 'FLAC in MP4', mount: '/live.flac', encoding: encodings.flac, isPacked: false, skips: 0 },
  { name: 'MP3, packed', mount: '/live.mp3', encoding: encodings.mp3, isPacked: true, skips: 0 },
  { name: 'AAC, packed', mount: '/packed.aac', encoding: encodings.aac, isPacked: true, skips: 0 },
] as const;

type Piece = { readonly name: string; readonly seconds: number; readonly bytes: Buffer };

type Downloaded = {
  readonly playlist: string;
  readonly init: Buffer | undefined;
  readonly segments: readonly (Piece & { readonly dateMs: number; readonly parts: readonly Piece[] })[];
};

let server: ServerProcess;
let folder: string;
const sources: PacedSource[] = [];
const downloads = new Map<string, Promise<Downloaded>>();

/** Everything that a playlist of enough audio lists; each mount is read once. */
async function download(mount: string): Promise<Downloaded> {
  const base = `${server.url}${mount}/hls/source/`;
  const get = async (name: string) => {
    const response = await fetch(base + name);
    assert.equal(response.status, 200, name);
    return Buffer.from(await response.arrayBuffer());
  };
  const isLong = async () => {
    const text = (await get('live.m3u8')).toString();
    const durations = [...text.matchAll(/#EXTINF:([\d.]+)/g)].map(([, seconds]) => Number(seconds));
    return durations.reduce((sum, seconds) => sum + seconds, 0) >= listedS ? text : undefined;
  };
  await eventually('a playlist', async () => (await fetch(`${base}live.m3u8`)).status === 200, 20_000);
  const playlist = await eventually(`${listedS} s are listed`, isLong, (listedS + 20) * 1000);
  const parsed = HLS.parse(playlist);
  assert.ok(!parsed.isMasterPlaylist);
  const initName = parsed.segments[0]?.map?.uri;
  // What has parts and no address yet is the segment under way.
  const complete = parsed.segments.filter(({ uri }) => uri);
  const segments = complete.map(async ({ uri, duration, programDateTime, parts }) => ({
    name: uri,
    seconds: duration,
    dateMs: programDateTime!.getTime(),
    bytes: await get(uri),
    parts: await Promise.all(
      parts.map(async (part) => ({ name: part.uri, seconds: part.duration!, bytes: await get(part.uri) })),
    ),
  }));
  return {
    playlist,
    init: initName ? await get(initName) : undefined,
    segments: await Promise.all(segments),
  };
}

function downloaded(mount: string): Promise<Downloaded> {
  const download_ = downloads.get(mount) ?? download(mount);
  downloads.set(mount, download_);
  return download_;
}

type Times = { readonly ticks: number; readonly durationTicks: number };

function readWithMp4box(init: Buffer, segment: Buffer): Times[] {
  const box = createFile();
  const read: Times[] = [];
  box.onError = (module, message) => assert.fail(`${module}: ${message}`);
  box.onReady = ({ tracks }) => {
    assert.equal(tracks[0]!.timescale, rateHz);
    box.setExtractionOptions(tracks[0]!.id, undefined, { nbSamples: 1 });
    box.start();
  };
  box.onSamples = (_id, _user, samples) => {
    for (const { dts, cts, duration } of samples) {
      assert.equal(cts, dts);
      read.push({ ticks: dts, durationTicks: duration });
    }
  };
  let at = 0;
  for (const bytes of [init, segment]) {
    box.appendBuffer(MP4BoxBuffer.fromArrayBuffer(Uint8Array.from(bytes).buffer, at));
    at += bytes.length;
  }
  box.flush();
  return read;
}

async function readWithMediabunny(bytes: Buffer): Promise<Times[]> {
  const input = new Input({ source: new BufferSource(bytes), formats: [MP4, ADTS, MP3] });
  const audio = await input.getPrimaryAudioTrack();
  assert.ok(audio);
  const read: Times[] = [];
  for await (const { timestamp, duration } of new EncodedPacketSink(audio).packets()) {
    read.push({ ticks: Math.round(timestamp * rateHz), durationTicks: Math.round(duration * rateHz) });
  }
  input.dispose();
  return read;
}

const ticksOf = (samples: readonly Times[]) =>
  samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0);

function assertContinuous(samples: readonly Times[], from: number): void {
  let ticks = from;
  for (const sample of samples) {
    assert.equal(sample.ticks, ticks);
    ticks += sample.durationTicks;
  }
}

/** Of the tag with which a packed segment begins (RFC 8216 §3.4). */
function timestampOf(segment: Buffer): number {
  const owner = Buffer.from('com.apple.streaming.transportStreamTimestamp\0');
  assert.equal(segment.toString('latin1', 0, 3), 'ID3');
  const at = segment.indexOf(owner);
  assert.ok(at > 0 && at < 200);
  return Number(segment.readBigUInt64BE(at + owner.length));
}

/**
 * What ffmpeg says beyond what it says of any packed MP3: it gives the last frame of a segment,
 * which it has read together with the beginning of the next, the time of that next one.
 */
function complaintsOf({ output }: ProgramProcess): string[] {
  const harmless = /non monotonically increasing dts to muxer/;
  return output.split('\n').filter((line) => line !== '' && !harmless.test(line));
}

async function decodedSamples({ playlist, init, segments }: Downloaded, name: string): Promise<number> {
  const own = await mkdtemp(join(folder, 'copy-'));
  for (const segment of segments) await writeFile(join(own, segment.name), segment.bytes);
  const lines = playlist.split('\n').filter((line) => !/^#EXT-X-(?:PART|PRELOAD|SERVER)/.test(line));
  // Of the segment under way there are only parts.
  const last = lines.findLastIndex((line) => line !== '' && !line.startsWith('#'));
  const initName = /#EXT-X-MAP:URI="([^"]+)"/.exec(playlist)?.[1];
  if (init && initName) await writeFile(join(own, initName), init);
  const file = join(own, 'whole.m3u8');
  await writeFile(file, [...lines.slice(0, last + 1), '#EXT-X-ENDLIST', ''].join('\n'));
  const args = ['-nostdin', '-v', 'error', '-i', file, '-ac', '1', '-f', 's16le', '-'];
  const ffmpeg = new ProgramProcess('ffmpeg', args, { keepsStdout: true });
  assert.equal(await ffmpeg.exited, 0, ffmpeg.output);
  assert.deepEqual(complaintsOf(ffmpeg), [], name);
  return ffmpeg.stdout().byteLength / 2;
}

describe('HLS that is read back', { skip: missingProgram('ffmpeg'), concurrency: true }, () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'legacystream-readback-'));
    server = await ServerProcess.start({
      ini: '[Mount /packed.aac]\nHlsContainer=packed',
      set: ['hls.window=60'],
    });
    for (const { mount, encoding } of cases) {
      const programme = await encodeProgramme(encoding, listedS + 40);
      sources.push(await PacedSource.start(server.httpPort, mount, programme));
    }
  });

  after(async () => {
    for (const source of sources) source.stop();
    await server?.stop();
    if (folder) await rm(folder, { recursive: true });
  });

  for (const { name, mount, isPacked, skips } of cases) {
    test(`${name}: hls-parser and the dates agree with the durations`, async () => {
      const { playlist, segments } = await downloaded(mount);
      const parsed = HLS.parse(playlist);
      assert.ok(!parsed.isMasterPlaylist);
      assert.equal(parsed.targetDuration, 4);
      assert.ok(segments.every(({ seconds }) => Math.round(seconds) <= 4));
      assert.ok(parsed.segments.every(({ discontinuity, gap }) => !discontinuity && !gap));
      for (const [i, { dateMs, seconds }] of segments.slice(0, -1).entries()) {
        const offMs = segments[i + 1]!.dateMs - (dateMs + seconds * 1000);
        // Dates follow the wall clock in steps of 20 ms a segment.
        assert.ok(Math.abs(offMs) <= 21.5, `segment ${i + 1} is ${offMs} ms off`);
      }
    });

    test(`${name}: parts are the segment, byte for byte and second for second`, async () => {
      const { segments } = await downloaded(mount);
      const divided = segments.filter(({ parts }) => parts.length > 0);
      assert.equal(divided.length > 0, !isPacked);
      for (const { name: segment, bytes, seconds, parts } of divided) {
        assert.ok(Buffer.concat(parts.map((part) => part.bytes)).equals(bytes), segment);
        const sum = parts.reduce((total, part) => total + part.seconds, 0);
        assert.ok(Math.abs(sum - seconds) <= parts.length * roundingS, segment);
      }
    });

    test(`${name}: samples follow each other without a gap or an overlap`, async () => {
      const { init, segments } = await downloaded(mount);
      assert.equal(init === undefined, isPacked);
      let ticks = 0;
      for (const { name: segment, bytes, seconds } of segments) {
        const bunny = await readWithMediabunny(init ? Buffer.concat([init, bytes]) : bytes);
        assert.ok(
          Math.abs(ticksOf(bunny) / rateHz - seconds) <= roundingS,
          `${segment}: ${ticksOf(bunny)} ticks`,
        );
        if (init) {
          const box = readWithMp4box(init, bytes);
          assertContinuous(box, ticks);
          assert.deepEqual(bunny, box);
        } else {
          assertContinuous(bunny, 0);
          assert.equal(timestampOf(bytes), Math.round((ticks * 90_000) / rateHz) % 2 ** 33, segment);
        }
        ticks += ticksOf(bunny);
      }
    });

    test(`${name}: ffmpeg decodes as many samples as the playlist says`, async () => {
      const whole = await downloaded(mount);
      const seconds = whole.segments.reduce((sum, segment) => sum + segment.seconds, 0);
      assert.equal(await decodedSamples(whole, name), Math.round(seconds * rateHz) - skips);
    });
  }
});
