/**
 * Splits a native FLAC byte stream (RFC 9639) into frames.
 *
 * A frame carries no length: it ends where the CRC-16 over it agrees and the next frame,
 * or a new `fLaC` marker, begins. So each frame is given when the one after it has begun,
 * and the last one at the flush. The CRC runs along with the input; a frame that is
 * damaged costs one pass over at most its uncompressed size before the next header is
 * tried. Metadata is passed over without being kept, except STREAMINFO and the comments.
 */

import { advanceFlacCrc16 } from './flac-crc.ts';
import { type FlacFrameHeader, maxFlacFrameHeaderBytes, parseFlacFrameHeader } from './flac-frame-header.ts';
import {
  encodeFlacLiveHeader,
  type FlacStreamInfo,
  flacStreamInfoBytes,
  parseFlacStreamInfo,
} from './flac-stream-info.ts';
import type {
  FrameSplitter,
  SplitterEvent,
  SplitterStats,
  StreamFormat,
  TagsEvent,
} from './frame-splitter.ts';
import { InputWindow, inputStepBytes } from './input-window.ts';
import { SampleClock } from './sample-clock.ts';
import { createTagsEvent, parseVorbisComment } from './vorbis-comment.ts';

/** Longer comment blocks are passed over like pictures. */
const maxCommentBytes = 262_144;

/** A header may pass its CRC-8 by chance or by intent; this bounds how often bytes are gone over. */
const maxFalseFramesWithinFrame = 8;

/** The marker, and the head of a STREAMINFO block with or without the last flag. */
const markerBytes = 8;

/** Types above that of pictures are reserved or forbidden; what has them is no metadata. */
const blockTypes = { streamInfo: 0, comment: 4, picture: 6 } as const;

export class FlacSplitter implements FrameSplitter {
  readonly #window = new InputWindow();
  readonly #stats: SplitterStats = { frames: 0, skippedBytes: 0, resyncs: 0 };
  #format: StreamFormat = { codec: 'flac' };
  #needBytes = 1;
  /** Bytes of a metadata block still to be passed over. */
  #passBytes = 0;
  #phase: 'before' | 'metadata' | 'frames' = 'before';
  #inSync = false;
  readonly #time = new SampleClock();

  #info: FlacStreamInfo | undefined;
  /** Of the metadata being read: its header for joiners and its comments. */
  #liveHeader: Uint8Array | undefined;
  #tags: TagsEvent | undefined;
  #headersInForce: Uint8Array | undefined;

  /** The header of the frame at the window's start, once read. */
  #frame: FlacFrameHeader | undefined;
  /** CRC-16 of the window's first `#crcBytes`; boundaries have been looked for up to `#scannedBytes`. */
  #crc = 0;
  #crcBytes = 0;
  #scannedBytes = 0;
  #falseFrames = 0;
  #falseReach = 0;

  get format(): Readonly<StreamFormat> {
    return this.#format;
  }

  get stats(): Readonly<SplitterStats> {
    return this.#stats;
  }

  push(chunk: Uint8Array): SplitterEvent[] {
    const events: SplitterEvent[] = [];
    for (let at = 0; at < chunk.length; at += inputStepBytes) {
      this.#window.append(chunk.subarray(at, at + inputStepBytes));
      if (this.#window.length >= this.#needBytes) this.#read(events, false);
    }
    return events;
  }

  flush(): SplitterEvent[] {
    const events: SplitterEvent[] = [];
    this.#read(events, true);
    this.#stats.skippedBytes += this.#window.length;
    this.#window.drop(this.#window.length);
    this.#phase = 'before';
    this.#passBytes = 0;
    this.#frame = undefined;
    this.#needBytes = 1;
    return events;
  }

  /** Each step uses input up, or says how much it needs and returns false. */
  #read(events: SplitterEvent[], ending: boolean): void {
    this.#needBytes = 1;
    while (this.#window.length > 0) {
      if (this.#passBytes > 0) {
        const count = Math.min(this.#passBytes, this.#window.length);
        this.#window.drop(count);
        this.#passBytes -= count;
        continue;
      }
      const goesOn =
        this.#phase === 'before'
          ? this.#seekMarker()
          : this.#phase === 'metadata'
            ? this.#readMetadata(events)
            : this.#frame === undefined
              ? this.#beginFrame(ending)
              : this.#endFrame(this.#frame, events, ending);
      if (!goesOn) return;
    }
  }

  #need(bytes: number): false {
    this.#needBytes = bytes;
    return false;
  }

