import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { socketPair } from '../../../test/support/socket-pair.ts';
import { writeDirectly, writesDirectly } from './direct-write.ts';

async function readAll(far: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of far) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Unlike `once`, which fails at an error before. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

class Owner {
  readonly told: number[] = [];
  #wake: (() => void) | undefined;

  drained(queuedBytes: number): void {
    this.told.push(queuedBytes);
    if (queuedBytes === 0) this.#wake?.();
  }

  gone(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** Teaches this process the class of a write request, as the first listener does. */
async function learnt(t: TestContext): Promise<void> {
  const { near } = await socketPair(t);
  writeDirectly(near, Buffer.from('first'), new Owner());
}

test('this Node lets writes go straight to the handle', async (t) => {
  await learnt(t);
  assert.equal(writesDirectly(), true);
});

test('what is written straight comes in order behind what went through the stream', async (t) => {
  await learnt(t);
  const { near, far } = await socketPair(t);
  const owner = new Owner();
  near.cork();
  near.write('head ');
  writeDirectly(near, Buffer.from('burst '), owner);
  near.uncork();
  for (let i = 0; i < 50; i += 1) writeDirectly(near, Buffer.from(`${i} `), owner);
  near.destroySoon();
  const heard = (await readAll(far)).toString();
  assert.equal(heard, `head burst ${Array.from({ length: 50 }, (_, i) => `${i} `).join('')}`);
  assert.deepEqual(owner.told, [], 'nothing had to be queued');
});

test('what the kernel does not take waits, is whole, and its owner is told when it has gone', async (t) => {
  await learnt(t);
  const { near, far } = await socketPair(t);
  const owner = new Owner();
  const data = randomBytes(16 * 1024 * 1024);
  const queued = writeDirectly(near, data, owner);
  assert.ok(queued > 0 && queued < data.byteLength, `${queued} bytes wait`);
  assert.equal(near.writableLength, 0, 'the stream knows nothing of it');
  const behind = randomBytes(100_000);
  assert.equal(writeDirectly(near, behind, owner), queued + behind.byteLength);
  const gone = owner.gone();
  const heard = readAll(far);
  await gone;
  near.destroySoon();
  assert.ok(Buffer.concat([data, behind]).equals(await heard));
  assert.equal(owner.told.at(-1), 0);
});

test('a client that reads while it is written to gets everything', async (t) => {
  await learnt(t);
  // In a thread of its own it makes room in the middle of a write.
  const reader = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer((socket) => {
       let bytes = 0;
       socket.on('data', (data) => { bytes += data.byteLength; });
       socket.on('end', () => { parentPort.postMessage(bytes); server.close(); });
     });
     server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  t.after(() => reader.terminate());
  const [port] = (await once(reader, 'message')) as [number];
  const near = connect({ port, host: '127.0.0.1' });
  t.after(() => near.destroy());
  await once(near, 'connect');
  const data = Buffer.alloc(200_000);
  const writes = 5_000;
  for (let i = 0; i < writes; i += 1) {
    const owner = new Owner();
    if (writeDirectly(near, data, owner) > 0) await owner.gone();
    // Whether a write was left to libuv is known at its next turn; most writes come before that.
    else if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const counted = once(reader, 'message');
  near.end();
  assert.deepEqual(await counted, [writes * data.byteLength]);
});

test('an orderly end still brings what waits', async (t) => {
  await learnt(t);
  const { near, far } = await socketPair(t);
  const data = randomBytes(16 * 1024 * 1024);
  assert.ok(writeDirectly(near, data, new Owner()) > 0);
  near.destroySoon();
  assert.ok(data.equals(await readAll(far)));
});

test('a client that goes while bytes wait closes its socket and frees them', async (t) => {
  await learnt(t);
  const { near, far } = await socketPair(t);
  const owner = new Owner();
  assert.ok(writeDirectly(near, randomBytes(16 * 1024 * 1024), owner) > 0);
  const gone = owner.gone();
  const closed = closing(near);
  far.resetAndDestroy();
  await Promise.all([gone, closed]);
  assert.equal(near.destroyed, true);
});

test('a socket that is destroyed takes nothing and harms nobody', async (t) => {
  await learnt(t);
  const { near } = await socketPair(t);
  const owner = new Owner();
  assert.ok(writeDirectly(near, randomBytes(16 * 1024 * 1024), owner) > 0);
  const gone = owner.gone();
  near.destroy();
  assert.equal(writeDirectly(near, Buffer.from('late'), owner), 0);
  await gone;
});

test('an error of the kernel destroys the socket', async (t) => {
  await learnt(t);
  const { near, far } = await socketPair(t);
  far.resetAndDestroy();
  const owner = new Owner();
  const closed = closing(near);
  // The reset may not be here with the first write; it is long before so many.
  for (let i = 0; i < 10_000 && !near.destroyed; i += 1) {
    writeDirectly(near, Buffer.alloc(64), owner);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
});
