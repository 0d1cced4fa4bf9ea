import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { socketPair } from '../../../test/support/socket-pair.ts';
import { RecordWriter } from './record-writer.ts';

const recordBytes = 16_383;

async function connected(t: TestContext): Promise<{ near: Socket; heard: Promise<Buffer>; far: Socket }> {
  const { near, far } = await socketPair(t);
  const parts: Buffer[] = [];
  far.on('data', (part) => parts.push(part));
  const heard = new Promise<Buffer>((resolve) => far.once('close', () => resolve(Buffer.concat(parts))));
  return { near, heard, far };
}

test('a large write goes record by record, and everything in order', async (t) => {
  const { near, heard } = await connected(t);
  const writer = new RecordWriter(near);
  const pieces = [100, 80_000, 16_384, 5, 50_000].map((size) => randomBytes(size));
  let largest = 0;
  const write = near.write.bind(near) as (data: Uint8Array, done?: () => void) => boolean;
  near.write = ((data: Uint8Array, done?: () => void) => {
    largest = Math.max(largest, near.writableLength + data.byteLength);
    return write(data, done);
  }) as typeof near.write;
  for (const piece of pieces) writer.write(piece);
  assert.ok(writer.waitingBytes > 100_000);
  while (writer.waitingBytes + near.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
  near.destroySoon();
  assert.ok(Buffer.concat(pieces).equals(await heard));
  assert.equal(largest, recordBytes, 'no more than one record is in the hands of the socket');
});

test('an end in between still brings what waits', async (t) => {
  const { near, heard } = await connected(t);
  const writer = new RecordWriter(near);
  const data = randomBytes(300_000);
  writer.write(data);
  writer.flush();
  near.destroySoon();
  assert.equal(writer.waitingBytes, 0);
  assert.ok(data.equals(await heard));
});

test('a client that goes in between is written nothing more', async (t) => {
  const { near, far } = await connected(t);
  const writer = new RecordWriter(near);
  writer.write(randomBytes(64 * 1024 * 1024));
  const closed = new Promise<void>((resolve) => near.once('close', () => resolve()));
  far.resetAndDestroy();
  await closed;
  const { bytesWritten } = near;
  writer.write(randomBytes(100));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(near.bytesWritten, bytesWritten);
});
