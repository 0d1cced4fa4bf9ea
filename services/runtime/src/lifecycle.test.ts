import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import { Lifecycle, type LifecyclePart } from './lifecycle.ts';
import type { Log } from './log.ts';

function setUp() {
  const clock = new ManualClock();
  const steps: string[] = [];
  const lines: string[] = [];
  const note =
    (level: string) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      void lines.push(`${level} ${event} ${fields['part'] ?? ''}`.trim());
  const log: Log = {
    debug: () => {},
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
    child: () => log,
  };
  const lifecycle = new Lifecycle({ clock, log });
  const add = (name: string, part: Partial<LifecyclePart> = {}): void =>
    lifecycle.add({
      name,
      start: () => void steps.push(`+${name}`),
      close: () => void steps.push(`-${name}`),
      ...part,
    });
  return { clock, steps, lines, lifecycle, add };
}

const never = (): Promise<void> => new Promise(() => {});

test('parts start in order and close in reverse order, each after the one before', async () => {
  const { steps, lines, lifecycle, add } = setUp();
  add('bus', {
    start: async () => {
      await nextTurn();
      steps.push('+bus');
    },
  });
  add('store');
  add('edge', {
    close: async () => {
      await nextTurn();
      steps.push('-edge');
    },
  });
  add('nothing to do', { start: undefined, close: undefined } as never);
  await lifecycle.start();
  assert.deepEqual(steps, ['+bus', '+store', '+edge']);
  await lifecycle.close();
  assert.deepEqual(steps.slice(3), ['-edge', '-store', '-bus']);
  assert.deepEqual(lines, []);
});

test('starting and closing again does nothing more', async () => {
  const { steps, lifecycle, add } = setUp();
  add('bus');
  await Promise.all([lifecycle.start(), lifecycle.start()]);
  assert.equal(lifecycle.isClosing, false);
  await Promise.all([lifecycle.close(), lifecycle.close()]);
  await lifecycle.close();
  assert.equal(lifecycle.isClosing, true);
  assert.deepEqual(steps, ['+bus', '-bus']);
  assert.throws(() => add('late'), /after the start/);
});

test('a part that overruns its close is logged and passed over', async () => {
  const { clock, steps, lines, lifecycle, add } = setUp();
  add('bus');
  add('stuck', { close: never, closeDeadlineMs: 2000 });
  await lifecycle.start();
  const closed = lifecycle.close();
  await nextTurn();
  clock.advance(1999);
  await nextTurn();
  assert.deepEqual(steps, ['+bus', '+stuck']);
  clock.advance(1);
  await closed;
  assert.deepEqual(steps, ['+bus', '+stuck', '-bus']);
  assert.deepEqual(lines, ['warn part.overran stuck']);
  assert.equal(clock.pendingTimers, 0);
});

test('a part that fails to close does not keep the others open', async () => {
  const { steps, lines, lifecycle, add } = setUp();
  add('bus');
  add('rejecting', { close: () => Promise.reject(new Error('close')) });
  add('throwing', {
    close: () => {
      throw new Error('close');
    },
  });
  await lifecycle.start();
  await lifecycle.close();
  assert.deepEqual(steps.at(-1), '-bus');
  assert.deepEqual(lines, ['error part.failed throwing', 'error part.failed rejecting']);
});

test('a part that fails to start closes what was begun, itself included, and starts nothing more', async () => {
  const { steps, lifecycle, add } = setUp();
  add('bus');
  add('failing', {
    start: () => {
      throw new Error('no port');
    },
  });
  add('edge');
  await assert.rejects(lifecycle.start(), /no port/);
  assert.deepEqual(steps, ['+bus', '-failing', '-bus']);
  await lifecycle.close();
  assert.equal(steps.length, 3);
});

test('a part that does not start in time is an error', async () => {
  const { clock, steps, lifecycle, add } = setUp();
  add('bus');
  add('stuck', { start: never, startDeadlineMs: 1000 });
  const started = assert.rejects(lifecycle.start(), { code: 'LS_START_TIMEOUT', message: /stuck.*1000 ms/ });
  await nextTurn();
  clock.advance(1000);
  await started;
  assert.deepEqual(steps, ['+bus', '-stuck', '-bus']);
});

test('closing during the start waits for the part that opens, and starts no other', async (t) => {
  const { steps, lifecycle, add } = setUp();
  const opened = Promise.withResolvers<void>();
  t.after(() => opened.resolve());
  add('bus');
  add('slow', {
    start: async () => {
      await opened.promise;
      steps.push('+slow');
    },
  });
  add('edge');
  const started = assert.rejects(lifecycle.start(), { code: 'LS_CLOSED' });
  await nextTurn();
  const closed = lifecycle.close();
  await nextTurn();
  assert.deepEqual(steps, ['+bus']);
  opened.resolve();
  await Promise.all([started, closed]);
  assert.deepEqual(steps, ['+bus', '+slow', '-slow', '-bus']);
});

test('closing what never started is nothing', async () => {
  const { steps, lifecycle, add } = setUp();
  add('bus');
  await lifecycle.close();
  await assert.rejects(lifecycle.start(), { code: 'LS_CLOSED' });
  assert.deepEqual(steps, []);
});
