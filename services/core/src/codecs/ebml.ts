/**
 * EBML elements (RFC 8794): their heads, and values of the kinds that audio needs.
 *
 * Nothing here trusts a size: readers say what is claimed, callers bound it.
 */

export type EbmlHead = {
  /** With its length marker, as written in the specifications. */
  readonly id: number;
  readonly idBytes: number;
  /** Bytes of id and size together. */
  readonly headBytes: number;
  /** Infinity where the size is marked as unknown. */
  readonly size: number;
};

/** The head of the element at `at`; `short` if more bytes are needed to tell, `bad` if none can stand there. */
export function readEbmlHead(bytes: Uint8Array, at: number, end: number): EbmlHead | 'short' | 'bad' {
  if (at >= end) return 'short';
  const idBytes = Math.clz32(bytes[at]! << 24) + 1;
  if (idBytes > 4) return 'bad';
  const sizeAt = at + idBytes;
  if (sizeAt >= end) return 'short';
  const sizeBytes = Math.clz32(bytes[sizeAt]! << 24) + 1;
  if (sizeBytes > 8) return 'bad';
  if (sizeAt + sizeBytes > end) return 'short';
  const head = { id: readEbmlUint(bytes, at, sizeAt), idBytes, headBytes: idBytes + sizeBytes };
  const mask = 0x7f >> (sizeBytes - 1);
  let size = bytes[sizeAt]! & mask;
  let isUnknown = size === mask;
  for (let index = 1; index < sizeBytes; index++) {
    const byte = bytes[sizeAt + index]!;
    size = size * 256 + byte;
    isUnknown &&= byte === 0xff;
  }
  return { ...head, size: isUnknown ? Infinity : size };
}

/** Marks the size in the bytes of an element's head as unknown, without changing their number. */
export function forgetEbmlSize(head: Uint8Array, idBytes: number): void {
  const marker = 0x80 >> (head.length - idBytes - 1);
  head.fill(0xff, idBytes);
  head[idBytes] = marker | (marker - 1);
}

/** Calls `visit` for each element of known size between `from` and `to`, and stops at the first that does not fit. */
export function walkEbml(
  bytes: Uint8Array,
  from: number,
  to: number,
  visit: (id: number, from: number, to: number) => void,
): void {
  for (let at = from; at < to; ) {
    const head = readEbmlHead(bytes, at, to);
    if (typeof head === 'string') return;
    const dataAt = at + head.headBytes;
    if (dataAt + head.size > to) return;
    visit(head.id, dataAt, dataAt + head.size);
    at = dataAt + head.size;
  }
}

/** An unsigned number of any length; beyond 2^53 it is only near. */
export function readEbmlUint(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = value * 256 + bytes[at]!;
  return value;
}

/** A float of 4 or 8 bytes; 0 for other lengths, as EBML has it for none. */
export function readEbmlFloat(bytes: Uint8Array, from: number, to: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, to - from);
  return view.byteLength === 4 ? view.getFloat32(0) : view.byteLength === 8 ? view.getFloat64(0) : 0;
}

/** A string without the zeros that may pad it. */
export function readEbmlString(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const value = bytes.subarray(from, to);
  const zero = value.indexOf(0);
  return zero < 0 ? value : value.subarray(0, zero);
}
