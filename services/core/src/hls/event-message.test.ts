import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoxWriter } from './box-writer.ts';
import { type EventMessage, eventMessageBytes, writeEventMessage } from './event-message.ts';
import { id3Tag } from './id3-tag.ts';

const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');

function write(message: EventMessage): string {
  const writer = new BoxWriter(eventMessageBytes(message));
  writeEventMessage(writer, message);
  return Buffer.from(writer.finish()).toString('hex');
}

test('a message at 2.2 s is written byte for byte as the reference has it', () => {
  const tag = id3Tag([{ id: 'TIT2', text: 'T1' }]);
  const expected = [
    `00000056${ascii('emsg')}01000000`,
    '0000ac440000000000017af8ffffffff00000007',
    ascii('https://aomedia.org/emsg/ID3\0\0'),
    '494433040000000000' + '0e' + '5449543200000004000003543100',
  ].join('');
  assert.equal(write({ timescale: 44_100, atTicks: 97_016, id: 7, tag }), expected);
});

test('times beyond 32 bits and ids of 32 bits stand whole', () => {
  const text = write({ timescale: 48_000, atTicks: 2 ** 40 + 3, id: 0xffff_ffff, tag: new Uint8Array(0) });
  assert.equal(text.slice(24, 64), '0000bb80' + '0000010000000003' + 'ffffffff' + 'ffffffff');
});
