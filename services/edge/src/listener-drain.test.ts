import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { ListenerDrain } from './listener-drain.ts';
import type { SocketListener } from './socket-listener.ts';

class Audience {
  readonly here = new Set<SocketListener>();
  closed = 0;

  constructor(count: number) {
    for (let i = 0; i < count; i += 1) this.join();
  }

  join(): void {
    const listener = {
      endedBy: undefined as string | undefined,
      close: (reason: string) => {
        listener.endedBy = reason;
        this.closed += 1;
        this.here.delete(listener as unknown as SocketListener);
      },
    };
    this.here.add(listener as unknown as SocketListener);
  }

  get socketCount(): number {
    return this.here.size;
  }

  sockets(): Iterable<SocketListener> {
    return this.here;
  }
}

const times = { delayMs: 5_000, overMs: 20_000 };

function setUp(count: number) {
  const clock = new ManualClock();
  const audience = new Audience(count);
  return { clock, audience, drain: new ListenerDrain(audience, clock, times) };
}

test('nobody is sent away during the delay', () => {
  const { clock, audience, drain } = setUp(100);
  void drain.start();
  assert.equal(drain.isDraining, true);
  clock.advance(4_999);
  assert.equal(audience.closed, 0);
});

test('the audience goes evenly over the time, and then it is over', async () => {
  const { clock, audience, drain } = setUp(1_000);
  const done = drain.start();
  clock.advance(5_000);
  const left: number[] = [];
  for (let second = 0; second < 20; second += 1) {
    left.push(audience.socketCount);
    clock.advance(1_000);
  }
  for (const [second, count] of left.entries()) {
    const even = 1_000 - second * 50;
    assert.ok(Math.abs(count - even) <= 20, `${count} are left after ${second} s, of ${even}`);
  }
  assert.equal(audience.socketCount, 0);
  await done;
});

test('it ends early when nobody is left', async () => {
  const { clock, audience, drain } = setUp(0);
  const done = drain.start();
  clock.advance(5_000);
  await done;
  assert.equal(audience.closed, 0);
});

test('who comes in the meantime goes too, within the time', async () => {
  const { clock, audience, drain } = setUp(1_000);
  const done = drain.start();
  for (let second = 0; second < 25; second += 1) {
    audience.join();
    clock.advance(1_000);
  }
  clock.advance(250);
  await done;
  assert.equal(audience.socketCount, 0);
});

test('a drain that is cancelled keeps who is still here, and can begin again', async () => {
  const { clock, audience, drain } = setUp(100);
  const done = drain.start();
  clock.advance(15_000);
  drain.cancel();
  await done;
  const kept = audience.socketCount;
  assert.ok(kept > 30 && kept < 70);
  clock.advance(60_000);
  assert.equal(audience.socketCount, kept);
  assert.equal(drain.isDraining, false);
  void drain.start();
  clock.advance(25_250);
  assert.equal(audience.socketCount, 0);
});
