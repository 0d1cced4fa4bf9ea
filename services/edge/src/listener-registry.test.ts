import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { ListenerRegistry } from './listener-registry.ts';
import type { SocketListener } from './socket-listener.ts';

class Hall {
  readonly clock = new ManualClock();
  changes = 0;
  readonly registry = new ListenerRegistry(this.clock, () => {
    this.changes += 1;
  });

  add(mountPath = '/live.mp3'): SocketListener {
    const id = this.registry.nextId();
    const details = { id, mountPath, startedMs: this.clock.monotonicMs() };
    const fields = { details, bytesSent: 0, bytesElsewhere: 0, endedBy: undefined };
    const listener = fields as unknown as SocketListener;
    this.registry.add(listener);
    return listener;
  }
}

test('listeners are counted by mount, and the sums outlast those who left', () => {
  const hall = new Hall();
  const { registry } = hall;
  const [a, b] = [hall.add(), hall.add()];
  hall.add('/other.mp3');
  a.bytesSent = 100;
  b.bytesSent = 50;
  b.endedBy = 'too-slow';
  registry.remove(a);
  assert.equal(registry.count, 2);
  assert.equal(registry.connections, 3);
  assert.equal(registry.countOf('/live.mp3'), 1);
  assert.equal(registry.countOf('/nowhere'), 0);
  const counts = { listeners: 1, connections: 2, slow: 0, bytesSent: 150, highWater: 2 };
  assert.deepEqual(registry.snapshot().get('/live.mp3'), counts);
  registry.remove(b);
  assert.deepEqual(registry.snapshot().get('/live.mp3'), { ...counts, listeners: 0, slow: 1 });
});

test('a listener leaves once, however often it is told', () => {
  const hall = new Hall();
  const listener = hall.add();
  hall.registry.remove(listener);
  hall.registry.remove(listener);
  assert.equal(hall.registry.count, 0);
  assert.equal(hall.changes, 2);
});

test('a listener is found by its mount and its number, and by no other', () => {
  const hall = new Hall();
  const [a, b] = [hall.add(), hall.add('/other.mp3')];
  assert.equal(hall.registry.find('/live.mp3', a.details.id), a);
  assert.equal(hall.registry.find('/live.mp3', b.details.id), undefined);
  assert.deepEqual([...hall.registry.listenersOf('/other.mp3')], [b]);
  assert.deepEqual([...hall.registry.listenersOf('/nowhere')], []);
  hall.clock.advance(1999);
  assert.equal(hall.registry.secondsConnected(a), 1);
});

test('a report begins a new high water mark, a look does not', () => {
  const hall = new Hall();
  const listeners = Array.from({ length: 5 }, () => hall.add());
  for (const listener of listeners.slice(1)) hall.registry.remove(listener);
  assert.equal(hall.registry.snapshot().get('/live.mp3')!.highWater, 5);
  assert.equal(hall.registry.report().get('/live.mp3')!.highWater, 5);
  assert.equal(hall.registry.report().get('/live.mp3')!.highWater, 1);
  hall.add();
  assert.equal(hall.registry.report().get('/live.mp3')!.highWater, 2);
});

test('a mount that ended is forgotten with its last listener', () => {
  const hall = new Hall();
  hall.registry.remove(hall.add('/empty.mp3'));
  const last = hall.add('/live.mp3');
  hall.registry.forget('/empty.mp3');
  hall.registry.forget('/live.mp3');
  assert.deepEqual([...hall.registry.snapshot().keys()], ['/live.mp3']);
  hall.registry.remove(last);
  assert.equal(hall.registry.snapshot().size, 0);
});

test('a mount that is back before its last listener left keeps its counts', () => {
  const hall = new Hall();
  const before = hall.add();
  hall.registry.forget('/live.mp3');
  const after = hall.add();
  hall.registry.remove(before);
  hall.registry.remove(after);
  assert.equal(hall.registry.snapshot().get('/live.mp3')!.connections, 2);
});

test('a listener that is moved counts under its new mount, what it was sent before under the old one', () => {
  const hall = new Hall();
  const { registry } = hall;
  const [a, b] = [hall.add(), hall.add()];
  a.bytesSent = 100;
  hall.clock.advance(5000);
  const { details } = a;
  registry.move(a, '/other.mp3');
  assert.deepEqual(a.details, { ...details, mountPath: '/other.mp3' });
  a.bytesSent = 130;
  assert.deepEqual([registry.count, registry.connections], [2, 2]);
  assert.equal(registry.find('/live.mp3', a.details.id), undefined);
  assert.equal(registry.find('/other.mp3', a.details.id), a);
  assert.equal(registry.secondsConnected(a), 5);
  const counts = { listeners: 1, connections: 2, slow: 0, bytesSent: 100, highWater: 2 };
  assert.deepEqual(registry.snapshot().get('/live.mp3'), counts);
  const moved = { listeners: 1, connections: 1, slow: 0, bytesSent: 30, highWater: 1 };
  assert.deepEqual(registry.snapshot().get('/other.mp3'), moved);
  registry.remove(a);
  assert.deepEqual(registry.snapshot().get('/other.mp3'), { ...moved, listeners: 0 });
  registry.move(a, '/live.mp3');
  assert.deepEqual([registry.count, registry.countOf('/live.mp3')], [1, 1], 'who has left is not moved');
  registry.forget('/live.mp3');
  registry.move(b, '/other.mp3');
  assert.equal(registry.snapshot().has('/live.mp3'), false, 'an ended mount goes with its last listener');
});
