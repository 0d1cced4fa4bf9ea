import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseMetadataBlock } from '../icy/metadata-block.ts';
import { Channel, type ChannelEntry, type ChannelLimits, entryOverheadBytes } from './channel.ts';

const roomy: ChannelLimits = { ringUs: 60e6, ringBytes: 1e6, burstUs: 5e6, burstBytes: 65_536 };
const bytes = (length: number, seed = 0): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (seed + i) & 255));
const titleAt = (channel: Channel, position: number) =>
  parseMetadataBlock(channel.titleAt(position).block).title;

type Piece = { readonly length: number; readonly durationMs: number; readonly syncPoint: boolean };
const pieces = fc.array(
  fc.record({
    length: fc.integer({ min: 1, max: 3000 }),
    durationMs: fc.integer({ min: 0, max: 300 }),
    syncPoint: fc.boolean(),
  }),
  { minLength: 1, maxLength: 300 },
);

/** The entries that such pieces make, without a ring. */
function layOut(list: readonly Piece[]): ChannelEntry[] {
  let start = 0;
  let startUs = 0;
  return list.map(({ length, durationMs, syncPoint }, seed) => {
    const entry = {
      data: bytes(length, seed),
      start,
      end: start + length,
      startUs,
      durationUs: durationMs * 1000,
      syncPoint,
      headers: undefined,
      epoch: 0,
      seq: 0,
      isAfterGap: false,
    };
    start += length;
    startUs += durationMs * 1000;
    return entry;
  });
}

function fill(limits: ChannelLimits, entries: readonly ChannelEntry[]): Channel {
  const channel = new Channel(limits);
  for (const { data, durationUs, syncPoint } of entries) channel.append(data, durationUs, syncPoint);
  return channel;
}

test('the ring holds no more than it may, and no less than it can', () => {
  fc.assert(
    fc.property(
      pieces,
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 0, max: 100_000 }),
      (list, ringMs, ringBytes) => {
        const entries = layOut(list);
        const channel = fill({ ...roomy, ringUs: ringMs * 1000, ringBytes }, entries);
        const held = entries.filter((entry) => entry.start >= channel.tail);
        const newest = entries.at(-1)!;
        assert.equal(channel.head, newest.end);
        assert.ok(held.length >= 1);
        const heldBytes = channel.head - channel.tail + held.length * entryOverheadBytes;
        assert.ok(held.length === 1 || heldBytes <= ringBytes);
        const headUs = newest.startUs + newest.durationUs;
        assert.equal(channel.depthUs, headUs - held[0]!.startUs);
        const spareUs = channel.depthUs - held[0]!.durationUs;
        assert.ok(held.length === 1 || spareUs < ringMs * 1000, 'the oldest entry is needed for the time');
        const dropped = entries[entries.length - held.length - 1];
        if (!dropped) return;
        const isOld = headUs - (dropped.startUs + dropped.durationUs) >= ringMs * 1000;
        const isLarge = channel.head - dropped.start + (held.length + 1) * entryOverheadBytes > ringBytes;
        assert.ok(isOld || isLarge, 'nothing is dropped without need');
      },
    ),
    { numRuns: 150 },
  );
});

test('what is held is found again, at every edge, byte for byte', () => {
  fc.assert(
    fc.property(
      pieces,
      fc.integer({ min: 0, max: 1e6 }),
      fc.integer({ min: 1, max: 9000 }),
      (list, seed, max) => {
        const entries = layOut(list);
        const channel = fill({ ...roomy, ringBytes: 60_000 }, entries);
        const all = Buffer.concat(entries.map((entry) => entry.data));
        const held = entries.filter((entry) => entry.start >= channel.tail);
        const from = held[seed % held.length]!;
        const to = held[held.length - 1 - (seed % (held.length - held.indexOf(from)))]!;
        assert.deepEqual(Buffer.from(channel.slice(from.start, to.end)), all.subarray(from.start, to.end));
        const inside = from.start + (seed % (to.end - from.start));
        const copied = Buffer.alloc(to.end - inside);
        channel.copy(inside, to.end, copied, 0);
        assert.deepEqual(copied, all.subarray(inside, to.end));
        assert.equal(
          channel.entryHolding(inside)?.start,
          held.findLast((entry) => entry.start <= inside)?.start,
        );
        assert.equal(channel.entryHolding(channel.head), undefined);
        assert.equal(channel.entryHolding(channel.tail - 1), undefined);
        assert.equal(
          channel.syncEntryFrom(inside)?.start,
          held.find((entry) => entry.syncPoint && entry.start >= inside)?.start,
        );
        const fitting = held
          .filter((entry) => entry.start >= from.start && entry.end - from.start <= max)
          .at(-1);
        assert.equal(channel.edgeWithin(from.start, max), Math.max(fitting?.end ?? 0, from.end));
      },
    ),
    { numRuns: 150 },
  );
});

