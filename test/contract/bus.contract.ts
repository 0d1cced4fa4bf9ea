/**
 * What every adapter of the port `Bus` keeps, sentence by sentence. The same tests run
 * against a real server: they wait by `settle`, time passes by `passTime`, and every test
 * uses subjects that no earlier run has used.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type ErrorCode, LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';

export type BusUnderTest = {
  readonly bus: Bus;
  /** Subjects under this prefix have a history; the prefix ends with a dot. */
  readonly retainedPrefix: string;
  /** Resolves when what was published or subscribed before has taken effect everywhere. */
  settle(): Promise<void>;
  /** Lets at least `ms` pass for the bus: a virtual clock is advanced, a server waited for. */
  passTime(ms: number): Promise<void>;
  /** Releases what the adapter needs beside the bus itself. */
  dispose?(): Promise<void>;
};

export function busContract(name: string, createBus: () => Promise<BusUnderTest>): void {
  const contract = (title: string, run: (under: BusUnderTest) => Promise<void>): void => {
    test(`${name}: ${title}`, async (t: TestContext) => {
      const under = await createBus();
      // The timers of a bus do not keep a process alive; a test that waits for one must.
      const alive = setInterval(() => {}, 1000);
      t.after(async () => {
        clearInterval(alive);
        await under.bus.close();
        await under.dispose?.();
      });
      await run(under);
    });
  };

  contract('a message reaches every subscription of its subject once', async ({ bus, settle }) => {
    const subject = fresh();
    const [first, second] = [collect(bus, subject), collect(bus, subject)];
    const other = collect(bus, fresh());
    await settle();
    bus.publish(subject, bytes('hello'));
    await settle();
    assert.deepEqual(first.texts, ['hello']);
    assert.deepEqual(second.texts, ['hello']);
    assert.deepEqual(first.subjects, [subject]);
    assert.deepEqual(other.texts, []);
  });

  contract('messages of one subject arrive in order, none lost and none twice', async ({ bus, settle }) => {
    const subject = fresh();
    const seen = collect(bus, subject);
    await settle();
    const sent = Array.from({ length: 5000 }, (_, i) => String(i));
    for (const text of sent) bus.publish(subject, bytes(text));
    await settle();
    assert.deepEqual(seen.texts, sent);
  });

  contract('bytes arrive as they were, empty and binary ones too', async ({ bus, settle }) => {
    const subject = fresh();
    const messages = [new Uint8Array(0), Uint8Array.from({ length: 256 }, (_, i) => i), randomBytes(100_000)];
    const seen: Uint8Array[] = [];
    bus.subscribe(subject, (data) => void seen.push(Uint8Array.from(data)));
    await settle();
    for (const message of messages) bus.publish(subject, message);
    await settle();
    assert.deepEqual(
      seen.map((data) => Buffer.from(data).toString('hex')),
      messages.map((data) => Buffer.from(data).toString('hex')),
    );
  });

  contract('handlers are called outside of publish, and never inside each other', async ({ bus, settle }) => {
    const subject = fresh();
    let depth = 0;
    const seen: string[] = [];
    bus.subscribe(subject, (data) => {
      assert.equal(++depth, 1);
      const text = textOf(data);
      seen.push(text);
      if (text === 'ping') bus.publish(subject, bytes('pong'));
      depth--;
    });
    await settle();
    bus.publish(subject, bytes('ping'));
    assert.deepEqual(seen, []);
    await settle();
    await settle();
    assert.deepEqual(seen, ['ping', 'pong']);
    assert.equal(bus.stats.handlerErrors, 0);
  });

  contract('a handler that throws is counted and disturbs nobody', async ({ bus, settle }) => {
    const subject = fresh();
    bus.subscribe(subject, () => {
      throw new Error('handler');
    });
    const seen = collect(bus, subject);
    await settle();
    bus.publish(subject, bytes('1'));
    bus.publish(subject, bytes('2'));
    await settle();
    assert.deepEqual(seen.texts, ['1', '2']);
    assert.equal(bus.stats.handlerErrors, 2);
  });

  contract('a subscription gets nothing from before it was made', async ({ bus, settle }) => {
    const subject = fresh();
    bus.publish(subject, bytes('before'));
    const seen = collect(bus, subject);
    await settle();
    bus.publish(subject, bytes('after'));
    await settle();
    assert.deepEqual(seen.texts, ['after']);
  });

  contract('what was published right after subscribe returned arrives', async ({ bus, settle }) => {
    const subject = fresh();
    const seen = collect(bus, subject);
    bus.publish(subject, bytes('at once'));
    await settle();
    assert.deepEqual(seen.texts, ['at once']);
  });

  contract('unsubscribe stops delivery at once, also of what is on its way', async ({ bus, settle }) => {
    const subject = fresh();
    const seen = collect(bus, subject);
    const stays = collect(bus, subject);
    await settle();
    bus.publish(subject, bytes('late'));
    seen.subscription.unsubscribe();
    seen.subscription.unsubscribe();
    await settle();
    assert.deepEqual(seen.texts, []);
    assert.deepEqual(stays.texts, ['late']);
  });

  contract('a handler may unsubscribe itself and subscribe others', async ({ bus, settle }) => {
    const subject = fresh();
    const later: string[] = [];
    let calls = 0;
    const subscription = bus.subscribe(subject, () => {
      calls++;
      subscription.unsubscribe();
      bus.subscribe(subject, (data) => void later.push(textOf(data)));
    });
    await settle();
    bus.publish(subject, bytes('1'));
    await settle();
    bus.publish(subject, bytes('2'));
    await settle();
    assert.equal(calls, 1);
    assert.deepEqual(later, ['2']);
  });

  contract('a star stands for one token, a final > for one or more', async ({ bus, settle }) => {
    const root = fresh();
    const star = collect(bus, `${root}.*.end`);
    const rest = collect(bus, `${root}.>`);
    await settle();
    for (const tail of ['', '.a', '.a.end', '.a.b.end', '.a.ends'])
      bus.publish(`${root}${tail}`, bytes(tail));
    await settle();
    assert.deepEqual(star.texts, ['.a.end']);
    assert.deepEqual(star.subjects, [`${root}.a.end`]);
    assert.deepEqual(rest.texts, ['.a', '.a.end', '.a.b.end', '.a.ends']);
  });

  contract('publishing to a malformed subject is counted and never throws', async ({ bus, settle }) => {
    const root = fresh();
    const seen = collect(bus, '>');
    await settle();
    const { dropped } = bus.stats;
    const wrong = ['', `${root}.`, `${root}..a`, `${root}.*`, `${root}.>`, `${root} a`, `${root}\r\nPUB x`];
    for (const subject of wrong) bus.publish(subject, bytes('x'));
    await settle();
    assert.equal(bus.stats.dropped - dropped, wrong.length);
    assert.deepEqual(
      seen.subjects.filter((subject) => subject.startsWith(root)),
      [],
    );
  });

  contract('subscribing to what matches nothing throws', async ({ bus }) => {
    for (const subject of ['', 'a..b', 'a.>.b', 'a b', 'a.']) {
      assert.throws(() => bus.subscribe(subject, () => {}), isCode('LS_PARAMETER_INVALID'), subject);
      assert.throws(() => bus.respond(subject, () => bytes('')), isCode('LS_PARAMETER_INVALID'), subject);
    }
  });

  contract('what is published and delivered is counted', async ({ bus, settle }) => {
    const subject = fresh();
    const { published, delivered } = bus.stats;
    collect(bus, subject);
    collect(bus, subject);
    await settle();
    bus.publish(subject, bytes('1'));
    await settle();
    assert.equal(bus.stats.published - published, 1);
    assert.equal(bus.stats.delivered - delivered, 2);
  });

  contract(
    'history gives the retained tail of a subject, oldest first',
    async ({ bus, retainedPrefix, settle }) => {
      const subject = retainedPrefix + fresh();
      for (const text of ['1', '2', '3']) bus.publish(subject, bytes(text));
      bus.publish(retainedPrefix + fresh(), bytes('other'));
      await settle();
      assert.deepEqual(await historyOf(bus, subject, 1_000_000, 60_000), ['1', '2', '3']);
    },
  );

  contract('history is bounded by bytes, the newest kept', async ({ bus, retainedPrefix, settle }) => {
    const subject = retainedPrefix + fresh();
    for (const text of ['aaaa', 'bbbb', 'cccc']) bus.publish(subject, bytes(text));
    await settle();
    assert.deepEqual(await historyOf(bus, subject, 8, 60_000), ['bbbb', 'cccc']);
    assert.deepEqual(await historyOf(bus, subject, 7, 60_000), ['cccc']);
    assert.deepEqual(await historyOf(bus, subject, 3, 60_000), []);
  });

  contract('history is bounded by age', async ({ bus, retainedPrefix, settle, passTime }) => {
    const subject = retainedPrefix + fresh();
    bus.publish(subject, bytes('old'));
    await settle();
    await passTime(2_000);
    bus.publish(subject, bytes('new'));
    await settle();
    assert.deepEqual(await historyOf(bus, subject, 1_000_000, 1_500), ['new']);
    assert.deepEqual(await historyOf(bus, subject, 1_000_000, 60_000), ['old', 'new']);
  });

  contract('a subject that nobody retained has an empty history', async ({ bus, retainedPrefix, settle }) => {
    const plain = fresh();
    bus.publish(plain, bytes('1'));
    await settle();
    assert.deepEqual(await historyOf(bus, plain, 1000, 60_000), []);
    assert.deepEqual(await historyOf(bus, retainedPrefix + fresh(), 1000, 60_000), []);
  });

  contract('a request gets the answer of its responder', async ({ bus, settle }) => {
    const subject = fresh();
    bus.respond(subject, (data, on) => bytes(`${textOf(data)} on ${on}`));
    const slow = fresh();
    bus.respond(slow, async (data) => {
      await settle();
      return data;
    });
    await settle();
    assert.equal(textOf(await bus.request(subject, bytes('status'), 5000)), `status on ${subject}`);
    assert.equal(textOf(await bus.request(slow, bytes('later'), 5000)), 'later');
  });

  contract('answers find their own questions', async ({ bus, settle }) => {
    const subject = fresh();
    bus.respond(subject, (data) => data);
    await settle();
    const questions = Array.from({ length: 50 }, (_, i) => String(i));
    const answers = await Promise.all(questions.map((text) => bus.request(subject, bytes(text), 5000)));
    assert.deepEqual(answers.map(textOf), questions);
  });

  contract(
    'what a responder published before it answered comes before its answer',
    async ({ bus, settle }) => {
      const [subject, news] = [fresh(), fresh()];
      const seen = collect(bus, news);
      bus.respond(subject, (data) => {
        for (let i = 0; i < 3000; i++) bus.publish(news, data);
        return data;
      });
      await settle();
      await bus.request(subject, bytes('?'), 5000);
      assert.equal(seen.texts.length, 3000);
    },
  );

  contract('one responder of several is asked', async ({ bus, settle }) => {
    const subject = fresh();
    let asked = 0;
    for (let i = 0; i < 3; i++) {
      bus.respond(subject, (data) => {
        asked++;
        return data;
      });
    }
    await settle();
    await bus.request(subject, bytes('?'), 5000);
    await settle();
    assert.equal(asked, 1);
  });

  contract('a request that nobody answers rejects soon', async ({ bus, settle }) => {
    const subject = fresh();
    const startMs = performance.now();
    await assert.rejects(bus.request(subject, bytes('?'), 30_000), isCode('LS_BUS_NO_RESPONDER'));
    bus.respond(subject, (data) => data).unsubscribe();
    collect(bus, fresh());
    await settle();
    await assert.rejects(bus.request(subject, bytes('?'), 30_000), isCode('LS_BUS_NO_RESPONDER'));
    assert.ok(performance.now() - startMs < 10_000);
  });

  contract('an answer that is late rejects with a timeout', async ({ bus, settle, passTime }) => {
    const subject = fresh();
    const answer = Promise.withResolvers<Uint8Array>();
    bus.respond(subject, () => answer.promise);
    await settle();
    const late = assert.rejects(bus.request(subject, bytes('?'), 200), isCode('LS_BUS_TIMEOUT'));
    await settle();
    await passTime(220);
    await late;
    answer.resolve(bytes('too late'));
    await settle();
  });

  contract('a responder that fails is counted and its asker is told', async ({ bus, settle }) => {
    const [throwing, rejecting] = [fresh(), fresh()];
    bus.respond(throwing, () => {
      throw new Error('responder');
    });
    bus.respond(rejecting, () => Promise.reject(new Error('responder')));
    await settle();
    await assert.rejects(bus.request(throwing, bytes('?'), 5000), isCode('LS_BUS_RESPONDER_FAILED'));
    await assert.rejects(bus.request(rejecting, bytes('?'), 5000), isCode('LS_BUS_RESPONDER_FAILED'));
    assert.equal(bus.stats.handlerErrors, 2);
  });

  contract(
    'a closed bus drops, counts and refuses, and closes only once',
    async ({ bus, retainedPrefix, settle }) => {
      const subject = retainedPrefix + fresh();
      const seen = collect(bus, subject);
      const silent = fresh();
      bus.respond(silent, () => new Promise<Uint8Array>(() => {}));
      await settle();
      assert.equal(bus.connected, true);
      const waiting = assert.rejects(bus.request(silent, bytes('?'), 60_000), isCode('LS_CLOSED'));
      await Promise.all([bus.close(), bus.close()]);
      await waiting;
      assert.equal(bus.connected, false);
      const { dropped } = bus.stats;
      bus.publish(subject, bytes('x'));
      assert.equal(bus.stats.dropped - dropped, 1);
      bus.subscribe(subject, () => {}).unsubscribe();
      bus.respond(subject, (data) => data).unsubscribe();
      assert.deepEqual(await bus.history(subject, { maxBytes: 1000, maxAgeMs: 1000 }), []);
      await assert.rejects(bus.request(subject, bytes('?'), 1000), isCode('LS_CLOSED'));
      assert.deepEqual(seen.texts, []);
    },
  );
}

function fresh(): string {
  return `contract.${randomBytes(8).toString('hex')}`;
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data).toString();
}

function collect(bus: Bus, subject: string) {
  const texts: string[] = [];
  const subjects: string[] = [];
  const subscription = bus.subscribe(subject, (data, on) => {
    texts.push(textOf(data));
    subjects.push(on);
  });
  return { texts, subjects, subscription };
}

async function historyOf(bus: Bus, subject: string, maxBytes: number, maxAgeMs: number): Promise<string[]> {
  return (await bus.history(subject, { maxBytes, maxAgeMs })).map(textOf);
}

function isCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof LegacyStreamError && error.code === code;
}