  #seekMarker(): boolean {
    const { start, end } = this.#window;
    let at = start;
    while (at < end && !this.#isMarker(at)) at++;
    if (at > start) this.#lose(at - start);
    else if (end - start < markerBytes) return this.#need(markerBytes);
    else this.#beginMetadata();
    return true;
  }

  /** Whether `fLaC` and the head of STREAMINFO stand at `at`, or as much of them as is there. */
  #isMarker(at: number): boolean {
    const { bytes, end } = this.#window;
    return (
      bytes[at] === 0x66 &&
      (at + 1 >= end || bytes[at + 1] === 0x4c) &&
      (at + 2 >= end || bytes[at + 2] === 0x61) &&
      (at + 3 >= end || bytes[at + 3] === 0x43) &&
      (at + 4 >= end || (bytes[at + 4]! & 0x7f) === blockTypes.streamInfo) &&
      (at + 5 >= end || bytes[at + 5] === 0) &&
      (at + 6 >= end || bytes[at + 6] === 0) &&
      (at + 7 >= end || bytes[at + 7] === flacStreamInfoBytes)
    );
  }

  #beginMetadata(): void {
    this.#window.drop(4);
    this.#phase = 'metadata';
    this.#liveHeader = undefined;
    this.#tags = undefined;
  }

  #readMetadata(events: SplitterEvent[]): boolean {
    const { bytes, start, end } = this.#window;
    if (end - start < 4) return this.#need(4);
    const type = bytes[start]! & 0x7f;
    const isLast = (bytes[start]! & 0x80) !== 0;
    const length = (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!;
    const isStreamInfo = this.#liveHeader === undefined;
    if (type > blockTypes.picture || (type === blockTypes.streamInfo && !isStreamInfo)) {
      return this.#abandonMetadata(events);
    }
    const isComment = type === blockTypes.comment && length <= maxCommentBytes;
    if ((isStreamInfo || isComment) && end - start < 4 + length) return this.#need(4 + length);
    if (isStreamInfo) {
      const info = parseFlacStreamInfo(bytes, start + 4);
      if (info === undefined) return this.#abandonMetadata(events);
      this.#info = info;
      this.#liveHeader = encodeFlacLiveHeader(bytes, start + 4);
    } else if (isComment) {
      const all = parseVorbisComment(bytes.subarray(start + 4, start + 4 + length));
      if (all !== undefined) this.#tags = createTagsEvent(all);
    }
    this.#window.drop(4);
    this.#passBytes = length;
    if (isLast) this.#endMetadata(events);
    return true;
  }

  /** What cannot be metadata is looked through for frames, or for the next marker if no format is known. */
  #abandonMetadata(events: SplitterEvent[]): true {
    if (this.#liveHeader !== undefined) this.#endMetadata(events);
    else this.#phase = this.#headersInForce === undefined ? 'before' : 'frames';
    this.#lose(1);
    return true;
  }

  #endMetadata(events: SplitterEvent[]): void {
    const header = this.#liveHeader!;
    if (this.#tags !== undefined) events.push(this.#tags);
    if (this.#headersInForce === undefined || Buffer.compare(this.#headersInForce, header) !== 0) {
      events.push({ type: 'headers', data: header, inBand: true });
      this.#headersInForce = header;
    }
    const { sampleRateHz, channels } = this.#info!;
    this.#format = { codec: 'flac', sampleRateHz, channels, subtype: 'FLAC' };
    this.#phase = 'frames';
    this.#inSync = true;
  }

  /** Looks for the header of a frame, or a new marker, from the window's start on. */
  #beginFrame(ending: boolean): boolean {
    const { bytes, start, end } = this.#window;
    for (let at = start; at < end; at++) {
      const first = bytes[at];
      if (first !== 0xff && first !== 0x66) continue;
      const isMarker = first === 0x66 && this.#isMarker(at);
      if (first === 0x66 && !isMarker) continue;
      if (at + 1 < end && first === 0xff && (bytes[at + 1]! & 0xfe) !== 0xf8) continue;
      if (end - at < maxFlacFrameHeaderBytes && !ending) {
        if (at > start) this.#lose(at - start);
        return this.#need(maxFlacFrameHeaderBytes);
      }
      const frame = isMarker ? undefined : parseFlacFrameHeader(bytes, at, end, this.#info!);
      if (frame === undefined && (!isMarker || end - at < markerBytes)) continue;
      if (at > start) this.#lose(at - start);
      if (frame === undefined) this.#beginMetadata();
      else this.#follow(frame);
      return true;
    }
    this.#lose(end - start);
    return true;
  }

  #follow(frame: FlacFrameHeader): void {
    this.#frame = frame;
    this.#crc = 0;
    this.#crcBytes = 0;
    this.#scannedBytes = frame.headerBytes;
  }

  /** Looks for the end of the frame at the window's start. */
  #endFrame(frame: FlacFrameHeader, events: SplitterEvent[], ending: boolean): boolean {
    const { bytes, start, end } = this.#window;
    const limit = this.#limit(frame);
    const lastAt = Math.min(end - 1, start + limit);
    for (let at = start + this.#scannedBytes; at <= lastAt; at++) {
      const first = bytes[at];
      if (first !== 0xff && first !== 0x66) continue;
      if (at + 1 < end && (first === 0xff ? (bytes[at + 1]! & 0xfe) !== 0xf8 : bytes[at + 1] !== 0x4c))
        continue;
      if (this.#crcTo(at) !== 0) continue;
      if (end - at < maxFlacFrameHeaderBytes && !ending) {
        this.#scannedBytes = at - start;
        return this.#need(this.#scannedBytes + maxFlacFrameHeaderBytes);
      }
      const begins =
        first === 0x66 ? this.#isMarker(at) : parseFlacFrameHeader(bytes, at, end, this.#info!) !== undefined;
      if (!begins) continue;
      this.#giveFrame(frame, at - start, events);
      return true;
    }
    if (end - start > limit) return this.#passFalseFrame(limit);
    this.#scannedBytes = end - start;
    if (!ending) return this.#need(this.#scannedBytes + 1);
    if (this.#crcTo(end) === 0) {
      this.#giveFrame(frame, end - start, events);
    } else {
      // A source that stops within a frame has not lost synchronisation.
      this.#inSync = false;
      this.#passFalseFrame(end - start);
    }
    return true;
  }

  #limit(frame: FlacFrameHeader): number {
    const told = this.#info!.maxFrameBytes;
    return told > 0 ? Math.min(told, frame.maxFrameBytes) : frame.maxFrameBytes;
  }

  #crcTo(at: number): number {
    const { bytes, start } = this.#window;
    this.#crc = advanceFlacCrc16(this.#crc, bytes, start + this.#crcBytes, at);
    this.#crcBytes = at - start;
    return this.#crc;
  }

  #giveFrame(frame: FlacFrameHeader, length: number, events: SplitterEvent[]): void {
    const durationUs = this.#time.advance(frame.blockSamples, frame.sampleRateHz);
    events.push({ type: 'frame', data: this.#window.take(length), durationUs, syncPoint: true });
    this.#format.bitrateKbps = Math.round((length * 8 * frame.sampleRateHz) / (frame.blockSamples * 1000));
    this.#stats.frames++;
    this.#frame = undefined;
    this.#inSync = true;
    this.#falseFrames = 0;
    this.#falseReach = 0;
  }

  /** No end within `reach`: the header was chance or the frame is damaged. The next header is tried. */
  #passFalseFrame(reach: number): true {
    this.#frame = undefined;
    this.#falseFrames++;
    this.#falseReach = Math.max(this.#falseReach, reach);
    this.#lose(this.#falseFrames < maxFalseFramesWithinFrame ? 1 : this.#falseReach);
    return true;
  }

  #lose(count: number): void {
    const lost = Math.min(count, this.#window.length);
    this.#window.drop(lost);
    this.#stats.skippedBytes += lost;
    this.#falseReach = Math.max(0, this.#falseReach - lost);
    if (this.#falseReach === 0) this.#falseFrames = 0;
    if (this.#inSync) this.#stats.resyncs++;
    this.#inSync = false;
  }
}
