/**
 * The containers of HLS before real judges: audio of real encoders is put into an init segment
 * and fragments of about half a second, and ffmpeg, ffprobe, mp4box and mediabunny read it back
 * sample for sample and tick for tick. Packed audio is judged by ffmpeg.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { type AdtsHeader, parseAdtsHeader } from '@legacystream/core/codecs/adts-header.ts';
import { parseFlacFrameHeader } from '@legacystream/core/codecs/flac-frame-header.ts';
import { FlacSplitter } from '@legacystream/core/codecs/flac-splitter.ts';
import { parseFlacStreamInfo } from '@legacystream/core/codecs/flac-stream-info.ts';
import { parseMp3Header } from '@legacystream/core/codecs/mp3-header.ts';
import { collectOggPackets, readOggPages } from '@legacystream/core/codecs/ogg-packets.ts';
import { type FragmentedConfig, initSegment } from '@legacystream/core/hls/init-segment.ts';
import { type FragmentTitle, mediaFragment } from '@legacystream/core/hls/media-fragment.ts';
import { packedTag, timestamp90k } from '@legacystream/core/hls/packed-audio.ts';
import { codecsAttribute, type Sample } from '@legacystream/core/hls/track.ts';
import { BufferSource, EncodedPacketSink, Input, MP4 } from 'mediabunny';
import { createFile, MP4BoxBuffer } from 'mp4box';
import { missingProgram } from '../programs.mjs';
import { ProgramProcess } from '../support/program-process.ts';

const seconds = 20;
const fragmentSeconds = 0.5;
const fragmentsPerTitle = 8;
/** Noise: no two pieces of it are alike, and it is hard to compress. */
const noise = (rateHz: number) => `anoisesrc=amplitude=0.5:seed=7:sample_rate=${rateHz}:duration=${seconds}`;

type Track = { readonly config: FragmentedConfig; readonly samples: readonly Sample[] };

type Case = {
  readonly name: string;
  readonly rateHz: number;
  readonly channels: number;
  readonly encode: readonly string[];
  readonly demux: (bytes: Uint8Array) => Track;
  /** Where the timeline begins. */
  readonly baseTicks: number;
  readonly sampleBits?: number;
  readonly hasLargeSamples?: true;
};

const cases: readonly Case[] = [
  {
    name: 'AAC-LC of 44.1 kHz, stereo',
    rateHz: 44_100,
    channels: 2,
    encode: ['-c:a', 'aac', '-b:a', '128k', '-f', 'adts'],
    demux: demuxAdts,
    baseTicks: 0,
  },
  {
    name: 'AAC-LC of 24 kHz, mono, after 2^32 ticks',
    rateHz: 24_000,
    channels: 1,
    encode: ['-c:a', 'aac', '-b:a', '48k', '-f', 'adts'],
    demux: demuxAdts,
    baseTicks: 2 ** 33 + 24_000,
  },
  {
    name: 'Opus of 20 ms',
    rateHz: 48_000,
    channels: 2,
    encode: ['-c:a', 'libopus', '-b:a', '96k', '-frame_duration', '20', '-f', 'ogg'],
    demux: (bytes) => demuxOggOpus(bytes, 960),
    baseTicks: 0,
  },
  {
    name: 'Opus of 60 ms, mono, across 2^32 ticks',
    rateHz: 48_000,
    channels: 1,
    encode: ['-c:a', 'libopus', '-b:a', '48k', '-frame_duration', '60', '-f', 'ogg'],
    demux: (bytes) => demuxOggOpus(bytes, 2880),
    baseTicks: 2 ** 32 - 10 * 48_000,
  },
  {
    name: 'FLAC of 16 bits and 44.1 kHz',
    rateHz: 44_100,
    channels: 2,
    encode: ['-c:a', 'flac', '-sample_fmt', 's16', '-f', 'flac'],
    demux: demuxFlac,
    baseTicks: 0,
  },
  {
    name: 'FLAC of 24 bits and 48 kHz, in frames of more than 64 KiB',
    rateHz: 48_000,
    channels: 2,
    encode: ['-c:a', 'flac', '-sample_fmt', 's32', '-frame_size', '32768', '-f', 'flac'],
    demux: demuxFlac,
    baseTicks: 0,
    sampleBits: 24,
    hasLargeSamples: true,
  },
];

