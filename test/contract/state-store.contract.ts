/**
 * What every adapter of the port `StateStore` keeps, sentence by sentence. The same
 * tests run against a real server: time passes by `passTime`, and every test uses names
 * that no earlier run has used.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { type ErrorCode, LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Json, LeaseGrant, LeaseRefusal, StateStore } from '@legacystream/core/ports/state-store.ts';

export type StateStoreUnderTest = {
  readonly store: StateStore;
  /** Lets at least `ms` pass for the store: a virtual clock is advanced, a server waited for. */
  passTime(ms: number): Promise<void>;
  /** The wall clock that epochs floor on. */
  wallMs(): number;
  dispose?(): Promise<void>;
};

/** Long enough that a slow machine does not end it by accident, short enough to wait for. */
const shortTtlMs = 300;
const longTtlMs = 60_000;
const blobLimitBytes = 4 * 1024 * 1024;

export function stateStoreContract(name: string, createStore: () => Promise<StateStoreUnderTest>): void {
  const contract = (title: string, run: (under: StateStoreUnderTest) => Promise<void>): void => {
    test(`${name}: ${title}`, async (t) => {
      const under = await createStore();
      t.after(async () => {
        await under.store.close();
        await under.dispose?.();
      });
      await run(under);
    });
  };

  contract('a free lease is granted and can be read', async ({ store }) => {
    const lease = fresh();
    assert.equal(await store.readLease(lease), undefined);
    const epoch = granted(await store.acquireLease(lease, 'a', longTtlMs));
    const view = await store.readLease(lease);
    assert.equal(view?.holder, 'a');
    assert.equal(view?.epoch, epoch);
    assertRemaining(view?.remainingMs);
  });

  contract('a lease has one holder at a time, and others learn who', async ({ store }) => {
    const lease = fresh();
    const epoch = granted(await store.acquireLease(lease, 'a', longTtlMs));
    const refusal = await store.acquireLease(lease, 'b', longTtlMs);
    assert.ok(!refusal.granted);
    assert.equal(refusal.holder, 'a');
    assert.equal(refusal.epoch, epoch);
    assertRemaining(refusal.remainingMs);
    assert.equal((await store.readLease(lease))?.holder, 'a');
    granted(await store.acquireLease(fresh(), 'b', longTtlMs));
  });

  contract('of many who ask at once, one is granted', async ({ store }) => {
    const lease = fresh();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => store.acquireLease(lease, `holder-${i}`, longTtlMs)),
    );
    assert.equal(answers.filter((answer) => answer.granted).length, 1);
  });

  contract('every grant has a larger epoch, not below the wall clock', async ({ store, wallMs }) => {
    const lease = fresh();
    let last = wallMs() - 1;
    for (const [holder, steal] of [
      ['a', false],
      ['a', false],
      ['b', true],
      ['a', true],
    ] as const) {
      const floorMs = wallMs();
      const epoch = granted(await store.acquireLease(lease, holder, longTtlMs, { steal }));
      assert.ok(Number.isSafeInteger(epoch) && epoch > last, `${epoch} after ${last}`);
      assert.ok(epoch >= Math.floor(floorMs), `${epoch} is below the clock, ${floorMs}`);
      last = epoch;
    }
    assert.ok(await store.releaseLease(lease, 'a', last));
    assert.ok(granted(await store.acquireLease(lease, 'c', longTtlMs)) > last);
  });

  contract('a refused holder may steal the lease, and the old one has lost it', async ({ store }) => {
    const lease = fresh();
    const first = granted(await store.acquireLease(lease, 'a', longTtlMs));
    const second = granted(await store.acquireLease(lease, 'b', longTtlMs, { steal: true }));
    assert.ok(second > first);
    assert.equal(await store.renewLease(lease, 'a', first, longTtlMs), false);
    assert.equal(await store.releaseLease(lease, 'a', first), false);
    assert.equal((await store.readLease(lease))?.holder, 'b');
  });

  contract('a lease ends with its time to live and is free again', async ({ store, passTime }) => {
    const lease = fresh();
    const epoch = granted(await store.acquireLease(lease, 'a', shortTtlMs));
    await passTime(shortTtlMs + 20);
    assert.equal(await store.readLease(lease), undefined);
    assert.equal(await store.renewLease(lease, 'a', epoch, longTtlMs), false);
    assert.equal(await store.releaseLease(lease, 'a', epoch), false);
    assert.ok(granted(await store.acquireLease(lease, 'b', longTtlMs)) > epoch);
  });

  contract(
    'renewing keeps a lease and its epoch beyond the first time to live',
    async ({ store, passTime }) => {
      const lease = fresh();
      const epoch = granted(await store.acquireLease(lease, 'a', shortTtlMs));
      assert.equal(await store.renewLease(lease, 'a', epoch, longTtlMs), true);
      await passTime(shortTtlMs + 20);
      assert.equal((await store.readLease(lease))?.epoch, epoch);
    },
  );

  contract('only the very holder and epoch renew and release', async ({ store }) => {
    const lease = fresh();
    const epoch = granted(await store.acquireLease(lease, 'a', longTtlMs));
    for (const [holder, of] of [
      ['b', epoch],
      ['a', epoch - 1],
      ['a', epoch + 1],
    ] as const) {
      assert.equal(await store.renewLease(lease, holder, of, longTtlMs), false);
      assert.equal(await store.releaseLease(lease, holder, of), false);
    }
    assert.equal(await store.renewLease(fresh(), 'a', epoch, longTtlMs), false);
    assert.equal(await store.releaseLease(lease, 'a', epoch), true);
    assert.equal(await store.readLease(lease), undefined);
    assert.equal(await store.releaseLease(lease, 'a', epoch), false);
  });

  contract('taking the own lease again is a new session: the old epoch is void', async ({ store }) => {
    const lease = fresh();
    const first = granted(await store.acquireLease(lease, 'a', longTtlMs));
    const second = granted(await store.acquireLease(lease, 'a', longTtlMs));
    assert.ok(second > first);
    assert.equal(await store.renewLease(lease, 'a', first, longTtlMs), false);
    assert.equal(await store.renewLease(lease, 'a', second, longTtlMs), true);
  });

  contract('any JSON value comes back as it was written', async ({ store }) => {
    const values: readonly Json[] = [
      null,
      true,
      0,
      -1.5,
      '',
      'ünï\u0000\u2028',
      [],
      {},
      [1, ['two', null]],
      JSON.parse('{"__proto__":{"a":1},"deep":{"list":[{}]}}') as Json,
    ];
    for (const value of values) {
      const id = fresh();
      assert.equal(await store.putDocument('setting', id, value), true);
      assert.deepEqual(await store.getDocument('setting', id), value);
    }
  });

  contract('any id is just an id', async ({ store }) => {
    const root = fresh();
    const ids = [`${root}/live.mp3`, `${root} a*b?[c]`, `${root}:x:{y}`, `${root}ü`, `__proto__`];
    for (const id of ids) await store.putDocument('ban', id, id);
    for (const id of ids) assert.equal(await store.getDocument('ban', id), id);
    const listed = await store.listDocuments('ban');
    for (const id of ids) assert.equal(listed.get(id), id);
    for (const id of ids) assert.equal(await store.removeDocument('ban', id), true);
  });

  contract('what is read or written is a copy', async ({ store }) => {
    const id = fresh();
    const written = { list: [1] };
    await store.putDocument('setting', id, written);
    written.list.push(2);
    const read = (await store.getDocument('setting', id)) as { list: number[] };
    read.list.push(3);
    ((await store.listDocuments('setting')).get(id) as { list: number[] }).list.push(4);
    assert.deepEqual(await store.getDocument('setting', id), { list: [1] });
  });

  contract('a document is replaced whole, its time to live included', async ({ store, passTime }) => {
    const id = fresh();
    await store.putDocument('pod', id, { a: 1, b: 2 }, { ttlMs: shortTtlMs });
    await store.putDocument('pod', id, { a: 3 });
    await passTime(shortTtlMs + 20);
    assert.deepEqual(await store.getDocument('pod', id), { a: 3 });
    await store.removeDocument('pod', id);
  });

  contract('a document vanishes when its time to live ends', async ({ store, passTime }) => {
    const [brief, lasting] = [fresh(), fresh()];
    await store.putDocument('pod', brief, 1, { ttlMs: shortTtlMs });
    await store.putDocument('pod', lasting, 2, { ttlMs: longTtlMs });
    assert.equal(await store.getDocument('pod', brief), 1);
    await passTime(shortTtlMs + 20);
    assert.equal(await store.getDocument('pod', brief), undefined);
    const listed = await store.listDocuments('pod');
    assert.equal(listed.has(brief), false);
    assert.equal(listed.get(lasting), 2);
    assert.equal(await store.removeDocument('pod', brief), false);
  });

  contract('a smaller epoch neither writes nor removes', async ({ store }) => {
    const id = fresh();
    const put = (value: Json, epoch: number) =>
      store.putDocument('mount', id, value, { epoch, ttlMs: longTtlMs });
    assert.equal(await put('first', 10), true);
    assert.equal(await put('same session', 10), true);
    assert.equal(await put('newer', 11), true);
    assert.equal(await put('stale', 10), false);
    assert.equal(await store.removeDocument('mount', id, { epoch: 10 }), false);
    assert.equal(await store.getDocument('mount', id), 'newer');
    assert.equal(await store.removeDocument('mount', id, { epoch: 11 }), true);
    assert.equal(await store.getDocument('mount', id), undefined);
  });

  contract('a write without an epoch is not fenced and leaves no fence', async ({ store }) => {
    const id = fresh();
    await store.putDocument('mount', id, 'fenced', { epoch: 100, ttlMs: longTtlMs });
    assert.equal(await store.putDocument('mount', id, 'plain', { ttlMs: longTtlMs }), true);
    assert.equal(await store.putDocument('mount', id, 'old', { epoch: 1, ttlMs: longTtlMs }), true);
    assert.equal(await store.removeDocument('mount', id), true);
  });

  contract('who claims a document reads the last that earlier writers wrote', async ({ store }) => {
    const id = fresh();
    const put = (value: Json, epoch: number) =>
      store.putDocument('hls', id, value, { epoch, ttlMs: longTtlMs });
    const claim = (epoch: number) => store.claimDocument('hls', id, { epoch, ttlMs: longTtlMs });
    await put({ text: 'line\nline' }, 10);
    assert.deepEqual(await claim(11), { text: 'line\nline' });
    assert.equal(await put('late', 10), false);
    assert.deepEqual(await claim(10), { text: 'line\nline' }, 'a smaller epoch reads');
    assert.equal(await put('late', 10), false, 'and claims nothing');
    assert.equal(await put('next', 11), true);
    assert.equal(await store.getDocument('hls', id), 'next');
  });

  contract('a document without an epoch can be claimed', async ({ store }) => {
    const id = fresh();
    await store.putDocument('hls', id, 1);
    assert.equal(await store.claimDocument('hls', id, { epoch: 5, ttlMs: longTtlMs }), 1);
    assert.equal(await store.putDocument('hls', id, 2, { epoch: 4, ttlMs: longTtlMs }), false);
  });

  contract('where there is no document, null is claimed', async ({ store, passTime }) => {
    const id = fresh();
    assert.equal(await store.claimDocument('hls', id, { epoch: 5, ttlMs: shortTtlMs }), undefined);
    assert.equal(await store.getDocument('hls', id), null);
    assert.equal((await store.listDocuments('hls')).get(id), null);
    assert.equal(await store.putDocument('hls', id, 'late', { epoch: 4, ttlMs: longTtlMs }), false);
    await passTime(shortTtlMs + 20);
    assert.equal(await store.getDocument('hls', id), undefined);
    const failure = store.claimDocument('hls', id, { epoch: 5, ttlMs: 0 });
    await assert.rejects(failure, { code: 'LS_PARAMETER_INVALID' });
  });

  contract('a claim leaves the time to live as it is', async ({ store, passTime }) => {
    const id = fresh();
    await store.putDocument('hls', id, 'brief', { epoch: 1, ttlMs: shortTtlMs });
    assert.equal(await store.claimDocument('hls', id, { epoch: 2, ttlMs: longTtlMs }), 'brief');
    await passTime(shortTtlMs + 20);
    assert.equal(await store.getDocument('hls', id), undefined);
  });

  contract('an expired document fences nobody', async ({ store, passTime }) => {
    const id = fresh();
    await store.putDocument('mount', id, 'gone', { epoch: 100, ttlMs: shortTtlMs });
    await passTime(shortTtlMs + 20);
    assert.equal(await store.putDocument('mount', id, 'next', { epoch: 50, ttlMs: longTtlMs }), true);
    assert.equal(await store.getDocument('mount', id), 'next');
  });

  contract('kinds are apart from each other', async ({ store }) => {
    const id = fresh();
    await store.putDocument('ban', id, 'ban');
    await store.putDocument('setting', id, 'setting');
    assert.equal(await store.removeDocument('ban', id), true);
    assert.equal(await store.getDocument('ban', id), undefined);
    assert.equal(await store.getDocument('setting', id), 'setting');
    assert.equal((await store.listDocuments('ban')).has(id), false);
    assert.equal((await store.listDocuments('setting')).get(id), 'setting');
  });

  contract('removing what is not there says so', async ({ store }) => {
    const id = fresh();
    assert.equal(await store.removeDocument('ban', id), false);
    await store.putDocument('ban', id, 1);
    assert.equal(await store.removeDocument('ban', id), true);
    assert.equal(await store.removeDocument('ban', id), false);
  });

  contract('a peak only rises, and is a document of its own', async ({ store }) => {
    const id = fresh();
    assert.equal(await store.raisePeak(id, 5), 5);
    assert.equal(await store.raisePeak(id, 3), 5);
    assert.equal(await store.raisePeak(id, 9), 9);
    assert.equal(await store.getDocument('peak', id), 9);
    assert.equal((await store.listDocuments('peak')).get(id), 9);
    const raised = await Promise.all([20, 40, 30].map((value) => store.raisePeak(id, value)));
    assert.equal(Math.max(...raised), 40);
    assert.equal(await store.getDocument('peak', id), 40);
    assert.equal(await store.removeDocument('peak', id), true);
    assert.equal(await store.raisePeak(id, 0), 0);
  });

  contract('the bytes of a blob come back as they were written', async ({ store }) => {
    const group = fresh();
    const blobs = {
      none: new Uint8Array(0),
      'every value': Uint8Array.from({ length: 256 }, (_, i) => i),
      'no UTF-8': Uint8Array.of(0xff, 0xfe, 0x0d, 0x0a, 0x00, 0xc3, 0x28),
      'a view of a larger buffer': randomBytes(5000).subarray(17, 4000),
      'of a pool': Buffer.from('\u0000\r\nünï'),
      '1 MiB': randomBytes(1024 * 1024),
    };
    for (const [name, data] of Object.entries(blobs))
      await store.putBlob(group, name, data, { ttlMs: longTtlMs });
    for (const [name, data] of Object.entries(blobs))
      assertBytes(await store.getBlob(group, name), data, name);
    const all = await Promise.all(Object.keys(blobs).map((name) => store.getBlob(group, name)));
    Object.values(blobs).forEach((data, place) => {
      assertBytes(all[place], data, 'read at once with others');
    });
  });

  contract('writer and readers keep the bytes that they have', async ({ store }) => {
    const group = fresh();
    const written = new Uint8Array(randomBytes(70_000));
    const expected = Uint8Array.from(written);
    await store.putBlob(group, 'a', written, { ttlMs: longTtlMs });
    assertBytes(written, expected);
    const first = await store.getBlob(group, 'a');
    assertBytes(await store.getBlob(group, 'a'), expected);
    await store.putBlob(group, 'a', Uint8Array.of(1), { ttlMs: longTtlMs });
    assertBytes(first, expected);
    // What one store gives may be written to it again, under another name too.
    await store.putBlob(group, 'b', first!, { ttlMs: longTtlMs });
    assertBytes(await store.getBlob(group, 'b'), expected);
    assertBytes(first, expected);
  });

  contract('a blob that was never written is not there', async ({ store }) => {
    const group = fresh();
    assert.equal(await store.getBlob(group, 'a'), undefined);
    await store.putBlob(group, 'a', Uint8Array.of(1), { ttlMs: longTtlMs });
    assert.equal(await store.getBlob(group, 'b'), undefined);
    assert.equal(await store.getBlob(fresh(), 'a'), undefined);
  });

  contract(
    'a blob written again is replaced whole, its time to live included',
    async ({ store, passTime }) => {
      const group = fresh();
      await store.putBlob(group, 'a', randomBytes(1000), { ttlMs: shortTtlMs });
      await store.putBlob(group, 'a', Uint8Array.of(1, 2), { ttlMs: longTtlMs });
      await passTime(shortTtlMs + 20);
      assertBytes(await store.getBlob(group, 'a'), Uint8Array.of(1, 2));
      await store.putBlob(group, 'a', new Uint8Array(0), { ttlMs: shortTtlMs });
      assertBytes(await store.getBlob(group, 'a'), new Uint8Array(0));
      await passTime(shortTtlMs + 20);
      assert.equal(await store.getBlob(group, 'a'), undefined);
    },
  );

  contract('a blob vanishes when its time to live ends, the others stay', async ({ store, passTime }) => {
    const group = fresh();
    await store.putBlob(group, 'brief', Uint8Array.of(1), { ttlMs: shortTtlMs });
    await store.putBlob(group, 'lasting', Uint8Array.of(2), { ttlMs: longTtlMs });
    assertBytes(await store.getBlob(group, 'brief'), Uint8Array.of(1));
    await passTime(shortTtlMs + 20);
    assert.equal(await store.getBlob(group, 'brief'), undefined);
    assertBytes(await store.getBlob(group, 'lasting'), Uint8Array.of(2));
  });

  contract('any group and name are just that, and two pairs are never one', async ({ store }) => {
    const root = fresh();
    const pairs = [
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['a:b:c', ''],
      ['', 'a:b:c'],
      ['1:a', 'b'],
      ['1', ':ab'],
      ['{a}', 'b'],
      ['a', '{b}'],
      ['}a{', 'b'],
      ['a b', 'c'],
      ['a', 'b c'],
      ['a', 'b*?[c]\r\n'],
      ['ä/live.mp3', 'ü'],
      ['a%3ab', 'c'],
      ['\ud83d', '\ude00'],
      ['\ud83d\ude00', ''],
      ['__proto__', 'constructor'],
    ] as const;
    const bytes = (place: number): Uint8Array => Uint8Array.of(place, 0, place);
    const puts = pairs.map(([group, name], place) =>
      store.putBlob(root + group, name, bytes(place), { ttlMs: longTtlMs }),
    );
    await Promise.all(puts);
    for (const [place, [group, name]] of pairs.entries()) {
      assertBytes(await store.getBlob(root + group, name), bytes(place), JSON.stringify([group, name]));
    }
  });

  contract('blobs and documents of one name are apart from each other', async ({ store }) => {
    const id = fresh();
    await store.putBlob('hls', id, Uint8Array.of(1), { ttlMs: longTtlMs });
    assert.equal(await store.getDocument('hls', id), undefined);
    await store.putDocument('hls', id, { window: [1] }, { ttlMs: longTtlMs });
    assertBytes(await store.getBlob('hls', id), Uint8Array.of(1));
    assert.equal(await store.removeDocument('hls', id), true);
    assertBytes(await store.getBlob('hls', id), Uint8Array.of(1));
  });

  contract('a blob has 4 MiB at most', async ({ store }) => {
    const group = fresh();
    const invalid = isCode('LS_PARAMETER_INVALID');
    const ttl = { ttlMs: longTtlMs };
    const largest = randomBytes(blobLimitBytes);
    await store.putBlob(group, 'largest', largest, ttl);
    assertBytes(await store.getBlob(group, 'largest'), largest);
    await assert.rejects(store.putBlob(group, 'larger', new Uint8Array(blobLimitBytes + 1), ttl), invalid);
    assert.equal(await store.getBlob(group, 'larger'), undefined);
    await assert.rejects(store.putBlob(group, 'text', 'text' as unknown as Uint8Array, ttl), invalid);
    assert.equal(await store.getBlob(group, 'text'), undefined);
  });

  contract('what makes no sense rejects and changes nothing', async ({ store }) => {
    const id = fresh();
    const invalid = isCode('LS_PARAMETER_INVALID');
    for (const ttlMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(store.acquireLease(id, 'a', ttlMs), invalid);
      await assert.rejects(store.renewLease(id, 'a', 1, ttlMs), invalid);
      await assert.rejects(store.putDocument('setting', id, 1, { ttlMs }), invalid);
      await assert.rejects(store.putBlob(id, 'a', Uint8Array.of(1), { ttlMs }), invalid);
    }
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    for (const value of [undefined, () => {}, 1n, circular]) {
      await assert.rejects(store.putDocument('setting', id, value as Json), invalid);
    }
    await assert.rejects(store.raisePeak(id, Number.NaN), invalid);
    assert.equal(await store.readLease(id), undefined);
    assert.equal(await store.getDocument('setting', id), undefined);
    assert.equal(await store.getDocument('peak', id), undefined);
    assert.equal(await store.getBlob(id, 'a'), undefined);
  });

  contract('a closed store rejects every call and closes only once', async ({ store }) => {
    const id = fresh();
    await store.putBlob(id, 'a', Uint8Array.of(1), { ttlMs: longTtlMs });
    assert.equal(store.connected, true);
    await Promise.all([store.close(), store.close()]);
    assert.equal(store.connected, false);
    const closed = isCode('LS_CLOSED');
    await assert.rejects(store.acquireLease(id, 'a', longTtlMs), closed);
    await assert.rejects(store.renewLease(id, 'a', 1, longTtlMs), closed);
    await assert.rejects(store.releaseLease(id, 'a', 1), closed);
    await assert.rejects(store.readLease(id), closed);
    await assert.rejects(store.putDocument('setting', id, 1), closed);
    await assert.rejects(store.getDocument('setting', id), closed);
    await assert.rejects(store.listDocuments('setting'), closed);
    await assert.rejects(store.removeDocument('setting', id), closed);
    await assert.rejects(store.raisePeak(id, 1), closed);
    await assert.rejects(store.putBlob(id, 'a', Uint8Array.of(1), { ttlMs: longTtlMs }), closed);
    await assert.rejects(store.getBlob(id, 'a'), closed);
  });
}

function fresh(): string {
  return `contract-${randomBytes(8).toString('hex')}`;
}

function granted(answer: LeaseGrant | LeaseRefusal): number {
  assert.ok(answer.granted, JSON.stringify(answer));
  return answer.epoch;
}

function assertRemaining(remainingMs: number | undefined): void {
  assert.ok(
    remainingMs !== undefined && remainingMs > 0 && remainingMs <= longTtlMs,
    `${remainingMs} ms remain`,
  );
}

/** Without a diff of megabytes. */
function assertBytes(actual: Uint8Array | undefined, expected: Uint8Array, what = 'the blob'): void {
  assert.ok(actual instanceof Uint8Array, `${what}: there are no bytes`);
  assert.equal(actual.byteLength, expected.byteLength, `${what}: length`);
  assert.ok(Buffer.compare(actual, expected) === 0, `${what}: other bytes`);
}

function isCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof LegacyStreamError && error.code === code;
}
