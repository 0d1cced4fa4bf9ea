import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type Ban, banDocument } from '@legacystream/core/auth/ban.ts';
import { encodeBanChange } from '@legacystream/core/bus/ban-changes.ts';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import type { Json } from '@legacystream/core/ports/state-store.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { BanList } from './ban-list.ts';

const subjects = new Subjects('test');

class Bench {
  readonly clock = new ManualClock();
  readonly bus = new MemoryBus({ clock: this.clock });
  readonly store = new MemoryStateStore({ clock: this.clock });
  /** What the list sees of both. */
  readonly reach = { bus: true, store: true };
  reads = 0;
  /** Readings end when this does. */
  gate: Promise<void> = Promise.resolve();
  readonly bans: BanList;
  told = 0;

  constructor() {
    const bench = this;
    this.bans = new BanList({
      bus: {
        get connected() {
          return bench.reach.bus;
        },
        subscribe: (subject, handler) => this.bus.subscribe(subject, handler),
      },
      store: {
        get connected() {
          return bench.reach.store;
        },
        listDocuments: async (kind) => {
          this.reads += 1;
          if (!this.reach.store) throw new LegacyStreamError('LS_STORE_UNAVAILABLE', 'away');
          const documents = await this.store.listDocuments(kind);
          await this.gate;
          return documents;
        },
      },
      clock: this.clock,
      subjects,
    });
    this.bans.onNewBans = () => {
      this.told += 1;
    };
  }

  ban(range: string, endsInMs?: number): Ban {
    const createdAtMs = this.clock.wallMs();
    const expiresAtMs = endsInMs === undefined ? null : createdAtMs + endsInMs;
    return { range, reason: '', by: 'admin', createdAtMs, expiresAtMs };
  }

  async keep(ban: Ban): Promise<void> {
    await this.store.putDocument('ban', ban.range, banDocument(ban));
  }

  async say(data: Uint8Array): Promise<void> {
    this.bus.publish(subjects.bans, data);
    await turn();
    await turn();
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await turn();
    await turn();
  }
}

test('what the store knows holds from the start, and what it is no list of does not', async () => {
  const bench = new Bench();
  await bench.keep(bench.ban('10.0.0.0/8'));
  await bench.keep(bench.ban('2001:db8::1'));
  await bench.keep(bench.ban('192.0.2.1', -1));
  for (const [id, value] of [
    ['192.0.2.2', null],
    ['10.1.2.3/8', banDocument(bench.ban('10.0.0.0/8'))],
    ['everybody', { reason: '' }],
  ] as [string, Json][])
    await bench.store.putDocument('ban', id, value);
  await bench.bans.catchUp();
  assert.ok(bench.bans.covers('10.9.9.9'));
  assert.ok(bench.bans.covers('::ffff:10.9.9.9'));
  assert.ok(bench.bans.covers('2001:db8::1'));
  for (const ip of ['11.0.0.1', '192.0.2.1', '192.0.2.2', '2001:db8::2'])
    assert.ok(!bench.bans.covers(ip), ip);
  assert.deepEqual([bench.bans.size, bench.bans.malformed, bench.told], [2, 3, 1]);
});

test('a ban holds, and no longer holds, as soon as it is said', async () => {
  const bench = new Bench();
  await bench.say(encodeBanChange({ op: 'ban', ban: bench.ban('192.0.2.0/24') }));
  assert.ok(bench.bans.covers('192.0.2.9'));
  assert.deepEqual([bench.told, bench.bans.generation], [1, 1]);
  await bench.say(encodeBanChange({ op: 'ban', ban: bench.ban('192.0.2.0/24', 60_000) }));
  assert.equal(bench.told, 1, 'nobody new is banned');
  await bench.say(encodeBanChange({ op: 'unban', range: '192.0.2.0/24' }));
  assert.ok(!bench.bans.covers('192.0.2.9'));
  assert.equal(bench.bans.size, 0);
});