function demuxAdts(bytes: Uint8Array): Track {
  const samples: Sample[] = [];
  let header: AdtsHeader | undefined;
  for (let at = 0; at < bytes.length; at += header.frameBytes) {
    header = parseAdtsHeader(bytes, at);
    assert.ok(header !== undefined && header.rawBlocks === 1);
    const data = bytes.subarray(at + (header.hasCrc ? 9 : 7), at + header.frameBytes);
    samples.push({ data, durationTicks: header.samples });
  }
  assert.ok(header !== undefined);
  const { objectType, sampleRateIndex, channelConfig } = header;
  const bits = (objectType << 11) | (sampleRateIndex << 7) | (channelConfig << 3);
  return {
    config: {
      codec: 'aac',
      timescale: header.sampleRateHz,
      channels: header.channels,
      objectType,
      audioSpecificConfig: Uint8Array.of(bits >> 8, bits & 0xff),
    },
    samples,
  };
}

function demuxOggOpus(bytes: Uint8Array, durationTicks: number): Track {
  const [head, , ...packets] = collectOggPackets(readOggPages(bytes));
  const view = new DataView(head!.buffer, head!.byteOffset, head!.length);
  return {
    config: {
      codec: 'opus',
      timescale: 48_000,
      channels: view.getUint8(9),
      preSkip: view.getUint16(10, true),
      inputSampleRateHz: view.getUint32(12, true),
      outputGain: view.getInt16(16, true),
      mappingFamily: view.getUint8(18),
      mapping: head!.subarray(19),
    },
    samples: packets.map((data) => ({ data, durationTicks })),
  };
}

function demuxFlac(bytes: Uint8Array): Track {
  const splitter = new FlacSplitter();
  const events = [...splitter.push(bytes), ...splitter.flush()];
  const headers = events.find((event) => event.type === 'headers');
  assert.ok(headers !== undefined);
  const streamInfo = headers.data.subarray(8);
  const info = parseFlacStreamInfo(streamInfo, 0);
  assert.ok(info !== undefined);
  const { sampleRateHz: timescale, channels, bitsPerSample } = info;
  return {
    config: { codec: 'flac', timescale, channels, bitsPerSample, streamInfo },
    samples: events
      .filter((event) => event.type === 'frame')
      .map(({ data }) => {
        const header = parseFlacFrameHeader(data, 0, data.length, info);
        assert.ok(header !== undefined);
        return { data, durationTicks: header.blockSamples };
      }),
  };
}

type Timed = { readonly ticks: number; readonly durationTicks: number; readonly data: Uint8Array };

/** Each sample with the time at which it must be found again. */
function placeOnTimeline({ samples }: Track, baseTicks: number): Timed[] {
  let ticks = baseTicks;
  return samples.map(({ data, durationTicks }) => {
    ticks += durationTicks;
    return { ticks: ticks - durationTicks, durationTicks, data };
  });
}

function cutFragments({ config, samples }: Track, baseTicks: number) {
  const fragments: Uint8Array[] = [];
  const titles: FragmentTitle[] = [];
  let open: Sample[] = [];
  let openTicks = 0;
  let startTicks = baseTicks;
  const close = () => {
    if (open.length === 0) return;
    const begun: FragmentTitle[] = [];
    if (fragments.length % fragmentsPerTitle === 0) {
      const id = titles.length + 1;
      const atTicks = startTicks + open[0]!.durationTicks;
      begun.push({ atTicks, id, title: { title: `Lied ${id}`, artist: 'Müller', url: '' } });
    }
    titles.push(...begun);
    const sequence = fragments.length + 1;
    fragments.push(mediaFragment({ config, sequence, baseTicks: startTicks, samples: open, titles: begun }));
    startTicks += openTicks;
    open = [];
    openTicks = 0;
  };
  for (const sample of samples) {
    open.push(sample);
    openTicks += sample.durationTicks;
    if (openTicks >= fragmentSeconds * config.timescale) close();
  }
  close();
  return { fragments, titles };
}

