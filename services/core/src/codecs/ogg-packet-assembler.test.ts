import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { filler, forgeOggPage } from '../../../../test/fixtures/audio/forge-containers.ts';
import { OggPacketAssembler, type OggPacketEvent } from './ogg-packet-assembler.ts';
import { laceOggPacket } from './ogg-packets.ts';
import { encodeOggPage } from './ogg-page.ts';

const maxPacketBytes = 2_000;
const identify = (packet: Uint8Array) => (packet[0] === 0x49 ? { name: packet[1] } : undefined);
const headersOf = (serial: number, name = 1) =>
  Buffer.concat([
    forgeOggPage({ serial, flags: 2, packets: [Uint8Array.of(0x49, name)] }),
    forgeOggPage({ serial, sequence: 1, packets: [filler(30)] }),
  ]);
const begun = (serial = 7, inBand = true) => {
  const assembler = new OggPacketAssembler(maxPacketBytes);
  assert.deepEqual(assembler.begin(headersOf(serial), inBand, identify), {
    identity: { name: 1 },
    refused: false,
  });
  return assembler;
};
const shown = (events: readonly OggPacketEvent[]) =>
  events.map((event) => (typeof event === 'string' ? event : Buffer.from(event).toString('hex')));

/** Packets laid into pages of at most `segments` lacing values. */
function layOut(packets: readonly Uint8Array[], segments: number, serial = 7, sequence = 2): Uint8Array[] {
  const lacing = packets.flatMap((packet) => laceOggPacket(packet.length));
  const body = Buffer.concat(packets);
  const pages: Uint8Array[] = [];
  for (let from = 0, at = 0; from < lacing.length; from += segments) {
    const values = lacing.slice(from, from + segments);
    const length = values.reduce((sum, value) => sum + value, 0);
    pages.push(
      encodeOggPage({
        flags: from > 0 && lacing[from - 1] === 255 ? 1 : 0,
        granule: 0n,
        serial,
        sequence: sequence + pages.length,
        lacing: Uint8Array.from(values),
        body: body.subarray(at, at + length),
      }),
    );
    at += length;
  }
  return pages;
}

test('packets come out whole however they lie on the pages', () => {
  const lengths = fc.array(fc.integer({ min: 0, max: maxPacketBytes }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 20 }), (list, segments) => {
      const packets = list.map((length, index) => filler(length, index));
      const assembler = begun();
      const events = layOut(packets, segments).flatMap((page) => assembler.push(page));
      assert.deepEqual(
        shown(events),
        packets.map((packet) => Buffer.from(packet).toString('hex')),
      );
      assert.equal(assembler.pendingBytes, 0);
    }),
    { numRuns: 60 },
  );
});

test('a missing page is told once, and costs the packets that lay on it', () => {
  const packets = [filler(600, 1), filler(600, 2), filler(600, 3), filler(600, 4)];
  const pages = layOut(packets, 2);
  assert.equal(pages.length, 6);
  const assembler = begun();
  const events = pages.flatMap((page, index) => (index === 2 ? [] : assembler.push(page)));
  // It held the rest of the second packet, whose beginning is now of no use.
  assert.deepEqual(shown(events), [
    Buffer.from(packets[0]!).toString('hex'),
    'refused',
    'missing',
    Buffer.from(packets[2]!).toString('hex'),
    Buffer.from(packets[3]!).toString('hex'),
  ]);
});

test('the first page after headers in band follows them; after repeated ones it may be any', () => {
  const [page] = layOut([filler(10)], 1, 7, 40);
  assert.equal(begun(7, true).push(page!)[0], 'missing');
  assert.equal(begun(7, false).push(page!).length, 1);
});

test('headers repeated for the stream that is followed do not disturb an unfinished packet', () => {
  const [first, second] = layOut([filler(300)], 1);
  const assembler = begun();
  assert.deepEqual(assembler.push(first!), []);
  assert.equal(assembler.begin(headersOf(7), false, identify).refused, false);
  assert.equal((assembler.push(second!)[0] as Uint8Array).length, 300);
});