test('a start obeys both bounds, lies on a sync point and is the oldest such', () => {
  fc.assert(
    fc.property(
      pieces,
      fc.integer({ min: 0, max: 20_000 }),
      fc.integer({ min: 0, max: 100_000 }),
      (list, maxMs, maxBytes) => {
        const entries = layOut(list);
        const channel = fill({ ...roomy, ringBytes: 120_000 }, entries);
        const headUs = entries.at(-1)!.startUs + entries.at(-1)!.durationUs;
        const syncs = entries.filter((entry) => entry.syncPoint && entry.start >= channel.tail);
        const within = syncs.filter(
          (entry) => channel.head - entry.start <= maxBytes && headUs - entry.startUs <= maxMs * 1000,
        );
        const start = channel.startWithin(maxBytes, maxMs * 1000);
        assert.equal(start?.start, (within[0] ?? syncs.at(-1))?.start);
        assert.equal(channel.newestSyncEntry()?.start, syncs.at(-1)?.start);
      },
    ),
    { numRuns: 200 },
  );
});

test('the burst is as long as the first of its two bounds', () => {
  const frames = layOut(
    Array.from({ length: 200 }, () => ({ length: 1000, durationMs: 100, syncPoint: true })),
  );
  const byTime = fill({ ...roomy, burstUs: 2e6 }, frames);
  assert.equal(byTime.head - byTime.burstEntry()!.start, 20_000);
  const byBytes = fill({ ...roomy, burstBytes: 4500 }, frames);
  assert.equal(byBytes.head - byBytes.burstEntry()!.start, 4000);
  const none = fill({ ...roomy, burstUs: 0, burstBytes: 0 }, frames);
  assert.equal(none.head - none.burstEntry()!.start, 1000);
});

test('nothing can begin in an empty ring or in one without a sync point', () => {
  const channel = new Channel({ ...roomy, ringBytes: 3000 });
  assert.equal(channel.burstEntry(), undefined);
  channel.append(bytes(100), 1000, true);
  for (let i = 0; i < 10; i += 1) channel.append(bytes(1000), 1000, false);
  assert.equal(channel.burstEntry(), undefined, 'the only sync point has left the ring');
  assert.equal(channel.newestSyncEntry(), undefined);
});

test('a start carries the headers that were in force there', () => {
  const channel = new Channel({ ...roomy, burstUs: 250_000 });
  const [one, two] = [bytes(50, 1), bytes(60, 2)];
  channel.setHeaders(one, true);
  for (let i = 0; i < 3; i += 1) channel.append(bytes(100), 100_000, true);
  assert.equal(channel.burstEntry()!.headers, one);
  channel.setHeaders(two, true);
  channel.append(bytes(100), 100_000, true);
  assert.equal(channel.burstEntry()!.headers, one, 'the burst still begins before the change');
  const burst = channel.slice(channel.burstEntry()!.start, channel.head);
  assert.ok(Buffer.from(burst).includes(two), 'and has the new ones in it');
  channel.append(bytes(100), 100_000, true);
  channel.append(bytes(100), 100_000, true);
  assert.equal(channel.burstEntry()!.headers, two);
});

test('repeated headers are the same headers, and sent to nobody again', () => {
  const channel = new Channel(roomy);
  channel.setHeaders(bytes(50, 1), true);
  channel.append(bytes(100), 1000, true);
  const { head } = channel;
  const { headers } = channel.burstEntry()!;
  channel.setHeaders(bytes(50, 1), false);
  channel.append(bytes(100), 1000, true);
  assert.equal(channel.head, head + 100);
  assert.equal(channel.newestSyncEntry()!.headers, headers);
});

test('who was sent a change of headers in band has them, and who was not has not', () => {
  const channel = new Channel(roomy);
  const [one, two] = [bytes(50, 1), bytes(60, 2)];
  channel.setHeaders(one, true);
  channel.append(bytes(100), 1000, true);
  const before = channel.head;
  channel.setHeaders(two, true);
  assert.equal(channel.headersBefore(before), one);
  assert.equal(channel.headersBefore(channel.head), two);
  assert.equal(channel.headersBefore(0), undefined);
  channel.setHeaders(new Uint8Array(0), false);
  channel.append(bytes(100), 1000, true);
  assert.equal(channel.newestSyncEntry()!.headers, undefined, 'headers that are no more are given to nobody');
});

test('a title holds from the byte at which it was set', () => {
  const channel = new Channel(roomy);
  assert.equal(titleAt(channel, 0), '');
  channel.setTitle('One', '');
  channel.append(bytes(100), 1000, true);
  channel.setTitle('Two', '');
  channel.append(bytes(100), 1000, true);
  assert.deepEqual(
    [0, 99, 100, 250].map((position) => titleAt(channel, position)),
    ['One', 'One', 'Two', 'Two'],
  );
});