/** Runs ffmpeg or ffprobe; a warning is a failure. */
async function judge(
  name: 'ffmpeg' | 'ffprobe',
  args: readonly string[],
  input: Uint8Array = new Uint8Array(0),
): Promise<Buffer> {
  const program = new ProgramProcess(name, ['-v', 'warning', ...args], { input, keepsStdout: true });
  const code = await program.exited;
  // Bare ADTS has no duration that a program could look up.
  const said = program.output.replace(/^.*Estimating duration from bitrate.*\n/gm, '');
  assert.equal(said, '', `${name} has nothing to say`);
  assert.equal(code, 0);
  return program.stdout();
}

/** 32-bit samples, all channels interleaved. */
const decode = (input: Uint8Array) => judge('ffmpeg', ['-i', '-', '-f', 's32le', '-'], input);

async function encode(of: Pick<Case, 'rateHz' | 'channels' | 'encode'>): Promise<Buffer> {
  const args = ['-v', 'error', '-f', 'lavfi', '-i', noise(of.rateHz), '-ac', `${of.channels}`];
  const encoder = new ProgramProcess('ffmpeg', [...args, ...of.encode, '-'], { keepsStdout: true });
  assert.equal(await encoder.exited, 0, encoder.output);
  return encoder.stdout();
}

for (const kind of cases) {
  describe(kind.name, { skip: missingProgram('ffmpeg', 'ffprobe') }, () => {
    let encoded: Buffer;
    let track: Track;
    let expected: Timed[];
    let init: Uint8Array;
    let fragments: Uint8Array[];
    let titles: FragmentTitle[];
    let file: Buffer;

    before(async () => {
      encoded = await encode(kind);
      track = kind.demux(encoded);
      expected = placeOnTimeline(track, kind.baseTicks);
      init = initSegment(track.config);
      ({ fragments, titles } = cutFragments(track, kind.baseTicks));
      file = Buffer.concat([init, ...fragments]);
      assert.ok(fragments.length >= 25 && titles.length >= 3);
      const largestBytes = Math.max(...track.samples.map(({ data }) => data.length));
      if (kind.hasLargeSamples) assert.ok(largestBytes > 65_536);
    });

    test('ffmpeg decodes exactly what it decodes from the source', async () => {
      const [fromFile, fromSource] = await Promise.all([decode(file), decode(encoded)]);
      const ticks = track.samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0);
      // What Ogg Opus has at its very end it cuts off by its granule position.
      const { config } = track;
      const heardTicks = config.codec === 'opus' ? ticks - config.preSkip : ticks;
      assert.equal(fromFile.length, heardTicks * 4 * kind.channels);
      assert.ok(fromSource.length >= seconds * kind.rateHz * 4 * kind.channels);
      assert.ok(fromFile.subarray(0, fromSource.length).equals(fromSource), 'the sound is the same');
      if (config.codec !== 'opus') assert.equal(fromFile.length, fromSource.length);
    });

    test('ffprobe finds every packet where it belongs', async () => {
      const entries = ['-show_entries', 'packet=pts,dts,size,flags', '-of', 'json', '-'];
      const { packets } = JSON.parse((await judge('ffprobe', entries, file)).toString()) as {
        packets: { pts: number; dts: number; size: string; flags: string }[];
      };
      assert.deepEqual(
        packets.map(({ pts, dts, size, flags }) => [pts, dts, Number(size), flags]),
        expected.map(({ ticks, data }) => [ticks, ticks, data.length, 'K_']),
      );
    });

    test('mp4box reads every fragment, its times and its titles back', () => {
      const box = createFile();
      const read: Timed[] = [];
      const errors: string[] = [];
      box.onError = (module, message) => errors.push(`${module}: ${message}`);
      box.onReady = () => {
        box.setExtractionOptions(1, undefined, { nbSamples: 1 });
        box.start();
      };
      box.onSamples = (_id, _user, samples) => {
        for (const { dts, cts, duration, is_sync, data } of samples) {
          assert.equal(cts, dts);
          assert.ok(is_sync);
          read.push({ ticks: dts, durationTicks: duration, data: data! });
        }
      };
      let at = 0;
      for (const bytes of [init, ...fragments]) {
        const before = read.length;
        box.appendBuffer(MP4BoxBuffer.fromArrayBuffer(Uint8Array.from(bytes).buffer, at));
        at += bytes.length;
        if (bytes !== init)
          assert.ok(read.length > before, 'a fragment can be played as soon as it is there');
      }
      box.flush();
      assert.deepEqual(errors, []);
      assertSameSamples(read, expected);
      const [audio] = box.getInfo().tracks;
      assert.equal(audio!.codec, codecsAttribute(track.config));
      assert.deepEqual(audio!.audio, {
        sample_rate: kind.rateHz,
        channel_count: kind.channels,
        sample_size: kind.sampleBits ?? 16,
      });
      assert.deepEqual(
        box.moofs.map(({ mfhd }) => mfhd.sequence_number),
        fragments.map((_, index) => index + 1),
      );
      const events = box.getBoxes('emsg', false);
      assert.deepEqual(
        events.map((event) => [event.scheme_id_uri, event.timescale, event.presentation_time, event.id]),
        titles.map(({ atTicks, id }) => [
          'https://aomedia.org/emsg/ID3',
          track.config.timescale,
          atTicks,
          id,
        ]),
      );
      for (const [index, event] of events.entries()) {
        const tag = Buffer.from(event.message_data);
        assert.equal(tag.toString('latin1', 0, 3), 'ID3');
        assert.ok(tag.includes(`\u0003Lied ${index + 1}\0`) && tag.includes('\u0003Müller\0'));
      }
    });

    test('mediabunny reads every sample back without a gap or an overlap', async () => {
      const input = new Input({ source: new BufferSource(file), formats: [MP4] });
      const audio = await input.getPrimaryAudioTrack();
      assert.ok(audio !== null);
      assert.deepEqual(
        [audio.codec, audio.sampleRate, audio.numberOfChannels, audio.timeResolution],
        [track.config.codec, kind.rateHz, kind.channels, track.config.timescale],
      );
      const read: Timed[] = [];
      for await (const packet of new EncodedPacketSink(audio).packets()) {
        assert.equal(packet.type, 'key');
        read.push({
          ticks: Math.round(packet.timestamp * track.config.timescale),
          durationTicks: Math.round(packet.duration * track.config.timescale),
          data: packet.data,
        });
      }
      assertSameSamples(read, expected);
      input.dispose();
    });
  });
}

