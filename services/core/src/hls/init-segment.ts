/**
 * The initialization segment of a fragmented MP4 track (ISO/IEC 14496-12 §8.8, CMAF header of
 * ISO/IEC 23000-19): one audio track without samples, whose fragments bring all times. AAC as in
 * ISO/IEC 14496-14 §5.6, Opus and FLAC as in the documents "Encapsulation of Opus / of FLAC in
 * ISO Base Media File Format". The same configuration always gives the same bytes.
 *
 * Opus is written without an edit list: the pre-skip stands in its configuration alone.
 */
import { BoxWriter } from './box-writer.ts';
import type { AacConfig, FlacConfig, OpusConfig } from './track.ts';

/** What fragmented MP4 is written for. */
export type FragmentedConfig = AacConfig | OpusConfig | FlacConfig;

/** The only track of the file. */
export const trackId = 1;

const brands = { major: 'iso6', minor: 512, compatible: ['iso5', 'iso6', 'hlsf', 'cmfc', 'mp41', 'aid3'] };
const movieTimescale = 1000;
/** "und", three letters of five bits each. */
const undeterminedLanguage = 0x55c4;
/** Fixed-point 16.16 and, in the last column, 2.30: nothing turned, nothing scaled. */
const identityMatrix = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000];
/** The boxes around the codec's own bytes take less. */
const roomBytes = 1024;

export function initSegment(config: FragmentedConfig): Uint8Array {
  const writer = new BoxWriter(roomBytes + codecBytes(config).length);
  writer.box('ftyp', () => {
    writer.text(brands.major);
    writer.u32(brands.minor);
    for (const brand of brands.compatible) writer.text(brand);
  });
  writer.box('moov', () => {
    writeMovieHeader(writer);
    writer.box('trak', () => {
      writeTrackHeader(writer);
      writer.box('mdia', () => writeMedia(writer, config));
    });
    writer.box('mvex', () => {
      writer.fullBox('trex', 0, 0, () => {
        writer.u32(trackId);
        writer.u32(1); // sample description
        writer.zeros(12); // default duration, size, flags
      });
    });
  });
  return writer.copy();
}

/** What the source's encoder says about itself, as it is put into the codec's box. */
function codecBytes(config: FragmentedConfig): Uint8Array {
  switch (config.codec) {
    case 'aac':
      return config.audioSpecificConfig;
    case 'opus':
      return config.mapping;
    case 'flac':
      return config.streamInfo;
  }
}

function writeMatrix(writer: BoxWriter): void {
  for (const value of identityMatrix) writer.u32(value);
}

function writeMovieHeader(writer: BoxWriter): void {
  writer.fullBox('mvhd', 0, 0, () => {
    writer.zeros(8); // creation, modification
    writer.u32(movieTimescale);
    writer.u32(0); // duration: in the fragments
    writer.u32(0x10000); // rate 1.0
    writer.u16(0x100); // volume 1.0
    writer.zeros(10);
    writeMatrix(writer);
    writer.zeros(24);
    writer.u32(trackId + 1); // next track
  });
}

function writeTrackHeader(writer: BoxWriter): void {
  // Flags: enabled, in the movie.
  writer.fullBox('tkhd', 0, 3, () => {
    writer.zeros(8); // creation, modification
    writer.u32(trackId);
    writer.zeros(4);
    writer.u32(0); // duration: in the fragments
    writer.zeros(8);
    writer.u16(0); // layer
    writer.u16(1); // alternate group
    writer.u16(0x100); // volume 1.0
    writer.zeros(2);
    writeMatrix(writer);
    writer.zeros(8); // width, height
  });
}

