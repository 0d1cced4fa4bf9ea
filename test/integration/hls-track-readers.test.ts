/**
 * Track readers judged by ffprobe: streams that ffmpeg encodes go through the media
 * pipeline, cut at chance places, and must give the packets that ffprobe finds in the same
 * file: as many, with the same bytes, and as long.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import type { Codec } from '@legacystream/core/codecs/frame-splitter.ts';
import type { HlsContainer, TrackConfig } from '@legacystream/core/hls/track.ts';
import fc from 'fast-check';
import { replayTrack } from '../fixtures/audio/replay-track.ts';
import { missingProgram } from '../programs.mjs';
import { ProgramProcess } from '../support/program-process.ts';

type Case = {
  readonly title: string;
  readonly file: string;
  readonly encoder: readonly string[];
  readonly codec: Codec;
  readonly container: HlsContainer;
  readonly config: Partial<Record<string, unknown>> & { readonly timescale: number };
  /** Where ffprobe must look at the same packets in another container. */
  readonly judge?: string;
};

const mp3 = (title: string, rate: number, channels: number, ...encoder: string[]): Case => ({
  title: `MP3 ${title}`,
  file: `${title.replaceAll(' ', '-')}.mp3`,
  encoder: ['-ar', `${rate}`, '-ac', `${channels}`, '-c:a', 'libmp3lame', ...encoder],
  codec: 'mp3',
  container: 'packed',
  config: { codec: 'mp3', timescale: rate, channels },
});
const aac = (rate: number, container: HlsContainer, channels: number, asc: string): Case => ({
  title: `AAC LC ${rate} ${channels} channels, ${container}`,
  file: `${rate}-${container}.aac`,
  encoder: ['-ar', `${rate}`, '-ac', `${channels}`, '-c:a', 'aac', '-b:a', '96k'],
  codec: 'aac',
  container,
  config: {
    codec: 'aac',
    timescale: rate,
    channels,
    objectType: 2,
    audioSpecificConfig: new Uint8Array(Buffer.from(asc, 'hex')),
  },
  ...(container === 'fmp4' ? { judge: `${rate}.mp4` } : {}),
});
const opus = (frameMs: string, channels: number, family = 0, mapping: readonly number[] = []): Case => ({
  title: `Opus ${frameMs} ms, ${channels} channels`,
  file: `opus-${frameMs}-${channels}.ogg`,
  encoder: [
    '-ar',
    '48000',
    '-ac',
    `${channels}`,
    '-c:a',
    'libopus',
    '-b:a',
    '96k',
    '-frame_duration',
    frameMs,
  ],
  codec: 'ogg-opus',
  container: 'fmp4',
  config: {
    codec: 'opus',
    timescale: 48_000,
    channels,
    inputSampleRateHz: 48_000,
    outputGain: 0,
    mappingFamily: family,
    mapping: Uint8Array.from(mapping),
  },
});
const flac = (codec: 'flac' | 'ogg-flac', bitsPerSample: 16 | 24, rate = 44_100): Case => ({
  title: `${codec} ${bitsPerSample} bit ${rate}`,
  file: `${bitsPerSample}.${codec === 'flac' ? 'flac' : 'oga'}`,
  encoder: [
    '-ar',
    `${rate}`,
    '-ac',
    '2',
    '-c:a',
    'flac',
    '-sample_fmt',
    bitsPerSample === 16 ? 's16' : 's32',
  ],
  codec,
  container: 'fmp4',
  config: { codec: 'flac', timescale: rate, channels: 2, bitsPerSample },
});

const cases: readonly Case[] = [
  mp3('CBR stereo', 44_100, 2, '-b:a', '128k'),
  mp3('VBR stereo', 44_100, 2, '-q:a', '4'),
  mp3('VBR mono', 22_050, 1, '-q:a', '5'),
  mp3('CBR mono', 22_050, 1, '-b:a', '40k'),
  aac(44_100, 'packed', 2, '1210'),
  aac(48_000, 'packed', 1, '1188'),
  aac(44_100, 'fmp4', 1, '1208'),
  aac(48_000, 'fmp4', 2, '1190'),
  opus('2.5', 2),
  opus('10', 1),
  opus('20', 2),
  opus('60', 2),
  opus('20', 6, 1, [4, 2, 0, 4, 1, 2, 3, 5]),
  flac('flac', 16),
  flac('flac', 24, 48_000),
  flac('ogg-flac', 16),
  flac('ogg-flac', 24, 96_000),
];

type Packet = {
  readonly size: string;
  readonly duration_time: string;
  readonly data_hash: string;
  readonly side_data_list?: readonly { readonly discard_padding?: number }[];
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'track-readers-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const quiet = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'];
const noise = 'anoisesrc=d=2.7:c=pink:r=48000:a=0.5:seed=11';

async function probe(file: string): Promise<Packet[]> {
  const show = ['-show_packets', '-show_data_hash', 'md5', '-of', 'json'];
  const json = await ProgramProcess.run('ffprobe', ['-loglevel', 'error', ...show, file]);
  return (JSON.parse(json) as { packets: Packet[] }).packets;
}

const hashOf = (data: Uint8Array) => `MD5:${createHash('md5').update(data).digest('hex')}`;

describe('samples are the packets that ffprobe finds', { skip: missingProgram('ffmpeg', 'ffprobe') }, () => {
  for (const { title, file, encoder, codec, container, config, judge } of cases) {
    test(title, { timeout: 120_000 }, async () => {
      const stream = path.join(folder, file);
      await ProgramProcess.run('ffmpeg', [...quiet, '-f', 'lavfi', '-i', noise, ...encoder, stream]);
      const judged = judge === undefined ? stream : path.join(folder, judge);
      if (judge !== undefined) {
        await ProgramProcess.run('ffmpeg', [...quiet, '-i', stream, '-c', 'copy', judged]);
      }
      const packets = await probe(judged);
      assert.ok(packets.length > 20, `${packets.length} packets`);
      const input = new Uint8Array(fs.readFileSync(stream));

      const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 8 });
      fc.assert(
        fc.property(cuts, (list) => {
          const { samples, configs, gaps, refused, events } = replayTrack(input, codec, container, list);
          assert.deepEqual([gaps, refused, configs.length], [0, 0, 1]);
          assert.equal(events[0]?.type, 'config');
          expectConfig(configs[0]!, config);
          assert.deepEqual(
            samples.map(({ data }) => hashOf(data)),
            packets.map(({ data_hash }) => data_hash),
          );
          const ticks = packets.map(({ duration_time }) =>
            Math.round(Number(duration_time) * config.timescale),
          );
          const last = samples.length - 1;
          for (const [index, { durationTicks }] of samples.entries()) {
            // What a file's end trims off the last packet is not trimmed off the sample.
            const isTrimmed = index === last && codec === 'ogg-opus';
            assert.ok(
              isTrimmed ? ticks[index]! <= durationTicks : ticks[index] === durationTicks,
              `${index}`,
            );
          }
        }),
        { numRuns: 8 },
      );
    });
  }
});

function expectConfig(found: TrackConfig, expected: Case['config']): void {
  const fields: Readonly<Record<string, unknown>> = found;
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(fields[name], value, name);
}
