import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeHlsClaims, encodeHlsClaims, type HlsClaims, maxClaims } from './hls-claims.ts';

const anyHash = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));
const anyClaims: fc.Arbitrary<HlsClaims> = fc
  .record(
    {
      podId: fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/),
      claims: fc.array(
        fc.record({ hash: anyHash, heldSinceMs: fc.nat({ max: 2 ** 48 - 1 }) }, { noNullPrototype: true }),
        { maxLength: 20 },
      ),
      kills: fc.array(anyHash, { maxLength: 20 }),
    },
    { noNullPrototype: true },
  )
  .filter(({ claims, kills }) => claims.length + kills.length > 0);

const hash = 'abcdefg\u00ff';
const one: HlsClaims = {
  podId: 'edge-1',
  claims: [{ hash, heldSinceMs: 0x0123_4567_89ab }],
  kills: ['12345678'],
};

test('the layout on the wire is fixed', () => {
  assert.equal(
    Buffer.from(encodeHlsClaims(one)).toString('hex'),
    [
      '0206', // version, length of the pod id
      '00010001', // claims, kills
      '656467652d31', // edge-1
      '61626364656667ff', // hash
      '0123456789ab', // since when it is counted
      '3132333435363738', // hash of the killed one
    ].join(''),
  );
});

test('what is encoded is read back', () => {
  fc.assert(
    fc.property(anyClaims, (claims) => assert.deepEqual(decodeHlsClaims(encodeHlsClaims(claims)), claims)),
  );
  const many = Array.from({ length: maxClaims }, (_, i) => ({
    hash: String(i).padStart(8, '0'),
    heldSinceMs: i,
  }));
  const full = { podId: 'a', claims: many, kills: many.map((claim) => claim.hash) };
  assert.deepEqual(decodeHlsClaims(encodeHlsClaims(full)), full);
});

test('anything else is dropped: what is read is what would be written', () => {
  const valid = encodeHlsClaims(one);
  for (let length = 0; length < valid.length; length += 1) {
    assert.equal(decodeHlsClaims(valid.subarray(0, length)), undefined, `cut to ${length} bytes`);
  }
  assert.equal(decodeHlsClaims(Buffer.concat([valid, Buffer.alloc(1)])), undefined);
  const check = (data: Uint8Array) => {
    const read = decodeHlsClaims(data);
    if (read) assert.deepEqual(Buffer.from(encodeHlsClaims(read)), Buffer.from(data));
    return read;
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (data) => void check(data)));
  fc.assert(
    fc.property(fc.nat({ max: valid.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const data = Uint8Array.from(valid);
      data[at]! ^= flip;
      check(data);
    }),
  );
  const wrong = (at: number, value: number) => check(Uint8Array.from(valid).fill(value, at, at + 1));
  assert.equal(wrong(0, 1), undefined, 'another version');
  assert.equal(wrong(1, 0), undefined, 'no pod id');
  assert.equal(wrong(6, 0x2e), undefined, 'a pod id with a dot');
  assert.equal(decodeHlsClaims(Buffer.from('0201000000006100', 'hex')), undefined);
  assert.equal(decodeHlsClaims(Buffer.from('02010000000061', 'hex')), undefined, 'nothing said');
});

test('a caller that means what no edge can mean is told', () => {
  const claim = one.claims[0]!;
  const cases: HlsClaims[] = [
    { ...one, podId: '' },
    { ...one, podId: 'a.b' },
    { ...one, claims: [], kills: [] },
    { ...one, claims: Array(maxClaims + 1).fill(claim) },
    { ...one, kills: Array(maxClaims + 1).fill(hash) },
    { ...one, kills: ['short'] },
    { ...one, kills: ['1234567\u0100'] },
    { ...one, claims: [{ hash, heldSinceMs: -1 }] },
    { ...one, claims: [{ hash, heldSinceMs: 2 ** 48 }] },
  ];
  for (const claims of cases) assert.throws(() => encodeHlsClaims(claims), RangeError);
});