function writeMedia(writer: BoxWriter, config: FragmentedConfig): void {
  writer.fullBox('mdhd', 0, 0, () => {
    writer.zeros(8); // creation, modification
    writer.u32(config.timescale);
    writer.u32(0); // duration: in the fragments
    writer.u16(undeterminedLanguage);
    writer.zeros(2);
  });
  writer.fullBox('hdlr', 0, 0, () => {
    writer.zeros(4);
    writer.text('soun');
    writer.zeros(12);
    writer.text('SoundHandler\0');
  });
  writer.box('minf', () => {
    writer.fullBox('smhd', 0, 0, () => writer.zeros(4)); // balance: centre
    writer.box('dinf', () => {
      writer.fullBox('dref', 0, 0, () => {
        writer.u32(1);
        // Flag: the media is in this file.
        writer.fullBox('url ', 0, 1, () => {});
      });
    });
    writer.box('stbl', () => {
      writer.fullBox('stsd', 0, 0, () => {
        writer.u32(1);
        writeSampleEntry(writer, config);
      });
      for (const emptyTable of ['stts', 'stsc']) writer.fullBox(emptyTable, 0, 0, () => writer.zeros(4));
      writer.fullBox('stsz', 0, 0, () => writer.zeros(8));
      writer.fullBox('stco', 0, 0, () => writer.zeros(4));
    });
  });
}

const entryTypes = { aac: 'mp4a', opus: 'Opus', flac: 'fLaC' } as const;

function writeSampleEntry(writer: BoxWriter, config: FragmentedConfig): void {
  writer.box(entryTypes[config.codec], () => {
    writer.zeros(6);
    writer.u16(1); // data reference
    writer.zeros(8);
    writer.u16(config.channels);
    writer.u16(config.codec === 'flac' ? config.bitsPerSample : 16);
    writer.zeros(4);
    writer.u16(entryRateHz(config));
    writer.u16(0); // fraction of the rate
    if (config.codec === 'aac') writeEsds(writer, config);
    else if (config.codec === 'opus') writeOpusSpecific(writer, config);
    else writeFlacSpecific(writer, config);
  });
}

/** The field has 16 bits: a higher rate is halved until it fits, and the codec's own box tells the truth. */
function entryRateHz(config: FragmentedConfig): number {
  let rateHz = config.codec === 'opus' ? 48_000 : config.timescale;
  while (rateHz > 0xffff) rateHz = Math.floor(rateHz / 2);
  return rateHz;
}

/** A descriptor's tag and size take five bytes: the size is written in four groups of seven bits. */
const descriptorHeadBytes = 5;
const decoderConfigBytes = 13;

function writeDescriptorHead(writer: BoxWriter, tag: number, size: number): void {
  writer.u8(tag);
  writer.u8(0x80 | ((size >> 21) & 0x7f));
  writer.u8(0x80 | ((size >> 14) & 0x7f));
  writer.u8(0x80 | ((size >> 7) & 0x7f));
  writer.u8(size & 0x7f);
}

/** ISO/IEC 14496-1 §7.2.6: an elementary stream descriptor with what the AAC decoder needs. */
function writeEsds(writer: BoxWriter, { audioSpecificConfig }: AacConfig): void {
  const decoderBytes = decoderConfigBytes + descriptorHeadBytes + audioSpecificConfig.length;
  writer.fullBox('esds', 0, 0, () => {
    writeDescriptorHead(writer, 3, 3 + descriptorHeadBytes + decoderBytes + descriptorHeadBytes + 1);
    writer.u16(1); // elementary stream
    writer.u8(0); // no further fields
    writeDescriptorHead(writer, 4, decoderBytes);
    writer.u8(0x40); // MPEG-4 audio
    writer.u8(0x15); // an audio stream, and a reserved bit that is one
    writer.zeros(3 + 4 + 4); // buffer size, highest and average bit rate: not known of a live source
    writeDescriptorHead(writer, 5, audioSpecificConfig.length);
    writer.data(audioSpecificConfig);
    writeDescriptorHead(writer, 6, 1);
    writer.u8(2); // as MP4 files have it
  });
}

/** The fields of OpusHead, but big-endian and of version 0. */
function writeOpusSpecific(writer: BoxWriter, config: OpusConfig): void {
  writer.box('dOps', () => {
    writer.u8(0);
    writer.u8(config.channels);
    writer.u16(config.preSkip);
    writer.u32(config.inputSampleRateHz);
    writer.u16(config.outputGain);
    writer.u8(config.mappingFamily);
    if (config.mappingFamily !== 0) writer.data(config.mapping);
  });
}

/** The STREAMINFO block as the last metadata block. */
function writeFlacSpecific(writer: BoxWriter, { streamInfo }: FlacConfig): void {
  writer.fullBox('dfLa', 0, 0, () => {
    writer.u32((0x80000000 | streamInfo.length) >>> 0);
    writer.data(streamInfo);
  });
}
