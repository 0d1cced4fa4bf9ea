/**
 * The one interleaved ICY stream of a channel (design §9, wire format: §4.1 of the
 * SHOUTcast metadata practice): metadata blocks stand on a grid of `metaint` bytes of
 * the channel's axis, so that every ICY listener shares the same bytes.
 *
 * A block stands before the byte at its grid point and is sent together with it, so that
 * a title that changes exactly there is still in time: what covers `[from, to)` carries the
 * blocks of the grid points in it. A block is empty (one zero byte) while the title stays
 * what it was one grid point before. A listener starts exactly on the grid and gets its
 * first block one interval later; bytes before the next whole frame are zero, which
 * decoders pass over.
 */
import type { Channel, ChannelEntry } from './channel.ts';

const unchanged = new Uint8Array(1);

/** Where an ICY listener is set down: it counts its bytes from `gridStart`; audio begins with `entry`. */
export type IcyStart = { readonly gridStart: number; readonly entry: ChannelEntry };

export class IcyStream {
  readonly metaint: number;
  readonly #channel: Channel;

  constructor(channel: Channel, metaint: number) {
    this.#channel = channel;
    this.metaint = metaint;
  }

  /** The grid start with the fewest zeroed bytes for a listener who is to begin about at `entry`. */
  startNear(entry: ChannelEntry): IcyStart {
    const below = Math.floor(entry.start / this.metaint) * this.metaint;
    if (below === entry.start) return { gridStart: below, entry };
    const above = below + this.metaint;
    const later = above < this.#channel.head ? this.#channel.syncEntryFrom(above) : undefined;
    if (later && later.start - above < entry.start - below) return { gridStart: above, entry: later };
    return { gridStart: below, entry };
  }

  /** Zeroes from the grid to the first frame, then the stream up to `to`; the first block carries the title. */
  join(start: IcyStart, to: number): Uint8Array {
    return this.#interleave(start.gridStart, start.entry.start, to, start.gridStart + this.metaint, true);
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

  /**
   * Leads a listener from `from` to live: fills up to the next grid point, gives a full
   * block there, and goes on at the like grid point before `target`, so that its count
   * of bytes stays right and no frame is torn: whole entries that still fit are sent,
   * what cannot be whole is zero.
   */
  skip(from: number, target: ChannelEntry, to: number): Uint8Array {
    const start = this.startNear(target);
    const joint = this.#gridFrom(from);
    const block = this.#channel.titleBlockAt(start.entry.start);
    const tail = this.join(start, to);
    const out = Buffer.alloc(joint - from + block.byteLength + tail.byteLength);
    if (this.#channel.entryAt(from)) {
      const whole = this.#channel.edgeWithin(from, joint - from);
      if (whole <= joint) this.#channel.copy(from, whole, out, 0);
    }
    out.set(block, joint - from);
    out.set(tail, joint - from + block.byteLength);
    return out;
  }

  #gridFrom(position: number): number {
    return Math.ceil(position / this.metaint) * this.metaint;
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
    let full = withTitle;
    for (let grid = firstGrid; grid < to; grid += this.metaint) {
      const title = this.#channel.titleBlockAt(grid);
      const block = full || title !== this.#channel.titleBlockAt(grid - this.metaint) ? title : unchanged;
      full = false;
      blocks.push(block);
      blockBytes += block.byteLength;
    }
    if (blocks.length === 0 && audioFrom === from) return this.#channel.slice(from, to);
    const size = to - from + blockBytes;
    const out = audioFrom > from ? Buffer.alloc(size) : Buffer.allocUnsafe(size);
    let position = from;
    let at = 0;
    for (let i = 0; i <= blocks.length; i += 1) {
      const end = i < blocks.length ? firstGrid + i * this.metaint : to;
      const begin = Math.max(position, audioFrom);
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
