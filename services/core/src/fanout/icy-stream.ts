/**
 * The one interleaved ICY stream of a channel (design §9, wire format: protocols §4.1):
 * metadata blocks stand on a grid of `metaint` bytes of the channel's axis, so that every
 * ICY listener shares the same bytes.
 *
 * A block stands before the byte at its grid point and is sent together with it, so that
 * a title that changes exactly there is still in time: what covers `[from, to)` carries the
 * blocks of the grid points in it. A block is empty (one zero byte) unless a title took
 * effect since the grid point before. A listener starts exactly on the grid and gets its
 * first block one interval later; one that is moved to live goes on a whole number of
 * intervals later, so that its count of bytes stays right. Bytes before the next whole
 * frame are zero, which decoders pass over.
 */
import type { Channel, ChannelEntry } from './channel.ts';
import { type FrameLength, nextFrameAt, unknownFrameLength } from './frame-lengths.ts';

const unchanged = new Uint8Array(1);
/** mpg123 gives up on a stream in which 1024 bytes on end are no frame. */
const bearableZeroes = 1000;

/** Where an ICY listener is set down. */
export type IcyStart = {
  /** The position from which on it counts bytes. */
  readonly countFrom: number;
  /** The first byte of audio; what is before is zero. */
  readonly audioFrom: number;
  /** The grid point of its first block, which is full. */
  readonly firstBlock: number;
};

export class IcyStream {
  readonly metaint: number;
  readonly #channel: Channel;
  readonly #frameLength: FrameLength;

  constructor(channel: Channel, metaint: number, frameLength: FrameLength = unknownFrameLength) {
    this.metaint = metaint;
    this.#channel = channel;
    this.#frameLength = frameLength;
  }

  /** Where a listener who is to begin at `entry` starts: on the grid, with few zeroes and most of the burst. */
  startNear(entry: ChannelEntry): IcyStart {
    const below = Math.floor(entry.start / this.metaint) * this.metaint;
    const above = below + this.metaint;
    const zeroes = entry.start - below;
    const later = zeroes > 0 ? this.#frameFrom(above) : undefined;
    const { head } = this.#channel;
    // Zeroes cost the player nothing but a moment; a burst of half the length costs it its cushion.
    if (later !== undefined && later - above < zeroes && (later - entry.start) * 4 <= head - entry.start) {
      return { countFrom: above, audioFrom: later, firstBlock: above + this.metaint };
    }
    return { countFrom: below, audioFrom: entry.start, firstBlock: above };
  }

  /** Where a listener begins whose audio goes on at `at`, wherever that is: zeroes lead to it from the grid. */
  startAt(at: number): IcyStart {
    const countFrom = Math.floor(at / this.metaint) * this.metaint;
    return { countFrom, audioFrom: at, firstBlock: countFrom + this.metaint };
  }

  /**
   * Where a listener at `from` goes on when it is moved to about `entry`: a whole number
   * of intervals later, so that nothing but the beginning of one frame is lost to the grid.
   */
  moveNear(from: number, entry: ChannelEntry): IcyStart {
    const intervals = Math.ceil((entry.start - from) / this.metaint);
    const nearest = from + intervals * this.metaint;
    let chosen: IcyStart | undefined;
    for (let at = nearest; at < this.#channel.head; at += this.metaint) {
      const audioFrom = this.#frameFrom(at);
      if (audioFrom === undefined) break;
      if (chosen && audioFrom - at >= chosen.audioFrom - chosen.countFrom) continue;
      chosen = { countFrom: at, audioFrom, firstBlock: this.#gridFrom(at) };
      if (audioFrom - at <= bearableZeroes) break;
    }
    if (chosen) return chosen;
    const countFrom = nearest > entry.start ? nearest - this.metaint : nearest;
    const audioFrom = this.#frameFrom(countFrom) ?? entry.start;
    return { countFrom, audioFrom, firstBlock: this.#gridFrom(countFrom) };
  }

  /** What a listener that is set down at `start` is written, up to `to`; its first block carries the title. */
  begin(start: IcyStart, to: number): Uint8Array {
    return this.#interleave(start.countFrom, start.audioFrom, to, start.firstBlock, true);
  }

  /**
   * The shared stream from `from` to `to`.
   * @param withTitle the first block is full even though the title did not change
   */
  range(from: number, to: number, withTitle: boolean): Uint8Array {
    return this.#interleave(from, from, to, this.#gridFrom(from), withTitle);
  }

  /** True where a metadata block stands in `[from, to)`. */
  crosses(from: number, to: number): boolean {
    return this.#gridFrom(from) < to;
  }

  #gridFrom(position: number): number {
    return Math.ceil(position / this.metaint) * this.metaint;
  }

  /** The first position at or after `position` at which a listener may be set down; undefined while there is none. */
  #frameFrom(position: number): number | undefined {
    const entry = this.#channel.entryHolding(position);
    if (!entry) return undefined;
    const offset = position - entry.start;
    const at = entry.syncPoint ? nextFrameAt(entry.data, offset, this.#frameLength) : entry.data.length;
    return at < entry.data.length ? entry.start + at : this.#channel.syncEntryFrom(entry.end)?.start;
  }

  /** `[from, audioFrom)` as zeroes, `[audioFrom, to)` as audio, blocks at the grid points in `[firstGrid, to)`. */
  #interleave(
    from: number,
    audioFrom: number,
    to: number,
    firstGrid: number,
    withTitle: boolean,
  ): Uint8Array {
    const blocks: Uint8Array[] = [];
    let blockBytes = 0;
    for (let grid = firstGrid; grid < to; grid += this.metaint) {
      const { offset, block } = this.#channel.titleAt(grid);
      const isFull = offset > grid - this.metaint || (withTitle && grid === firstGrid);
      blocks.push(isFull ? block : unchanged);
      blockBytes += isFull ? block.byteLength : unchanged.byteLength;
    }
    if (blocks.length === 0 && audioFrom === from) return this.#channel.slice(from, to);
    const out = Buffer.allocUnsafeSlow(to - from + blockBytes);
    let position = from;
    let at = 0;
    for (let i = 0; i <= blocks.length; i += 1) {
      const end = i < blocks.length ? firstGrid + i * this.metaint : to;
      const begin = Math.min(Math.max(position, audioFrom), end);
      out.fill(0, at, at + begin - position);
      if (end > begin) this.#channel.copy(begin, end, out, at + begin - position);
      at += end - position;
      position = end;
      const block = blocks[i];
      if (block) {
        out.set(block, at);
        at += block.byteLength;
      }
    }
    return out;
  }
}
