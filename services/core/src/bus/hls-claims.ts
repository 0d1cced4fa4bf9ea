/**
 * What edges tell each other of HLS listeners, so that nobody is counted by two of them: whom
 * the sender counts and since when, whom it has served for another, and who was ended by an
 * operator.
 *
 * Big-endian:
 *
 *     0  u8   version (2)
 *     1  u8   length of the pod id, 1 to 128
 *     2  u16  number of claims, at most 4,096
 *     4  u16  number of kills, at most 4,096
 *     6       pod id: letters, digits, hyphens, underscores
 *             claims: each the hash of a session (8 bytes) and since when it is counted, wall
 *             time in ms (u48); all ones where it was served and is for another to count
 *             kills: each the hash of a session (8 bytes)
 *
 * The time is what makes edges agree: of two that count a session the one that has done so
 * for longer keeps it, of two at the same time the one whose pod id is the greater. Clocks that
 * differ may choose the wrong one of two, never both or none. Encoder and decoder accept
 * the very same messages.
 */
const version = 2;
const headBytes = 6;
const hashBytes = 8;
const timeBytes = 6;
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
};

/** @throws RangeError for what no edge can mean: a bug in the caller, never hostile input */
export function encodeHlsClaims({ podId, claims, kills }: HlsClaims): Uint8Array {
  if (!podIdPattern.test(podId)) throw new RangeError(`${podId} is no pod id`);
  if (claims.length > maxClaims || kills.length > maxClaims || claims.length + kills.length === 0) {
    throw new RangeError(`a message of ${claims.length} claims and ${kills.length} kills`);
  }
  const bytes = headBytes + podId.length + claims.length * (hashBytes + timeBytes) + kills.length * hashBytes;
  const out = Buffer.allocUnsafe(bytes);
  out[0] = version;
  out[1] = podId.length;
  out.writeUInt16BE(claims.length, 2);
  out.writeUInt16BE(kills.length, 4);
  let at = headBytes + out.write(podId, headBytes, 'latin1');
  for (const { hash, heldSinceMs } of claims) {
    at = writeHash(out, hash, at);
    at = out.writeUIntBE(heldSinceMs, at, timeBytes);
  }
  for (const hash of kills) at = writeHash(out, hash, at);
  return out;
}

/** Reads a message; undefined for anything that {@link encodeHlsClaims} would not have made. */
export function decodeHlsClaims(data: Uint8Array): HlsClaims | undefined {
  if (data.byteLength < headBytes) return undefined;
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const claimCount = view.readUInt16BE(2);
  const killCount = view.readUInt16BE(4);
  if (view[0] !== version || claimCount > maxClaims || killCount > maxClaims) return undefined;
  const podIdEnd = headBytes + view[1]!;
  const killsAt = podIdEnd + claimCount * (hashBytes + timeBytes);
  if (claimCount + killCount === 0 || view.length !== killsAt + killCount * hashBytes) return undefined;
  const podId = view.toString('latin1', headBytes, podIdEnd);
  if (!podIdPattern.test(podId)) return undefined;
  const claims: HlsClaim[] = [];
  for (let at = podIdEnd; at < killsAt; at += hashBytes + timeBytes) {
    claims.push({
      hash: view.toString('latin1', at, at + hashBytes),
      heldSinceMs: view.readUIntBE(at + hashBytes, timeBytes),
    });
  }
  const kills: string[] = [];
  for (let at = killsAt; at < view.length; at += hashBytes)
    kills.push(view.toString('latin1', at, at + hashBytes));
  return { podId, claims, kills };
}

function writeHash(out: Buffer, hash: string, at: number): number {
  if (!hashPattern.test(hash)) throw new RangeError('a hash is not eight bytes');
  return at + out.write(hash, at, 'latin1');
}
