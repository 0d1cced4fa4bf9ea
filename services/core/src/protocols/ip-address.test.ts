import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalIp, formatIp, parseIp } from './ip-address.ts';

test('every spelling of an address becomes one', () => {
  const spellings: Record<string, string> = {
    '192.0.2.1': '192.0.2.1',
    '::FFFF:192.0.2.1': '192.0.2.1',
    '::ffff:c000:201': '192.0.2.1',
    '0:0:0:0:0:ffff:c000:0201': '192.0.2.1',
    '2001:DB8:0:0:0:0:0:1': '2001:db8::1',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
    '::': '::',
    '::1': '::1',
    '1::': '1::',
    '1:2:3:4:5:6:7::': '1:2:3:4:5:6:7:0',
  };
  for (const [text, canonical] of Object.entries(spellings)) assert.equal(canonicalIp(text), canonical, text);
});

test('what is no address, or one only by shorthand, is none', () => {
  const texts = [
    '',
    ' ',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '0x1.2.3.4',
    '256.1.1.1',
    '1.2.3.4 ',
    '+1.2.3.4',
  ];
  texts.push(
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
  );
  texts.push(
    'fe80::1%eth0',
    '[::1]',
    '::1.2.3',
    '1.2.3.4::',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '::ffff:1.2.3.4:5',
  );
  for (const text of texts) assert.equal(canonicalIp(text), undefined, text);
});

test('bytes survive the way to text and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean(), (bytes, isSparse) => {
      const sparse = isSparse ? bytes.map((byte) => (byte < 200 ? 0 : byte)) : bytes;
      const text = formatIp(sparse);
      const back = parseIp(text)!;
      assert.equal(formatIp(back), text);
      if (back.length === 16) {
        assert.equal(new URL(`http://[${text}]`).hostname, `[${text}]`);
        assert.deepEqual([...back], [...sparse]);
      } else assert.deepEqual([...back], [...sparse.subarray(12)]);
    }),
    { seed: 20261122, numRuns: 500 },
  );
});

test('exactly what a URL takes for an IPv6 address is one', () => {
  const part = fc.constantFrom('0', '1', 'ff', 'FFFF', '10000', '', '1.2.3.4', '256.1.1.1', '00');
  fc.assert(
    fc.property(fc.array(part, { minLength: 2, maxLength: 9 }), (parts) => {
      const text = parts.join(':');
      assert.equal(parseIp(text) !== undefined, URL.canParse(`http://[${text}]`), text);
    }),
    { seed: 20261122, numRuns: 3000 },
  );
});
