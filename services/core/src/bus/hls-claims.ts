/**
 * What edges tell each other of HLS listeners, so that nobody is counted by two of them: whom
 * the sender counts and since when, whom it has served for another, who was ended by an
 * operator, and whose session, counted by the sender, is over.
 *
 * Big-endian:
 *
 *     0  u8   version: 3 with ends, 2 without
 *     1  u8   length of the pod id, 1 to 128
 *     2  u16  number of claims, at most 4,096
 *     4  u16  number of kills, at most 4,096
 *     6  u16  version 3: number of ends, 1 to 4,096
 *             pod id: letters, digits, hyphens, underscores
 *             claims: each the hash of a session (8 bytes) and since when it is counted, wall
 *             time in ms (u48); all ones where it was served and is for another to count
 *             kills: each the hash of a session (8 bytes)
 *             ends: each the hash of a session (8 bytes)
 *
 * The time is what makes edges agree: of two that count a session the one that has done so
 * for longer keeps it, of two at the same time the one whose pod id is the greater. Clocks that
 * differ may choose the wrong one of two, never both or none. Encoder and decoder accept
 * the very same messages. Edges of an earlier version know nothing of ends and drop messages
 * that have some: claims and kills should not be among them.
 */
const plainVersion = 2;
const endsVersion = 3;
const plainHeadBytes = 6;
const endsHeadBytes = 8;
const hashBytes = 8;
const timeBytes = 6;
/** And as many kills, and as many ends. */
export const maxClaims = 4096;
/** In place of a time: the session was served, and is for another to count. */
export const notHeld = 2 ** 48 - 1;
const podIdPattern = /^[A-Za-z0-9_-]{1,128}$/;
const hashPattern = /^[\u0000-\u00ff]{8}$/;

export type HlsClaim = {
  /** Eight characters of one byte each. */
  readonly hash: string;
  /** Since when the sender counts it: wall time, whole milliseconds; or {@link notHeld}. */
  readonly heldSinceMs: number;
};

export type HlsClaims = {
  readonly podId: string;
  readonly claims: readonly HlsClaim[];
  /** Hashes, as of claims. */
  readonly kills: readonly string[];
  /** Hashes, as of claims. */
  readonly ends: readonly string[];
};

/** @throws RangeError for what no edge can mean: a bug in the caller, never hostile input */
export function encodeHlsClaims({ podId, claims, kills, ends }: HlsClaims): Uint8Array {
  if (!podIdPattern.test(podId)) throw new RangeError(`${podId} is no pod id`);
  const counts = [claims.length, kills.length, ends.length];
  if (Math.max(...counts) > maxClaims || Math.max(...counts) === 0) {
    throw new RangeError(`a message of ${counts.join(', ')} claims, kills and ends`);
  }
  const headBytes = ends.length > 0 ? endsHeadBytes : plainHeadBytes;
  const hashes = claims.length + kills.length + ends.length;
  const bytes = headBytes + podId.length + hashes * hashBytes + claims.length * timeBytes;
  const out = Buffer.allocUnsafe(bytes);
  out[0] = ends.length > 0 ? endsVersion : plainVersion;
  out[1] = podId.length;
  out.writeUInt16BE(claims.length, 2);
  out.writeUInt16BE(kills.length, 4);
  if (ends.length > 0) out.writeUInt16BE(ends.length, 6);
  let at = headBytes + out.write(podId, headBytes, 'latin1');
  for (const { hash, heldSinceMs } of claims) {
    at = writeHash(out, hash, at);
    at = out.writeUIntBE(heldSinceMs, at, timeBytes);
  }
  for (const hash of kills) at = writeHash(out, hash, at);
  for (const hash of ends) at = writeHash(out, hash, at);
  return out;
}

/** Reads a message; undefined for anything that {@link encodeHlsClaims} would not have made. */
export function decodeHlsClaims(data: Uint8Array): HlsClaims | undefined {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const hasEnds = view[0] === endsVersion;
  if (!hasEnds && view[0] !== plainVersion) return undefined;
  const headBytes = hasEnds ? endsHeadBytes : plainHeadBytes;
  if (view.length < headBytes) return undefined;
  const claimCount = view.readUInt16BE(2);
  const killCount = view.readUInt16BE(4);
  const endCount = hasEnds ? view.readUInt16BE(6) : 0;
  if (Math.max(claimCount, killCount, endCount) > maxClaims) return undefined;
  if (hasEnds ? endCount === 0 : claimCount + killCount === 0) return undefined;
  const podIdEnd = headBytes + view[1]!;
  const killsAt = podIdEnd + claimCount * (hashBytes + timeBytes);
  const endsAt = killsAt + killCount * hashBytes;
  if (view.length !== endsAt + endCount * hashBytes) return undefined;
  const podId = view.toString('latin1', headBytes, podIdEnd);
  if (!podIdPattern.test(podId)) return undefined;
  const claims: HlsClaim[] = [];
  for (let at = podIdEnd; at < killsAt; at += hashBytes + timeBytes) {
    claims.push({
      hash: view.toString('latin1', at, at + hashBytes),
      heldSinceMs: view.readUIntBE(at + hashBytes, timeBytes),
    });
  }
  return {
    podId,
    claims,
    kills: readHashes(view, killsAt, endsAt),
    ends: readHashes(view, endsAt, view.length),
  };
}

function writeHash(out: Buffer, hash: string, at: number): number {
  if (!hashPattern.test(hash)) throw new RangeError('a hash is not eight bytes');
  return at + out.write(hash, at, 'latin1');
}

function readHashes(view: Buffer, from: number, to: number): string[] {
  const hashes: string[] = [];
  for (let at = from; at < to; at += hashBytes) hashes.push(view.toString('latin1', at, at + hashBytes));
  return hashes;
}
