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
      ends: fc.array(anyHash, { maxLength: 20 }),
    },
    { noNullPrototype: true },
  )
  .filter(({ claims, kills, ends }) => claims.length + kills.length + ends.length > 0);

const hash = 'abcdefg\u00ff';
const one: HlsClaims = {
  podId: 'edge-1',
  claims: [{ hash, heldSinceMs: 0x0123_4567_89ab }],
  kills: ['12345678'],
  ends: [],
};
const withEnds: HlsClaims = { ...one, ends: ['87654321'] };

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
  assert.equal(
    Buffer.from(encodeHlsClaims(withEnds)).toString('hex'),
    [
      '0306', // version, length of the pod id
      '000100010001', // claims, kills, ends
      '656467652d31',
      '61626364656667ff',
      '0123456789ab',
      '3132333435363738',
      '3837363534333231', // hash of the one that is over
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
  const hashes = many.map((claim) => claim.hash);
  const full = { podId: 'a', claims: many, kills: hashes, ends: hashes };
  assert.deepEqual(decodeHlsClaims(encodeHlsClaims(full)), full);
});

test('anything else is dropped: what is read is what would be written', () => {
  const check = (data: Uint8Array) => {
    const read = decodeHlsClaims(data);
    if (read) assert.deepEqual(Buffer.from(encodeHlsClaims(read)), Buffer.from(data));
    return read;
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (data) => void check(data)));
  for (const said of [one, withEnds]) {
    const valid = encodeHlsClaims(said);
    for (let length = 0; length < valid.length; length += 1) {
      assert.equal(decodeHlsClaims(valid.subarray(0, length)), undefined, `cut to ${length} bytes`);
    }
    assert.equal(decodeHlsClaims(Buffer.concat([valid, Buffer.alloc(1)])), undefined);
    fc.assert(
      fc.property(fc.nat({ max: valid.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const data = Uint8Array.from(valid);
        data[at]! ^= flip;
        check(data);
      }),
    );
    const wrong = (at: number, value: number) => check(Uint8Array.from(valid).fill(value, at, at + 1));
    for (const version of [0, 1, 5 - valid[0]!, 4, 255])
      assert.equal(wrong(0, version), undefined, `version ${version}`);
    assert.equal(wrong(1, 0), undefined, 'no pod id');
    assert.equal(wrong(said === one ? 6 : 8, 0x2e), undefined, 'a pod id with a dot');
  }
  // The hashes of a whole message, with heads that mean them as something else.
  fc.assert(
    fc.property(
      fc.constantFrom(2, 3),
      fc.array(fc.nat({ max: 3 }), { minLength: 3, maxLength: 3 }),
      (...head) => {
        const [version, counts] = head;
        const bytes = Buffer.alloc(9 + counts[0]! * 14 + counts[1]! * 8 + counts[2]! * 8, 'a');
        bytes.set([version, 1, 0, counts[0]!, 0, counts[1]!]);
        if (version === 3) bytes.set([0, counts[2]!], 6);
        check(bytes);
      },
    ),
  );
  assert.equal(decodeHlsClaims(Buffer.from('0201000000006100', 'hex')), undefined);
  assert.equal(decodeHlsClaims(Buffer.from('02010000000061', 'hex')), undefined, 'nothing said');
  assert.equal(
    decodeHlsClaims(Buffer.from('030100000001000061', 'hex')),
    undefined,
    'too short for its kill',
  );
  const endless = Buffer.from('030100000001000061'.concat('31'.repeat(8)), 'hex');
  assert.equal(decodeHlsClaims(endless), undefined, 'without ends it is of the other version');
});

test('a caller that means what no edge can mean is told', () => {
  const claim = one.claims[0]!;
  const cases: HlsClaims[] = [
    { ...one, podId: '' },
    { ...one, podId: 'a.b' },
    { ...one, claims: [], kills: [] },
    { ...one, claims: Array(maxClaims + 1).fill(claim) },
    { ...one, kills: Array(maxClaims + 1).fill(hash) },
    { ...one, ends: Array(maxClaims + 1).fill(hash) },
    { ...one, ends: ['short'] },
    { ...one, kills: ['short'] },
    { ...one, kills: ['1234567\u0100'] },
    { ...one, claims: [{ hash, heldSinceMs: -1 }] },
    { ...one, claims: [{ hash, heldSinceMs: 2 ** 48 }] },
  ];
  for (const claims of cases) assert.throws(() => encodeHlsClaims(claims), RangeError);
});
