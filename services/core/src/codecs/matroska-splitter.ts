/**
 * Splits a live Matroska or WebM byte stream (RFC 9559, RFC 8794) into headers and parts
 * of clusters.
 *
 * Everything up to the first Cluster is the headers event. A frame is one block; the
 * first of a cluster has the cluster's beginning in front of it and is the sync point,
 * so that sound goes out block by block and listeners start at clusters. Sizes of
 * Segment and Cluster are marked as unknown in what is given: a listener who skips, or a
 * source that stops, within a cluster of known size would leave a decoder counting into
 * what follows. For the same reason padding and checksums in clusters, and Cues, Tags and
 * other parts between them, are dropped. A new EBML header begins a new header set.
 */

import { type EbmlHead, forgetEbmlSize, readEbmlHead, readEbmlUint } from './ebml.ts';
import type { FrameSplitter, SplitterEvent, SplitterStats, StreamFormat } from './frame-splitter.ts';
import { InputWindow, inputStepBytes } from './input-window.ts';
import { MatroskaBlockClock } from './matroska-block-clock.ts';
import { nameMatroskaCodec, parseMatroskaHeader } from './matroska-header.ts';
import { blocks, clusterFields, matroskaIds as ids, padding, segmentParts } from './matroska-ids.ts';
import { createTagsEvent } from './vorbis-comment.ts';

export const maxMatroskaHeaderBytes = 131_072;

const limits = {
  ebmlBytes: 4_096,
  /** Parts of the header that decoding does not need are dropped when they are larger. */
  optionalHeaderBytes: 65_536,
  /** What is dropped: cover pictures before the first cluster, cues after one, padding within. */
  droppedHeaderBytes: 67_108_864,
  droppedPartBytes: 1_048_576,
  droppedPaddingBytes: 65_536,
  audioBlockBytes: 262_144,
  videoBlockBytes: 2_097_152,
  /** Everything between the beginning of a cluster and its first block. */
  clusterStartBytes: 4_096,
} as const;

export class MatroskaSplitter implements FrameSplitter {
  readonly #window = new InputWindow();
  readonly #stats: SplitterStats = { frames: 0, skippedBytes: 0, resyncs: 0 };
  #format: StreamFormat = { codec: 'matroska' };
  #needBytes = 1;
  /** Bytes of an element still to be dropped. */
  #dropBytes = 0;
  #phase: 'before' | 'header' | 'clusters' | 'lost' = 'before';
  #inSync = false;

  /** Pieces of a header, or of the beginning of a cluster, that wait for their rest. */
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #hasSegment = false;
  /** Tracks are among what is gathered, so the header could do. */
  #hasTracks = false;
  #headersInForce = false;

