import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeEnvelope,
  type Envelope,
  EnvelopeFlag,
  EnvelopeKind,
  encodeEnvelope,
  envelopeBytes,
  maxPayloadBytes,
} from './envelope.ts';

const sample: Envelope = {
  kind: EnvelopeKind.audio,
  flags: EnvelopeFlag.syncPoint | EnvelopeFlag.inBand,
  epoch: 0x1_0000_0002,
  seq: 3,
  mediaTimeUs: 0x4_0000_0005,
  sourceClockMs: 1_700_000_000_000,
  durationUs: 104_489,
  frameCount: 4,
  payload: Buffer.from('frames'),
};

const wholeNumber = (min: number) =>
  fc.oneof(
    fc.maxSafeInteger().map((n) => Math.max(min, Math.abs(n))),
    fc.integer({ min, max: 1000 }),
  );
const anyEnvelope: fc.Arbitrary<Envelope> = fc.record({
  kind: fc.constantFrom(...Object.values(EnvelopeKind)),
  flags: fc.integer({ min: 0, max: 7 }),
  epoch: wholeNumber(1),
  seq: wholeNumber(1),
  mediaTimeUs: wholeNumber(0),
  sourceClockMs: wholeNumber(0),
  durationUs: fc.integer({ min: 0, max: 0xffffffff }),
  frameCount: fc.integer({ min: 0, max: 0xffff }),
  payload: fc.uint8Array({ maxLength: 200 }),
});

function same(actual: Envelope | undefined, expected: Envelope): void {
  assert.ok(actual);
  assert.deepEqual(
    { ...actual, payload: [...actual.payload] },
    { ...expected, payload: [...expected.payload] },
  );
}

test('the layout on the wire is fixed', () => {
  const data = Buffer.from(encodeEnvelope(sample));
  assert.equal(
    data.toString('hex'),
    [
      '01010005', // version, kind, flags
      '00000006', // payload length
      '0000000100000002', // epoch
      '0000000000000003', // seq
      '0000000400000005', // media time
      '0000018bcfe56800', // source clock
      '00019829', // duration
      '0004', // frames
      '0000', // reserved
      Buffer.from('frames').toString('hex'),
    ].join(''),
  );
});

test('any message comes back as it was encoded', () => {
  fc.assert(fc.property(anyEnvelope, (message) => same(decodeEnvelope(encodeEnvelope(message)), message)));
});

test('a message inside a larger buffer is read in place, without a copy', () => {
  const encoded = encodeEnvelope(sample);
  const large = Buffer.alloc(encoded.byteLength + 20, 0xff);
  large.set(encoded, 7);
  const message = decodeEnvelope(new Uint8Array(large.buffer, large.byteOffset + 7, encoded.byteLength));
  same(message, sample);
  assert.equal(message?.payload.buffer, large.buffer);
});

test('fractions are cut off, durations and counts beyond their field are clamped', () => {
  const message = decodeEnvelope(
    encodeEnvelope({
      ...sample,
      mediaTimeUs: 10.9,
      sourceClockMs: 7.5,
      durationUs: 2 ** 40,
      frameCount: 70_000,
    }),
  );
  same(message, { ...sample, mediaTimeUs: 10, sourceClockMs: 7, durationUs: 0xffffffff, frameCount: 0xffff });
});

test('what the decoder would drop is never encoded', () => {
  const wrong: readonly Partial<Envelope>[] = [
    { epoch: 0 },
    { seq: 0 },
    { epoch: 2 ** 53 },
    { seq: Number.NaN },
    { mediaTimeUs: -1 },
    { sourceClockMs: Number.POSITIVE_INFINITY },
    { flags: 8 },
    { payload: Buffer.alloc(maxPayloadBytes + 1) },
  ];
  for (const fields of wrong) {
    assert.throws(
      () => encodeEnvelope({ ...sample, ...fields }),
      RangeError,
      JSON.stringify(Object.keys(fields)),
    );
  }
  same(decodeEnvelope(encodeEnvelope({ ...sample, payload: Buffer.alloc(maxPayloadBytes) })), {
    ...sample,
    payload: Buffer.alloc(maxPayloadBytes),
  });
});

test('a message with one wrong field is dropped', () => {
  const damage: Readonly<Record<string, (data: Buffer) => void>> = {
    version: (data) => data.writeUInt8(2, 0),
    'kind 0': (data) => data.writeUInt8(0, 1),
    'kind 5': (data) => data.writeUInt8(5, 1),
    'unknown flag': (data) => data.writeUInt16BE(8, 2),
    'payload longer': (data) => data.writeUInt32BE(7, 4),
    'payload shorter': (data) => data.writeUInt32BE(5, 4),
    'epoch 0': (data) => data.fill(0, 8, 16),
    'epoch too large': (data) => data.fill(0xff, 8, 16),
    'seq 0': (data) => data.fill(0, 16, 24),
    'media time too large': (data) => data.writeUInt32BE(0x200000, 24),
    'source clock too large': (data) => data.writeUInt32BE(0x200000, 32),
    reserved: (data) => data.writeUInt16BE(1, 46),
  };
  for (const [name, change] of Object.entries(damage)) {
    const data = Buffer.from(encodeEnvelope(sample));
    same(decodeEnvelope(data), sample);
    change(data);
    assert.equal(decodeEnvelope(data), undefined, name);
  }
});

test('a message cut anywhere is dropped', () => {
  const data = encodeEnvelope(sample);
  for (let length = 0; length < data.byteLength; length++) {
    assert.equal(decodeEnvelope(data.subarray(0, length)), undefined, `${length} bytes`);
  }
});

test('random bytes never throw, and what decodes encodes to the same bytes', () => {
  const damaged = fc
    .tuple(
      anyEnvelope,
      fc.array(fc.tuple(fc.nat({ max: envelopeBytes + 10 }), fc.nat({ max: 255 })), { maxLength: 3 }),
    )
    .map(([message, changes]) => {
      const data = Buffer.from(encodeEnvelope(message));
      for (const [at, value] of changes) if (at < data.length) data[at] = value;
      return new Uint8Array(data);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), damaged), (data) => {
      const message = decodeEnvelope(data);
      if (message) assert.deepEqual(Buffer.from(encodeEnvelope(message)), Buffer.from(data));
    }),
    { numRuns: 500 },
  );
});
