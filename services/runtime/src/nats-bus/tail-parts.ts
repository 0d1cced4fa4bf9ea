/**
 * The tail of an audio subject as a publisher answers with it, in parts that a server takes:
 *
 *     u8   1 for the last part, else 0
 *     u32  the same for all parts of an answer, by chance different from any other answer's
 *     then for each message  u32 length, bytes
 *
 * and what a reader makes of it together with what a stream retained.
 */
const headBytes = 5;
const partBytes = 512 * 1024;
const maxMessageBytes = 1024 * 1024;
/** Of a message, for finding it again quickly; an envelope's number is in here. */
const keyBytes = 48;

export type TailPart = {
  readonly answer: number;
  readonly isLast: boolean;
  readonly messages: readonly Uint8Array[];
};

export function encodeTail(messages: readonly Uint8Array[], answer: number): Buffer[] {
  const parts: Buffer[] = [];
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  const close = (isLast: boolean): void => {
    const head = Buffer.alloc(headBytes);
    head[0] = isLast ? 1 : 0;
    head.writeUInt32BE(answer, 1);
    parts.push(Buffer.concat([head, ...pieces]));
    pieces = [];
    bytes = 0;
  };
  for (const message of messages) {
    if (bytes > 0 && bytes + message.byteLength + 4 > partBytes) close(false);
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(message.byteLength);
    pieces.push(length, message);
    bytes += 4 + message.byteLength;
  }
  close(true);
  return parts;
}

/** Undefined for what {@link encodeTail} would not have made. */
export function decodePart(data: Uint8Array): TailPart | undefined {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const messages: Uint8Array[] = [];
  if (view.byteLength < headBytes || view[0]! > 1) return undefined;
  for (let at = headBytes; at < view.byteLength; ) {
    if (at + 4 > view.byteLength) return undefined;
    const end = at + 4 + view.readUInt32BE(at);
    if (end > view.byteLength || end - at - 4 > maxMessageBytes) return undefined;
    messages.push(view.subarray(at + 4, end));
    at = end;
  }
  return { answer: view.readUInt32BE(1), isLast: view[0] === 1, messages };
}

/**
 * Both sequences as one, each in its order: what both have is where they meet, and between
 * two such messages those of the stream come first, because they are older.
 */
export function mergeTails(stored: readonly Uint8Array[], tail: readonly Uint8Array[]): Uint8Array[] {
  const places = new Map<string, number[]>();
  for (const [i, message] of stored.entries()) {
    const key = keyOf(message);
    const known = places.get(key);
    if (known) known.push(i);
    else places.set(key, [i]);
  }
  const merged: Uint8Array[] = [];
  let next = 0;
  let extra: Uint8Array[] = [];
  for (const message of tail) {
    const place = places
      .get(keyOf(message))
      ?.find((i) => i >= next && Buffer.compare(stored[i]!, message) === 0);
    if (place === undefined) {
      extra.push(message);
      continue;
    }
    merged.push(...stored.slice(next, place), ...extra, message);
    next = place + 1;
    extra = [];
  }
  return [...merged, ...stored.slice(next), ...extra];
}

/** The newest messages that fit. */
export function newestWithin(messages: readonly Uint8Array[], maxBytes: number): Uint8Array[] {
  let bytes = 0;
  let first = messages.length;
  while (first > 0) {
    bytes += messages[first - 1]!.byteLength;
    if (bytes > maxBytes) break;
    first -= 1;
  }
  return messages.slice(first);
}

function keyOf(message: Uint8Array): string {
  const start = Buffer.from(message.buffer, message.byteOffset, Math.min(message.byteLength, keyBytes));
  return `${message.byteLength} ${start.toString('latin1')}`;
}