test('a new link refuses what the one before left unfinished, also under the same serial', () => {
  for (const serial of [7, 8]) {
    const assembler = begun();
    assembler.push(layOut([filler(300)], 1)[0]!);
    assert.deepEqual(assembler.begin(headersOf(serial, 9), true, identify), {
      identity: { name: 9 },
      refused: true,
    });
    assert.equal(assembler.pendingBytes, 0);
    assert.deepEqual(shown(assembler.push(layOut([Uint8Array.of(5)], 1, serial)[0]!)), ['05']);
  }
});

test('pages of other logical streams say nothing', () => {
  const assembler = begun();
  const [first, second] = layOut([filler(300)], 1);
  assembler.push(first!);
  assert.deepEqual(assembler.push(forgeOggPage({ serial: 99, sequence: 5, packets: [filler(20)] })), []);
  assert.equal(assembler.push(second!).length, 1);
});

test('without a stream to follow every page is refused', () => {
  const assembler = new OggPacketAssembler(maxPacketBytes);
  const [page] = layOut([filler(10)], 1);
  assert.deepEqual(assembler.push(page!), ['refused']);
  assert.deepEqual(assembler.begin(new Uint8Array(0), false, identify), {
    identity: undefined,
    refused: false,
  });
  assert.deepEqual(assembler.push(page!), ['refused']);
});

test('a packet that never ends is given up at the bound, told once, and what follows is taken', () => {
  const assembler = begun();
  const endless = layOut([new Uint8Array(20_000), Uint8Array.of(1, 2, 3)], 2);
  const events = endless.flatMap((page) => {
    const found = assembler.push(page);
    assert.ok(assembler.pendingBytes <= maxPacketBytes);
    return found;
  });
  assert.deepEqual(shown(events), ['refused', '010203']);
});

test('a packet without an end, or without a beginning, is refused', () => {
  const assembler = begun();
  const [opened] = layOut([filler(300)], 1);
  assembler.push(opened!);
  assert.deepEqual(shown(assembler.push(layOut([Uint8Array.of(1)], 1, 7, 3)[0]!)), ['refused', '01']);
  const tail = forgeOggPage({ serial: 7, sequence: 4, flags: 1, packets: [filler(5), Uint8Array.of(2)] });
  assert.deepEqual(shown(assembler.push(tail)), ['refused', '02']);
});

test('a broken page is refused, and with it the packet that went on in it', () => {
  const pages = layOut([filler(600, 1), Uint8Array.of(3)], 1);
  for (const damage of [
    (page: Uint8Array) => page.with(40, page[40]! ^ 1),
    (page: Uint8Array) => page.subarray(0, 50),
    (page: Uint8Array) => Buffer.concat([page, Uint8Array.of(0)]),
    () => new Uint8Array(0),
  ]) {
    const assembler = begun();
    const events = pages.flatMap((page, index) => assembler.push(index === 1 ? damage(page) : page));
    assert.deepEqual(shown(events), ['refused', 'refused', '03']);
  }
});

test('whatever good pages say, nothing throws, no more comes out than went in, and the bound holds', () => {
  const page = fc.record({
    flags: fc.integer({ min: 0, max: 7 }),
    serial: fc.constantFrom(7, 7, 7, 8),
    sequence: fc.integer({ min: 0, max: 6 }),
    lacing: fc.array(fc.constantFrom(0, 1, 200, 255, 255, 255), { maxLength: 12 }),
    isBegin: fc.boolean(),
    inBand: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(page, { maxLength: 40 }), (list) => {
      const assembler = begun();
      let left = 0;
      for (const [index, { lacing, isBegin, inBand, ...rest }] of list.entries()) {
        if (isBegin && index % 5 === 0) assembler.begin(headersOf(rest.serial), inBand, identify);
        const body = new Uint8Array(lacing.reduce<number>((sum, length) => sum + length, 0));
        left += body.length;
        // Most follow each other, so that packets do go on over pages.
        const sequence = index % 7 === 0 ? rest.sequence : index + 2;
        const bytes = encodeOggPage({
          ...rest,
          sequence,
          granule: 0n,
          lacing: Uint8Array.from(lacing),
          body,
        });
        for (const event of assembler.push(bytes)) {
          if (typeof event === 'string') continue;
          left -= event.length;
          assert.ok(event.length <= maxPacketBytes);
        }
        assert.ok(left >= 0 && assembler.pendingBytes <= maxPacketBytes);
      }
    }),
    { numRuns: 200 },
  );
});
