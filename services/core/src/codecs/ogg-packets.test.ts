import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { forgeOggPage } from '../../../../test/fixtures/audio/forge-containers.ts';
import { collectOggPackets, paginateOggPackets, readOggPacketParts, readOggPages } from './ogg-packets.ts';
import { oggFlags } from './ogg-page.ts';

const how = { serial: 9, sequence: 3, flags: 0, granule: 0n };

test('packets laid into pages come out again, whatever their lengths', () => {
  const lengths = fc.array(fc.oneof(fc.nat(1000), fc.constantFrom(0, 254, 255, 256, 510, 65_025, 70_000)), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(lengths, (list) => {
      const packets = list.map((length, index) => Buffer.alloc(length, index + 1));
      const bytes = paginateOggPackets(packets, how);
      const pages = readOggPages(Buffer.concat(bytes));
      assert.equal(pages.length, bytes.length);
      assert.deepEqual(
        collectOggPackets(pages).map((packet) => Buffer.from(packet)),
        packets,
      );
      assert.deepEqual(
        pages.map((page) => page.sequence),
        pages.map((_, index) => 3 + index),
      );
      for (const page of pages) assert.equal(page.serial, 9);
    }),
    { numRuns: 60 },
  );
});

test('a page on which no packet ends says so, and the next one continues', () => {
  const pages = readOggPages(
    Buffer.concat(paginateOggPackets([new Uint8Array(66_000)], { ...how, granule: 77n })),
  );
  assert.deepEqual(
    pages.map((page) => page.granule),
    [-1n, 77n],
  );
  assert.deepEqual(
    pages.map((page) => page.flags),
    [0, oggFlags.continued],
  );
});

test('a packet that ends exactly with a page is not continued', () => {
  const packets = [new Uint8Array(254 * 255), new Uint8Array(10)];
  const pages = readOggPages(Buffer.concat(paginateOggPackets(packets, how)));
  assert.deepEqual(
    pages.map((page) => page.flags),
    [0, 0],
  );
});

test('a piece whose beginning is missing is told and left out', () => {
  const [page] = readOggPages(
    forgeOggPage({ flags: oggFlags.continued, packets: [Uint8Array.of(1), Uint8Array.of(2)] }),
  );
  assert.deepEqual(
    readOggPacketParts(page!).map(({ begins, ends }) => [begins, ends]),
    [
      [false, true],
      [true, true],
    ],
  );
  assert.deepEqual(
    collectOggPackets([page!]).map((packet) => [...packet]),
    [[2]],
  );
});

test('reading pages stops at the first damage', () => {
  const good = forgeOggPage({ packets: [Uint8Array.of(1)] });
  assert.equal(readOggPages(Buffer.concat([good, good, good.subarray(0, 20), good])).length, 2);
});
