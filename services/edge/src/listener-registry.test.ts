import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { podTtlMs } from '@legacystream/core/status/pod-counts.ts';
import { ListenerRegistry, type RegisteredListener } from './listener-registry.ts';
import type { ListenerDetails, SocketListener } from './socket-listener.ts';

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

  addSession(mountPath = '/live.mp3'): RegisteredListener {
    const id = this.registry.nextId();
    const details = { id, mountPath, startedMs: this.clock.monotonicMs() } as ListenerDetails;
    const session = { details, close: () => {} };
    this.registry.addSession(session);
    return session;
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

test('sessions of HLS are counted, listed and found with the listeners on sockets', () => {
  const hall = new Hall();
  const { registry } = hall;
  const onSocket = hall.add();
  const [a, b] = [hall.addSession(), hall.addSession()];
  assert.deepEqual([registry.count, registry.countOf('/live.mp3'), registry.connections], [3, 3, 3]);
  assert.deepEqual([...registry.listenersOf('/live.mp3')], [onSocket, a, b]);
  assert.equal(registry.find('/live.mp3', b.details.id), b);
  hall.clock.advance(3000);
  assert.equal(registry.secondsConnected(b), 3);
  registry.addBytes('/live.mp3', 70);
  onSocket.bytesSent = 30;
  const counts = { listeners: 3, connections: 3, slow: 0, bytesSent: 100, highWater: 3 };
  assert.deepEqual(registry.report().get('/live.mp3'), counts);
  registry.removeSession(a);
  registry.removeSession(a);
  registry.remove(onSocket);
  assert.equal(hall.changes, 5);
  assert.deepEqual([registry.count, registry.countOf('/live.mp3')], [1, 1]);
  assert.deepEqual(registry.report().get('/live.mp3'), { ...counts, listeners: 1 });
  assert.equal(registry.report().get('/live.mp3')!.highWater, 1, 'a mark of its own for each report');
});

test('what needs a socket sees none of the sessions', () => {
  const hall = new Hall();
  const onSocket = hall.add();
  hall.addSession();
  hall.addSession('/other.mp3');
  assert.equal(hall.registry.socketCount, 1);
  assert.deepEqual([...hall.registry.sockets()], [onSocket]);
  assert.deepEqual([...hall.registry.socketsOf('/live.mp3')], [onSocket]);
  assert.deepEqual([...hall.registry.socketsOf('/other.mp3')], []);
});

test('a session that is back is counted, but is no newcomer', () => {
  const hall = new Hall();
  const session = hall.addSession();
  hall.registry.removeSession(session);
  hall.registry.addSession(session, true);
  assert.deepEqual([hall.registry.count, hall.registry.connections], [1, 1]);
  assert.equal(hall.registry.snapshot().get('/live.mp3')!.connections, 1);
});

test('a session that goes from one edge to another is no peak, whichever of them reports first', () => {
  const [from, to] = [new Hall(), new Hall()];
  const mark = ({ registry }: Hall) => registry.report().get('/live.mp3')?.highWater;
  const stays = from.addSession();
  const goes = from.addSession();
  from.registry.report();
  to.registry.addSession(goes, true);
  assert.deepEqual([mark(to), from.registry.countOf('/live.mp3')], [0, 2]);
  from.registry.removeSession(goes, true);
  assert.deepEqual([mark(from), to.registry.countOf('/live.mp3')], [1, 1]);
  to.clock.advance(podTtlMs - 1);
  assert.deepEqual([mark(to), mark(to)], [0, 0], 'what a dead edge told of it may still be there');
  to.clock.advance(1);
  assert.deepEqual([mark(to), mark(to)], [0, 1], 'from its next report on it counts there');
  to.registry.removeSession(goes, true);
  to.registry.addSession(goes, true);
  to.registry.removeSession(goes, true);
  assert.equal(mark(to), 0);
  from.registry.addSession(goes, true);
  from.addSession();
  assert.equal(from.registry.snapshot().get('/live.mp3')!.highWater, 2, 'newcomers count at once');
  from.registry.removeSession(stays);
  assert.equal(
    from.registry.snapshot().get('/live.mp3')!.highWater,
    2,
    'and so do those that have left for good',
  );
});

test('a mount that ended is forgotten with its last session, and the last answers do not bring it back', () => {
  const hall = new Hall();
  const { registry } = hall;
  const session = hall.addSession();
  registry.forget('/live.mp3');
  assert.equal(registry.snapshot().size, 1);
  registry.removeSession(session);
  assert.equal(registry.snapshot().size, 0);
  registry.addBytes('/live.mp3', 100);
  assert.equal(registry.snapshot().size, 0);
  const late = hall.addSession();
  registry.addBytes('/live.mp3', 10);
  assert.equal(registry.snapshot().get('/live.mp3')!.bytesSent, 10);
  registry.removeSession(late);
  assert.equal(registry.snapshot().size, 0, 'nor does who asks for its last playlist');
});

test('a mount that is on air again is counted at once, and keeps its counts', () => {
  const hall = new Hall();
  const { registry } = hall;
  registry.removeSession(hall.addSession());
  registry.forget('/live.mp3');
  registry.revive('/live.mp3');
  registry.addBytes('/live.mp3', 10);
  const session = hall.addSession();
  registry.forget('/live.mp3');
  registry.revive('/live.mp3');
  registry.removeSession(session);
  const counts = { listeners: 0, connections: 1, slow: 0, bytesSent: 10, highWater: 1 };
  assert.deepEqual(registry.snapshot().get('/live.mp3'), counts);
});

test('bytes of a mount without listeners are counted, and so they are when it is on air again', () => {
  const hall = new Hall();
  const { registry } = hall;
  registry.addBytes('/live.mp3', 100);
  const counts = { listeners: 0, connections: 0, slow: 0, bytesSent: 100, highWater: 0 };
  assert.deepEqual(registry.snapshot().get('/live.mp3'), counts);
  registry.forget('/live.mp3');
  hall.clock.advance(60_000);
  registry.addBytes('/live.mp3', 7);
  assert.deepEqual(registry.snapshot().get('/live.mp3'), { ...counts, bytesSent: 7 });
});