test('a title under which no byte was sent has never been', () => {
  const channel = new Channel(roomy);
  channel.setTitle('One', '');
  channel.append(bytes(100), 1000, true);
  const mark = channel.titleAt(100);
  channel.setTitle('Two', '');
  channel.setTitle('One', '');
  assert.equal(channel.titleAt(100), mark);
  channel.setTitle('One', '');
  assert.equal(channel.titleAt(100), mark);
});

test('trimming keeps the title in force and bounds the number of titles', () => {
  const channel = new Channel({ ...roomy, ringBytes: 100 * (100 + entryOverheadBytes) });
  const set: [number, string][] = [];
  for (let i = 0; i < 5000; i += 1) {
    if (i % 3 === 0) {
      set.push([channel.head, `title ${i}`]);
      channel.setTitle(`title ${i}`, '');
    }
    channel.append(bytes(100), 1000, true);
    for (const position of [channel.tail, channel.tail + 150, channel.head - 1]) {
      assert.equal(titleAt(channel, position), set.findLast(([offset]) => offset <= position)![1]);
    }
  }
  for (let i = 0; i < 1000; i += 1) {
    channel.setTitle(`many ${i}`, '');
    channel.append(bytes(1), 1000, true);
  }
  assert.equal(titleAt(channel, channel.head), 'many 999');
});

test('positions stay exact beyond 2^31 and 2^32 bytes', () => {
  const channel = new Channel({ ...roomy, ringBytes: 4 * 2 ** 26, burstBytes: 2 ** 27 });
  const large = Buffer.alloc(2 ** 26);
  for (let i = 0; i < 65; i += 1) channel.append(large, 1e6, true);
  channel.append(bytes(10), 1000, true);
  assert.equal(channel.head, 65 * 2 ** 26 + 10);
  assert.deepEqual(Buffer.from(channel.slice(channel.head - 10, channel.head)), bytes(10));
  assert.equal(channel.burstEntry()!.start, 64 * 2 ** 26);
});

/** One whose pieces come with messages 1, 3, 5 … of epochs 10 and 20: those between are no audio. */
function numbered(limits: ChannelLimits, lengths: readonly number[], half: number): Channel {
  const channel = new Channel(limits);
  for (const [i, length] of lengths.entries()) {
    channel.setOrigin(i < half ? 10 : 20, i < half ? 2 * i + 1 : 2 * (i - half) + 1);
    channel.append(bytes(length, i), 100_000, true);
  }
  return channel;
}

test('a position is found again however far it is read forward, over messages and epochs', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 2, maxLength: 60 }),
      fc.nat({ max: 60 }),
      fc.nat(),
      fc.nat(),
      (lengths, half, a, b) => {
        const channel = numbered({ ...roomy, ringBytes: 12_000 }, lengths, half);
        const depth = channel.head - channel.tail;
        const from = channel.tail + (a % (depth + 1));
        const to = from + (b % (channel.head - from + 1));
        const position = channel.positionOf(from)!;
        assert.equal(channel.locate({ ...position, byte: position.byte + to - from }), to);
      },
    ),
  );
});

test('a position is ahead while it may still come, and nowhere when it has gone or never was', () => {
  const channel = numbered({ ...roomy, ringUs: 300_000 }, [100, 100, 100, 100, 100, 100], 3);
  const at = (epoch: number, seq: number, byte: number) => channel.locate({ epoch, seq, byte });
  assert.deepEqual([at(20, 5, 100), at(20, 5, 99), at(20, 1, 0)], [600, 599, 300]);
  assert.deepEqual([at(20, 5, 101), at(20, 6, 0), at(21, 1, 0)], ['ahead', 'ahead', 'ahead']);
  assert.equal(at(20, 5, 2 ** 40), undefined, 'nobody was sent as much as that');
  assert.deepEqual([at(10, 1, 0), at(10, 1, 550), at(20, 2, 0), at(19, 1, 0)], Array(4).fill(undefined));
  assert.equal(new Channel(roomy).locate({ epoch: 1, seq: 1, byte: 0 }), 'ahead');
  assert.equal(new Channel(roomy).positionOf(0), undefined);
  assert.equal(channel.positionOf(0), undefined);
});

test('a position is not read forward over something that is missing', () => {
  const channel = numbered(roomy, [100, 100], 2);
  channel.markGap();
  const at = (seq: number, byte: number) => channel.locate({ epoch: 10, seq, byte });
  assert.deepEqual([at(1, 199), at(1, 200), at(3, 100)], [199, undefined, undefined]);
  channel.setOrigin(10, 6);
  channel.append(bytes(100), 100_000, true);
  assert.deepEqual([at(1, 199), at(1, 200), at(3, 150)], [199, undefined, undefined]);
  assert.deepEqual([at(6, 0), at(6, 100)], [200, 300]);
});
