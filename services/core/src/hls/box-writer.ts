/**
 * Writes boxes of the ISO base media file format (ISO/IEC 14496-12 §4.2): big-endian, each
 * box preceded by its size and type. The room is given once and never grows; writing beyond
 * it throws a RangeError. The size of a box is filled in when it ends.
 */
export class BoxWriter {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #at = 0;

  constructor(capacityBytes: number) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Begins a box; what is written until `end` with the value returned lies in it. */
  begin(type: string): number {
    const start = this.#at;
    this.#at += 4;
    this.text(type);
    return start;
  }

  /** Begins a box with a version and 24 bits of flags (a FullBox). */
  beginFull(type: string, version: number, flags: number): number {
    const start = this.begin(type);
    this.u32(((version << 24) | flags) >>> 0);
    return start;
  }

  end(start: number): void {
    this.#view.setUint32(start, this.#at - start);
  }

  /** A box around what `write` writes. */
  box(type: string, write: () => void): void {
    const start = this.begin(type);
    write();
    this.end(start);
  }

  /** A FullBox around what `write` writes. */
  fullBox(type: string, version: number, flags: number, write: () => void): void {
    const start = this.beginFull(type, version, flags);
    write();
    this.end(start);
  }

  u8(value: number): void {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
  }

  u16(value: number): void {
    this.#view.setUint16(this.#at, value);
    this.#at += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
  }

  /** Whole numbers up to 2^53. */
  u64(value: number): void {
    this.u32(Math.floor(value / 0x1_0000_0000));
    this.u32(value >>> 0);
  }

  data(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Characters of one byte each, without an end mark. */
  text(latin1: string): void {
    for (let index = 0; index < latin1.length; index++) this.u8(latin1.charCodeAt(index));
  }

  zeros(count: number): void {
    if (this.#at + count > this.#bytes.length) throw new RangeError('zeros beyond the room of the boxes');
    this.#at += count;
  }

  /** The boxes, without a copy. @throws RangeError when room is left */
  finish(): Uint8Array<ArrayBuffer> {
    const leftBytes = this.#bytes.length - this.#at;
    if (leftBytes !== 0) throw new RangeError(`the boxes leave ${leftBytes} bytes of their room`);
    return this.#bytes;
  }

  /** A copy of what was written so far. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#at);
  }
}
