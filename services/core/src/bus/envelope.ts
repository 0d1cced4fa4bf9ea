/**
 * The binary envelope of one message of a mount's audio sequence (design §6).
 *
 * Big-endian, 48 bytes, then the payload:
 *
 *     0  u8   version (1)
 *     1  u8   kind: 1 audio, 2 codec headers, 3 metadata, 4 end
 *     2  u16  flags: bit 0 sync point, bit 1 discontinuity, bit 2 headers in band
 *     4  u32  payload length
 *     8  u64  epoch   fencing number of the source session
 *    16  u64  seq     counts the messages of an epoch from 1
 *    24  u64  media time of the first frame, µs since the epoch began
 *    32  u64  source clock: wall time at ingest, ms
 *    40  u32  duration, µs
 *    44  u16  frame count
 *    46  u16  reserved, 0
 *
 * Numbers beyond 2^53 are refused: all of them are counts or times that stay far below.
 * Fractions of a millisecond or microsecond are cut off. Encoder and decoder accept the
 * very same messages: the encoder throws where the decoder would drop.
 */
export const envelopeBytes = 48;
const version = 1;
/** Above this a message cannot be one of ours: chunks are cut at 64 KiB, headers at 256 KiB. */
export const maxPayloadBytes = 512 * 1024;

export const EnvelopeKind = { audio: 1, headers: 2, metadata: 3, end: 4 } as const;
export type EnvelopeKind = (typeof EnvelopeKind)[keyof typeof EnvelopeKind];

export const EnvelopeFlag = { syncPoint: 1, discontinuity: 2, inBand: 4 } as const;
const knownFlags = EnvelopeFlag.syncPoint | EnvelopeFlag.discontinuity | EnvelopeFlag.inBand;

export type Envelope = {
  readonly kind: EnvelopeKind;
  readonly flags: number;
  readonly epoch: number;
  readonly seq: number;
  readonly mediaTimeUs: number;
  readonly sourceClockMs: number;
  readonly durationUs: number;
  readonly frameCount: number;
  readonly payload: Uint8Array;
};

/** @throws RangeError for what no session can produce: a bug in the caller, never hostile input */
export function encodeEnvelope(message: Envelope): Uint8Array {
  if (message.payload.byteLength > maxPayloadBytes) {
    throw new RangeError(`a payload of ${message.payload.byteLength} bytes is above ${maxPayloadBytes}`);
  }
  if ((message.flags & ~knownFlags) !== 0) throw new RangeError(`unknown flags ${message.flags}`);
  // Rings and histories keep it for a minute: in a pool it would keep its neighbours as well.
  const out = Buffer.allocUnsafeSlow(envelopeBytes + message.payload.byteLength);
  out[0] = version;
  out[1] = message.kind;
  out.writeUInt16BE(message.flags, 2);
  out.writeUInt32BE(message.payload.byteLength, 4);
  writeU64(out, message.epoch, 1, 8);
  writeU64(out, message.seq, 1, 16);
  writeU64(out, message.mediaTimeUs, 0, 24);
  writeU64(out, message.sourceClockMs, 0, 32);
  out.writeUInt32BE(Math.min(message.durationUs, 0xffffffff), 40);
  out.writeUInt16BE(Math.min(message.frameCount, 0xffff), 44);
  out.writeUInt16BE(0, 46);
  out.set(message.payload, envelopeBytes);
  return out;
}

/** Reads a message; undefined for anything that {@link encodeEnvelope} would not have made. */
export function decodeEnvelope(data: Uint8Array): Envelope | undefined {
  if (data.byteLength < envelopeBytes) return undefined;
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const kind = view[1] as EnvelopeKind;
  const flags = view.readUInt16BE(2);
  const payloadBytes = view.readUInt32BE(4);
  if (view[0] !== version || kind < EnvelopeKind.audio || kind > EnvelopeKind.end) return undefined;
  if ((flags & ~knownFlags) !== 0 || view.readUInt16BE(46) !== 0) return undefined;
  if (payloadBytes !== data.byteLength - envelopeBytes || payloadBytes > maxPayloadBytes) return undefined;
  const epoch = readU64(view, 8);
  const seq = readU64(view, 16);
  const mediaTimeUs = readU64(view, 24);
  const sourceClockMs = readU64(view, 32);
  if (!(epoch > 0 && seq > 0 && mediaTimeUs >= 0 && sourceClockMs >= 0)) return undefined;
  return {
    kind,
    flags,
    epoch,
    seq,
    mediaTimeUs,
    sourceClockMs,
    durationUs: view.readUInt32BE(40),
    frameCount: view.readUInt16BE(44),
    payload: view.subarray(envelopeBytes),
  };
}

function writeU64(out: Buffer, value: number, minimum: number, at: number): void {
  const whole = Math.floor(value);
  if (!Number.isSafeInteger(whole) || whole < minimum) {
    throw new RangeError(`${value} does not fit the field at byte ${at} of an envelope`);
  }
  out.writeUInt32BE(Math.floor(whole / 0x100000000), at);
  out.writeUInt32BE(whole >>> 0, at + 4);
}

/** NaN where the value is not a safe integer, so that every comparison fails. */
function readU64(view: Buffer, at: number): number {
  const value = view.readUInt32BE(at) * 0x100000000 + view.readUInt32BE(at + 4);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