  #inCluster = false;
  #atClusterStart = false;
  /** Bytes left of a cluster of known size. */
  #clusterLeft = Infinity;
  #maxBlockBytes: number = limits.audioBlockBytes;
  #clock = new MatroskaBlockClock(1000, 0);

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
      if (this.#window.length >= this.#needBytes) this.#read(events);
    }
    return events;
  }

  flush(): SplitterEvent[] {
    // Every element was given as soon as it was whole; what remains is cut off.
    this.#stats.skippedBytes += this.#window.length;
    this.#window.drop(this.#window.length);
    this.#discardGathered();
    this.#hasTracks = false;
    this.#phase = 'before';
    this.#inCluster = false;
    this.#dropBytes = 0;
    this.#needBytes = 1;
    return [];
  }

  #read(events: SplitterEvent[]): void {
    this.#needBytes = 1;
    const window = this.#window;
    while (window.length > 0) {
      if (this.#dropBytes > 0) {
        const count = Math.min(this.#dropBytes, window.length);
        window.drop(count);
        this.#dropBytes -= count;
      } else if (this.#phase === 'before' || this.#phase === 'lost') {
        if (!this.#seek()) return;
      } else {
        const head = readEbmlHead(window.bytes, window.start, window.end);
        if (head === 'short') {
          this.#needBytes = window.length + 1;
          return;
        }
        const isDone =
          head === 'bad'
            ? this.#giveUp()
            : this.#phase === 'header'
              ? this.#readHeaderPart(head, events)
              : this.#readClusterPart(head, events);
        if (!isDone) return;
      }
    }
  }

  /** Drops up to an EBML header or, where headers are in force, a cluster. */
  #seek(): boolean {
    const { bytes, start, end } = this.#window;
    const takesClusters = this.#phase === 'lost';
    let at = start;
    while (
      at < end &&
      !isIdAt(bytes, at, end, ids.ebml) &&
      !(takesClusters && isIdAt(bytes, at, end, ids.cluster))
    )
      at++;
    if (at > start) {
      this.#lose(at - start);
    } else if (end - start < 4) {
      this.#needBytes = 4;
      return false;
    } else {
      this.#inCluster = false;
      this.#phase = bytes[at] === 0x1a || this.#hasTracks ? 'header' : 'clusters';
    }
    return true;
  }

  /** One element of EBML header, Segment and what stands before the first cluster. */
  #readHeaderPart(head: EbmlHead, events: SplitterEvent[]): boolean {
    switch (head.id) {
      case ids.ebml:
        this.#discardGathered();
        this.#hasSegment = false;
        this.#hasTracks = false;
        return head.size > limits.ebmlBytes ? this.#giveUp() : this.#gather(head);
      case ids.segment:
        if (this.#hasSegment || this.#gathered.length === 0) return this.#giveUp();
        this.#hasSegment = true;
        this.#gatherOpen(head);
        return true;
      case ids.cluster:
        if (!this.#hasTracks) return this.#giveUp();
        this.#giveHeaders(events);
        return true;
      default:
        break;
    }
    if (!this.#hasSegment || !(segmentParts.has(head.id) || padding.has(head.id))) return this.#giveUp();
    const fits = this.#gatheredBytes + head.headBytes + head.size <= maxMatroskaHeaderBytes;
    if (head.id === ids.info || head.id === ids.tracks) {
      if (!fits) return this.#giveUp();
      if (!this.#gather(head)) return false;
      this.#hasTracks ||= head.id === ids.tracks;
      return true;
    }
    return fits && head.size <= limits.optionalHeaderBytes
      ? this.#gather(head)
      : this.#drop(head, limits.droppedHeaderBytes);
  }

  #readClusterPart(head: EbmlHead, events: SplitterEvent[]): boolean {
    if (head.id === ids.ebml || head.id === ids.cluster || segmentParts.has(head.id)) {
      this.#endCluster(events);
      if (head.id === ids.ebml) this.#phase = 'header';
      else if (head.id === ids.cluster) this.#beginCluster(head);
      else return this.#drop(head, limits.droppedPartBytes);
      return true;
    }
    const length = head.headBytes + head.size;
    if (this.#inCluster && length > this.#clusterLeft) return this.#giveUp();
    if (padding.has(head.id)) {
      this.#spend(length, events);
      return this.#drop(head, limits.droppedPaddingBytes);
    }
    if (!this.#inCluster) return this.#giveUp();
    if (clusterFields.has(head.id)) return this.#readClusterField(head, events);
    return blocks.has(head.id) && head.size <= this.#maxBlockBytes
      ? this.#readBlock(head, events)
      : this.#giveUp();
  }

  #readClusterField(head: EbmlHead, events: SplitterEvent[]): boolean {
    const length = head.headBytes + head.size;
    if (this.#gatheredBytes + length > limits.clusterStartBytes) return this.#giveUp();
    if (head.id === ids.timecode && head.size > 8) return this.#giveUp();
    if (!this.#gather(head)) return false;
    if (head.id === ids.timecode) {
      this.#clock.beginCluster(readEbmlUint(this.#gathered.at(-1)!, head.headBytes, length));
    }
    this.#spend(length, events);
    return true;
  }

  #readBlock(head: EbmlHead, events: SplitterEvent[]): boolean {
    const length = head.headBytes + head.size;
    if (this.#window.length < length) {
      this.#needBytes = length;
      return false;
    }
    const element = this.#window.take(length);
    const durationUs =
      head.id === ids.simpleBlock
        ? this.#clock.advanceBlockUs(element, head.headBytes)
        : this.#clock.advanceGroupUs(element, head.headBytes);
    this.#giveFrame(events, element, durationUs);
    this.#spend(length, events);
    return true;
  }

  #giveFrame(events: SplitterEvent[], element: Uint8Array | undefined, durationUs: number): void {
    const parts = element === undefined ? this.#gathered : [...this.#gathered, element];
    const data = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    events.push({ type: 'frame', data, durationUs, syncPoint: this.#atClusterStart });
    this.#forgetGathered();
    this.#atClusterStart = false;
    this.#inSync = true;
    this.#stats.frames++;
  }

  #giveHeaders(events: SplitterEvent[]): void {
    const data = Buffer.concat(this.#gathered);
    this.#forgetGathered();
    this.#hasTracks = false;
    const { tickUs, audio, hasVideo, tags } = parseMatroskaHeader(data);
    this.#format = {
      codec: 'matroska',
      ...(audio !== undefined && audio.sampleRateHz > 0 ? { sampleRateHz: audio.sampleRateHz } : {}),
      ...(audio === undefined ? {} : { channels: audio.channels, subtype: nameMatroskaCodec(audio.codecId) }),
    };
    this.#clock = new MatroskaBlockClock(tickUs, audio?.blockUs ?? 0);
    this.#maxBlockBytes = hasVideo ? limits.videoBlockBytes : limits.audioBlockBytes;
    if (tags.size > 0) events.push(createTagsEvent(tags));
    events.push({ type: 'headers', data, inBand: true });
    this.#headersInForce = true;
    this.#phase = 'clusters';
    this.#inCluster = false;
    this.#inSync = true;
  }

  #beginCluster(head: EbmlHead): void {
    this.#gatherOpen(head);
    this.#inCluster = true;
    this.#atClusterStart = true;
    this.#clusterLeft = head.size;
    this.#clock.beginCluster(0);
  }

  /** A cluster without a block is passed on too: what follows may count on its time. */
  #endCluster(events: SplitterEvent[]): void {
    if (this.#gathered.length > 0) this.#giveFrame(events, undefined, 0);
    this.#inCluster = false;
  }

  #spend(length: number, events: SplitterEvent[]): void {
    if (!this.#inCluster) return;
    this.#clusterLeft -= length;
    if (this.#clusterLeft <= 0) this.#endCluster(events);
  }

  /** Takes the whole element over; false if it is not all there yet. */
  #gather(head: EbmlHead): boolean {
    const length = head.headBytes + head.size;
    if (this.#window.length < length) {
      this.#needBytes = length;
      return false;
    }
    this.#gathered.push(this.#window.take(length));
    this.#gatheredBytes += length;
    return true;
  }

  /** Takes the head of an element over whose content follows piece by piece. */
  #gatherOpen(head: EbmlHead): void {
    const bytes = this.#window.take(head.headBytes);
    forgetEbmlSize(bytes, head.idBytes);
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
  }

  #drop(head: EbmlHead, maxBytes: number): true {
    if (head.size > maxBytes) return this.#giveUp();
    this.#window.drop(head.headBytes);
    this.#dropBytes = head.size;
    return true;
  }

  /** What stands here is no element that may stand here. */
  #giveUp(): true {
    if (this.#hasTracks) {
      // All that decoding needs has been gathered: only the way to the first cluster was lost.
      this.#phase = 'lost';
      this.#lose(1);
      return true;
    }
    // A Segment after an EBML header makes it a real new stream, which the old headers do not fit.
    if (this.#phase === 'header' && this.#hasSegment) this.#headersInForce = false;
    this.#discardGathered();
    this.#hasSegment = false;
    this.#inCluster = false;
    this.#phase = this.#headersInForce ? 'lost' : 'before';
    this.#lose(1);
    return true;
  }

  #discardGathered(): void {
    this.#stats.skippedBytes += this.#gatheredBytes;
    this.#forgetGathered();
  }

  #forgetGathered(): void {
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  #lose(count: number): void {
    this.#window.drop(count);
    this.#stats.skippedBytes += count;
    if (this.#inSync) this.#stats.resyncs++;
    this.#inSync = false;
  }
}

/** Whether the four bytes at `at` are the id, or as much of it as is there. */
function isIdAt(bytes: Uint8Array, at: number, end: number, id: number): boolean {
  for (let index = 0; index < 4 && at + index < end; index++) {
    if (bytes[at + index] !== ((id >>> (24 - 8 * index)) & 255)) return false;
  }
  return true;
}