function assertSameSamples(read: readonly Timed[], expected: readonly Timed[]): void {
  const timesOf = (list: readonly Timed[]) =>
    list.map(({ ticks, durationTicks, data }) => [ticks, durationTicks, data.length]);
  assert.deepEqual(timesOf(read), timesOf(expected));
  for (const [index, { data }] of read.entries()) {
    assert.ok(Buffer.compare(data, expected[index]!.data) === 0, `the bytes of sample ${index}`);
  }
}

describe('packed audio', { skip: missingProgram('ffmpeg', 'ffprobe') }, () => {
  const rateHz = 44_100;
  const source = { rateHz, channels: 2 };
  const framesPerSegment = 100;
  const title = { title: 'Lied', artist: 'Müller', url: 'https://example.com/?a=1' };
  /** Some segments before the clock of 33 bits begins again. */
  const baseTicks = Math.floor((2 ** 33 / 90_000 - 5) * rateHz);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'packed-audio-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  function cutSegments(frames: readonly Sample[], extension: string) {
    let ticks = baseTicks;
    return Array.from({ length: Math.ceil(frames.length / framesPerSegment) }, (_, index) => {
      const own = frames.slice(index * framesPerSegment, (index + 1) * framesPerSegment);
      const startTicks = ticks;
      const times = own.map(({ durationTicks }) => {
        ticks += durationTicks;
        return timestamp90k(ticks - durationTicks, rateHz);
      });
      const bytes = Buffer.concat([packedTag(times[0]!, title), ...own.map(({ data }) => data)]);
      return { name: `${index}.${extension}`, bytes, times, seconds: (ticks - startTicks) / rateHz };
    });
  }
  type Segment = ReturnType<typeof cutSegments>[number];

  async function writePlaylist(name: string, segments: readonly Segment[]): Promise<string> {
    const lines = ['#EXTM3U', '#EXT-X-VERSION:3', '#EXT-X-TARGETDURATION:3', '#EXT-X-MEDIA-SEQUENCE:0'];
    for (const segment of segments) {
      await writeFile(join(folder, segment.name), segment.bytes);
      lines.push(`#EXTINF:${segment.seconds.toFixed(5)},`, segment.name);
    }
    await writeFile(join(folder, name), [...lines, '#EXT-X-ENDLIST', ''].join('\n'));
    return join(folder, name);
  }

  /** The times that ffprobe gives are those expected, give or take the rounding of its own sums. */
  async function assertTimes(playlist: string, segments: readonly Segment[]): Promise<void> {
    const entries = ['-show_entries', 'packet=pts', '-of', 'json', playlist];
    const { packets } = JSON.parse((await judge('ffprobe', entries)).toString()) as {
      packets: { pts: number }[];
    };
    const times = segments.flatMap((segment) => segment.times);
    assert.equal(packets.length, times.length);
    for (const [index, { pts }] of packets.entries()) {
      const distance = (pts - times[index]! + 2 ** 33 + 1) % 2 ** 33;
      assert.ok(distance >= 0 && distance <= 2, `packet ${index} at ${pts} instead of ${times[index]}`);
    }
  }

  async function assertTag({ bytes, times }: Segment): Promise<void> {
    const entries = ['-show_entries', 'format_tags', '-of', 'json', '-'];
    const { format } = JSON.parse((await judge('ffprobe', entries, bytes)).toString()) as {
      format: { tags: Record<string, string> };
    };
    const tag = 'id3v2_priv.com.apple.streaming.transportStreamTimestamp';
    const { [tag]: timestamp, ...shown } = format.tags;
    assert.deepEqual(shown, { title: title.title, artist: title.artist, url: title.url });
    const escaped = [...bigEndian(times[0]!)]
      .map((byte) =>
        byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
      )
      .join('');
    assert.equal(timestamp, escaped);
  }

  const bigEndian = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    return bytes;
  };

  test('ADTS plays on from segment to segment, over the end of the 33-bit clock', async () => {
    const encoded = await encode({ ...source, encode: ['-c:a', 'aac', '-f', 'adts'] });
    const segments = cutSegments(cutFrames(encoded, parseAdtsHeader), 'aac');
    const playlist = await writePlaylist('live.m3u8', segments);
    await assertTimes(playlist, segments);
    const [fromPlaylist, fromSource] = await Promise.all([
      judge('ffmpeg', ['-i', playlist, '-f', 's32le', '-']),
      decode(encoded),
    ]);
    assert.ok(fromPlaylist.equals(fromSource), 'the sound is the same');
    for (const segment of [segments[0]!, segments.at(-1)!]) await assertTag(segment);
  });

  // Over several segments ffmpeg takes the tag of the next one for the last two frames of MP3.
  test('every segment of MP3 is timed by its own tag', async () => {
    const options = ['-c:a', 'libmp3lame', '-write_xing', '0', '-id3v2_version', '0', '-f', 'mp3'];
    const encoded = await encode({ ...source, encode: options });
    const segments = cutSegments(cutFrames(encoded, parseMp3Header), 'mp3');
    for (const segment of segments) {
      await assertTimes(await writePlaylist('one.m3u8', [segment]), [segment]);
    }
    for (const segment of [segments[0]!, segments.at(-1)!]) await assertTag(segment);
  });
});

/** Whole frames, headers included. */
function cutFrames(
  bytes: Uint8Array,
  parse: (bytes: Uint8Array, at: number) => { frameBytes: number; samples: number } | undefined,
): Sample[] {
  const frames: Sample[] = [];
  let at = 0;
  while (at < bytes.length) {
    const header = parse(bytes, at);
    assert.ok(header !== undefined);
    frames.push({ data: bytes.subarray(at, at + header.frameBytes), durationTicks: header.samples });
    at += header.frameBytes;
  }
  return frames;
}
