/**
 * One fragment of a fragmented MP4 track (ISO/IEC 14496-12 §8.8): the event messages of the titles
 * that begin in it, a movie fragment and its samples. A part of HLS is one, a segment one or more
 * of them. Times are absolute on the track's timeline, 64 bits wide, so that a fragment needs
 * nothing of those before it. Every sample of audio is a sync sample.
 */
import { BoxWriter } from './box-writer.ts';
import { type EventMessage, eventMessageBytes, writeEventMessage } from './event-message.ts';
import { id3Tag, titleFrames } from './id3-tag.ts';
import { type FragmentedConfig, trackId } from './init-segment.ts';
import type { Sample, TimedTitle } from './track.ts';

export type FragmentTitle = {
  /** Within the fragment. */
  readonly atTicks: number;
  /** A number of its own for every title of the track, modulo 2^32. */
  readonly id: number;
  readonly title: TimedTitle;
};

export type MediaFragmentOptions = {
  readonly config: FragmentedConfig;
  /** Grows from fragment to fragment; written modulo 2^32. */
  readonly sequence: number;
  /** Decode time of the first sample: the running sample count, up to 2^53. */
  readonly baseTicks: number;
  readonly samples: readonly Sample[];
  readonly titles: readonly FragmentTitle[];
};

const headBytes = 8;
const fullHeadBytes = 12;
const mfhdBytes = fullHeadBytes + 4;
const tfdtBytes = fullHeadBytes + 8;

const tfhdFlags = { defaultDuration: 0x08, defaultFlags: 0x20, defaultBaseIsMoof: 0x02_0000 };
const trunFlags = { dataOffset: 0x001, duration: 0x100, size: 0x200 };
/** A sync sample that depends on no other (§8.8.3.1). */
const syncSampleFlags = 0x0200_0000;

/** @throws RangeError for no samples, an empty sample, or a time that is no tick */
export function mediaFragment(options: MediaFragmentOptions): Uint8Array {
  const { config, samples } = options;
  const { dataBytes, sharedDurationTicks } = measureSamples(samples);
  assertTicks(options.baseTicks);
  const messages = options.titles.map(({ atTicks, id, title }): EventMessage => {
    assertTicks(atTicks);
    return { timescale: config.timescale, atTicks, id, tag: id3Tag(titleFrames(title)) };
  });
  const messageBytes = messages.reduce((sum, message) => sum + eventMessageBytes(message), 0);
  const moofBytes = measureMovieFragment(samples.length, sharedDurationTicks);

  const writer = new BoxWriter(messageBytes + moofBytes + headBytes + dataBytes);
  for (const message of messages) writeEventMessage(writer, message);
  writeMovieFragment(writer, options, moofBytes, sharedDurationTicks);
  const mdat = writer.begin('mdat');
  for (const { data } of samples) writer.data(data);
  writer.end(mdat);
  return writer.finish();
}

function measureMovieFragment(sampleCount: number, sharedDurationTicks: number | undefined): number {
  const isShared = sharedDurationTicks !== undefined;
  const tfhdBytes = fullHeadBytes + 4 + (isShared ? 4 : 0) + 4;
  const trunBytes = fullHeadBytes + 8 + sampleCount * (isShared ? 4 : 8);
  return headBytes + mfhdBytes + headBytes + tfhdBytes + tfdtBytes + trunBytes;
}

function writeMovieFragment(
  writer: BoxWriter,
  { sequence, baseTicks, samples }: MediaFragmentOptions,
  moofBytes: number,
  sharedDurationTicks: number | undefined,
): void {
  const isShared = sharedDurationTicks !== undefined;
  const moof = writer.begin('moof');
  const mfhd = writer.beginFull('mfhd', 0, 0);
  writer.u32(sequence);
  writer.end(mfhd);

  const traf = writer.begin('traf');
  const { defaultBaseIsMoof, defaultDuration, defaultFlags } = tfhdFlags;
  const tfhd = writer.beginFull(
    'tfhd',
    0,
    defaultBaseIsMoof | (isShared ? defaultDuration : 0) | defaultFlags,
  );
  writer.u32(trackId);
  if (isShared) writer.u32(sharedDurationTicks);
  writer.u32(syncSampleFlags);
  writer.end(tfhd);

  const tfdt = writer.beginFull('tfdt', 1, 0);
  writer.u64(baseTicks);
  writer.end(tfdt);

  const { dataOffset, duration, size } = trunFlags;
  const trun = writer.beginFull('trun', 0, dataOffset | (isShared ? 0 : duration) | size);
  writer.u32(samples.length);
  writer.u32(moofBytes + headBytes); // from the start of the moof to the first sample
  for (const { data, durationTicks } of samples) {
    if (!isShared) writer.u32(durationTicks);
    writer.u32(data.length);
  }
  writer.end(trun);
  writer.end(traf);
  writer.end(moof);
}

/** Bytes of all samples, and how long each lasts where all last equally long. */
function measureSamples(samples: readonly Sample[]): {
  dataBytes: number;
  sharedDurationTicks: number | undefined;
} {
  const [first] = samples;
  if (first === undefined) throw new RangeError('a fragment without samples');
  let dataBytes = 0;
  let isShared = true;
  for (const { data, durationTicks } of samples) {
    if (data.length === 0) throw new RangeError('a sample without bytes');
    if (durationTicks >>> 0 !== durationTicks) throw new RangeError(`a sample of ${durationTicks} ticks`);
    dataBytes += data.length;
    isShared &&= durationTicks === first.durationTicks;
  }
  return { dataBytes, sharedDurationTicks: isShared ? first.durationTicks : undefined };
}

function assertTicks(ticks: number): void {
  if (!Number.isSafeInteger(ticks) || ticks < 0) throw new RangeError(`${ticks} is no count of ticks`);
}
