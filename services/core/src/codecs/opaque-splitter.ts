/**
 * Passes a stream of unknown kind through: every byte, at once, in frames of at most
 * 16 KiB that may be joined anywhere. Only the concatenation of its frames is the same
 * for every split of the input, since nothing tells where a frame would end.
 */
import type { FrameSplitter, SplitterEvent, SplitterStats, StreamFormat } from './frame-splitter.ts';

export const maxOpaqueFrameBytes = 16 * 1024;

export class OpaqueSplitter implements FrameSplitter {
  readonly format: Readonly<StreamFormat> = { codec: 'opaque' };
  readonly #stats: SplitterStats = { frames: 0, skippedBytes: 0, resyncs: 0 };

  get stats(): Readonly<SplitterStats> {
    return this.#stats;
  }

  push(chunk: Uint8Array): SplitterEvent[] {
    const events: SplitterEvent[] = [];
    for (let at = 0; at < chunk.length; at += maxOpaqueFrameBytes) {
      // A copy, because the caller may read the next bytes into the same memory.
      const data = new Uint8Array(chunk.subarray(at, at + maxOpaqueFrameBytes));
      events.push({ type: 'frame', data, durationUs: 0, syncPoint: true });
    }
    this.#stats.frames += events.length;
    return events;
  }

  flush(): SplitterEvent[] {
    return [];
  }
}
