import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIp } from '../protocols/ip-address.ts';
import { canonicalIpRange, formatIpRange, parseIpRange } from './ip-range.ts';
import { IpRangeSet } from './ip-range-set.ts';

const seed = 20261123;
const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => bytes.with(0, 0x20));
const rangeOf = (address: fc.Arbitrary<Uint8Array>, most: number) =>
  fc.tuple(address, fc.integer({ min: 0, max: most }));
const anyRange = fc.oneof(rangeOf(v4, 32), rangeOf(v6, 128));

/** What the classes are compared with: bits as text. */
function bitsOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
}

test('every spelling of a range becomes one', () => {
  const spellings: Record<string, string> = {
    '192.0.2.1': '192.0.2.1',
    '192.0.2.1/32': '192.0.2.1',
    '10.1.2.3/8': '10.0.0.0/8',
    '192.0.2.255/25': '192.0.2.128/25',
    '0.0.0.0/0': '0.0.0.0/0',
    '2001:DB8:1::7/32': '2001:db8::/32',
    '2001:db8::1/128': '2001:db8::1',
    '2001:db8:0:0:ffff::/66': '2001:db8:0:0:c000::/66',
    '::/0': '::/0',
    '::ffff:192.0.2.1': '192.0.2.1',
    '::ffff:10.1.2.3/104': '10.0.0.0/8',
    '::ffff:0:0/96': '0.0.0.0/0',
    // Shorter than what makes it one of IPv4.
    '::ffff:0:0/90': '::ffc0:0:0/90',
  };
  for (const [text, canonical] of Object.entries(spellings))
    assert.equal(canonicalIpRange(text), canonical, text);
});

test('what is no range, or one only by shorthand, is none', () => {
  for (const text of [
    ...['', '/', '/8', '10', '10/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '10.0.0.0/+8'],
    ...['10.0.0.0/8/8', ' 10.0.0.0/8', '10.0.0.0/8 ', '10.0.0.0/255.0.0.0', '10.0.0.*', '10.0.0.1-10.0.0.9'],
    ...['::/129', 'fe80::1%eth0', '2001:db8::/1e1', 'localhost', '10.0.0.0/ 8', '256.0.0.0/8'],
  ])
    assert.equal(canonicalIpRange(text), undefined, text);
});

test('a range is the same when it is read again, and has no bit that does not count', () => {
  fc.assert(
    fc.property(anyRange, ([bytes, bits]) => {
      const range = parseIpRange(`${formatIp(bytes)}/${bits}`)!;
      assert.deepEqual(parseIpRange(formatIpRange(range)), range);
      const padded = bitsOf(bytes)
        .slice(0, bits)
        .padEnd(bytes.length * 8, '0');
      assert.equal(bitsOf(range.base), padded);
    }),
    { seed, numRuns: 1000 },
  );
});

test('a set contains exactly the addresses that begin with the bits of one of its ranges', () => {
  const flip = (bytes: Uint8Array, bit: number) =>
    bit < 0 ? bytes : bytes.with(bit >> 3, bytes[bit >> 3]! ^ (0x80 >> (bit & 7)));
  fc.assert(
    fc.property(
      fc.array(anyRange, { maxLength: 8 }),
      anyRange,
      fc.integer({ min: -1, max: 31 }),
      (ranges, [asked], bit) => {
        const set = new IpRangeSet(ranges.map(([bytes, bits]) => `${formatIp(bytes)}/${bits}`));
        // Also neighbours of what is in it, since chance alone hardly ever hits a range.
        const near = ranges.map(([bytes]) => flip(bytes, bit));
        for (const address of [asked, ...near]) {
          const expected = ranges.some(
            ([bytes, bits]) =>
              bytes.length === address.length &&
              bitsOf(bytes).slice(0, bits) === bitsOf(address).slice(0, bits),
          );
          assert.equal(set.contains(formatIp(address)), expected, formatIp(address));
        }
      },
    ),
    { seed, numRuns: 1000 },
  );
});

test('what leaves a set is gone, and nothing else', () => {
  fc.assert(
    fc.property(fc.uniqueArray(rangeOf(v4, 32), { maxLength: 12 }), fc.nat(11), (ranges, index) => {
      const texts = [
        ...new Set(ranges.map(([bytes, bits]) => canonicalIpRange(`${formatIp(bytes)}/${bits}`)!)),
      ];
      const set = new IpRangeSet(texts);
      const [gone] = texts.splice(index % Math.max(1, texts.length), 1);
      if (gone !== undefined) set.delete(gone);
      const rest = new IpRangeSet(texts);
      for (const [bytes] of ranges)
        assert.equal(set.contains(formatIp(bytes)), rest.contains(formatIp(bytes)));
      for (const text of texts) set.delete(text);
      assert.ok(set.isEmpty);
    }),
    { seed, numRuns: 500 },
  );
});

test('an address is found in any of its spellings, and what is none in no range', () => {
  const set = new IpRangeSet(['192.0.2.0/24', '2001:db8::/32', 'fe80::/10', 'no range']);
  for (const ip of ['192.0.2.7', '::ffff:192.0.2.7', '::FFFF:c000:207', '2001:DB8:0::1', 'fe80::1%eth0'])
    assert.ok(set.contains(ip), ip);
  for (const ip of ['192.0.3.7', '2001:db9::1', '', '%', 'nobody', '192.0.2', '::192.0.2.7'])
    assert.ok(!set.contains(ip), ip);
  assert.ok(!new IpRangeSet(['::/0']).contains('192.0.2.7'), 'a range of IPv6 is not one of IPv4');
  assert.ok(!new IpRangeSet().contains('192.0.2.7'));
});