test('strangers on the bus are counted and change nothing', async () => {
  const bench = new Bench();
  for (const text of ['', 'null', '{"op":"ban"}', '{"op":"unban","range":"0.0.0.0/0 "}', 'x'.repeat(1e5)])
    await bench.say(Buffer.from(text));
  assert.deepEqual([bench.bans.malformed, bench.bans.size, bench.told], [5, 0, 0]);
});

test('a flood of bans takes no more memory than a store full of them', async () => {
  const bench = new Bench();
  for (let i = 0; i < 10_100; i += 1)
    bench.bus.publish(
      subjects.bans,
      encodeBanChange({ op: 'ban', ban: bench.ban(`10.0.${i >> 8}.${i & 255}`) }),
    );
  for (let i = 0; i < 20; i += 1) await bench.advance(0);
  assert.equal(bench.bans.size, 10_000);
});

test('a ban ends by the clock of the edge, whoever may be away', async () => {
  const bench = new Bench();
  bench.reach.store = false;
  bench.reach.bus = false;
  await bench.say(encodeBanChange({ op: 'ban', ban: bench.ban('192.0.2.1', 60_000) }));
  await bench.say(encodeBanChange({ op: 'ban', ban: bench.ban('192.0.2.2', 90_000) }));
  await bench.say(encodeBanChange({ op: 'ban', ban: bench.ban('192.0.2.3') }));
  await bench.advance(59_000);
  assert.ok(bench.bans.covers('192.0.2.1'));
  await bench.advance(2_000);
  assert.ok(!bench.bans.covers('192.0.2.1'));
  assert.ok(bench.bans.covers('192.0.2.2'));
  await bench.advance(30_000);
  assert.ok(!bench.bans.covers('192.0.2.2'));
  assert.ok(bench.bans.covers('192.0.2.3'));
});

test('what was lost on the bus is read from the store after 30 s', async () => {
  const bench = new Bench();
  await bench.bans.catchUp();
  await bench.keep(bench.ban('192.0.2.1'));
  await bench.advance(29_000);
  assert.ok(!bench.bans.covers('192.0.2.1'));
  await bench.advance(2_000);
  assert.ok(bench.bans.covers('192.0.2.1'));
  await bench.store.removeDocument('ban', '192.0.2.1');
  await bench.advance(31_000);
  assert.ok(!bench.bans.covers('192.0.2.1'));
});

test('what is known holds while the store is away, and what changed is read when it is back', async () => {
  const bench = new Bench();
  await bench.keep(bench.ban('192.0.2.1'));
  await bench.bans.catchUp();
  bench.reach.store = false;
  for (let second = 0; second < 120; second += 1) await bench.advance(1_000);
  assert.ok(bench.reads > 10, 'it goes on asking');
  assert.ok(bench.bans.covers('192.0.2.1'));
  await bench.store.removeDocument('ban', '192.0.2.1');
  await bench.keep(bench.ban('192.0.2.2'));
  bench.reach.store = true;
  await bench.advance(1_000);
  assert.ok(!bench.bans.covers('192.0.2.1'));
  assert.ok(bench.bans.covers('192.0.2.2'));
});

test('the store is read when the bus is back, since words were lost', async () => {
  const bench = new Bench();
  await bench.bans.catchUp();
  bench.reach.bus = false;
  await bench.advance(1_000);
  await bench.keep(bench.ban('192.0.2.1'));
  bench.reach.bus = true;
  await bench.advance(1_000);
  assert.ok(bench.bans.covers('192.0.2.1'));
});

test('what is said while the store is being read counts for more than what was read', async () => {
  const bench = new Bench();
  await bench.keep(bench.ban('192.0.2.1'));
  let open = () => {};
  bench.gate = new Promise((resolve) => {
    open = resolve;
  });
  const reading = bench.bans.catchUp();
  await turn();
  await bench.say(encodeBanChange({ op: 'unban', range: '192.0.2.1' }));
  await bench.say(encodeBanChange({ op: 'ban', ban: bench.ban('192.0.2.2') }));
  open();
  await reading;
  assert.ok(!bench.bans.covers('192.0.2.1'));
  assert.ok(bench.bans.covers('192.0.2.2'));
});
