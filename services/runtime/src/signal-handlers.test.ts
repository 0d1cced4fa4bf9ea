import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Log } from './log.ts';
import { installSignalHandlers } from './signal-handlers.ts';

const here = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));

function setUp() {
  const source = new EventEmitter();
  const closed = Promise.withResolvers<void>();
  const events: string[] = [];
  const note = (event: string): void => void events.push(event);
  const log: Log = { debug: note, info: note, warn: note, error: note, child: () => log };
  const uninstall = installSignalHandlers({
    log,
    source,
    close: () => {
      events.push('close');
      return closed.promise;
    },
    onHangup: () => void events.push('hangup'),
    exit: (code) => void events.push(`exit ${code}`),
  });
  return { source, closed, events, uninstall };
}

test('the first signal closes in order and then exits with 0', async () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const { source, closed, events } = setUp();
    source.emit(signal, signal);
    await nextTurn();
    assert.deepEqual(events, ['process.signalled', 'close']);
    closed.resolve();
    await nextTurn();
    assert.deepEqual(events.slice(2), ['exit 0']);
  }
});

test('a second signal of either kind exits at once with 1', async () => {
  const { source, events } = setUp();
  source.emit('SIGTERM', 'SIGTERM');
  source.emit('SIGINT', 'SIGINT');
  assert.deepEqual(events.slice(2), ['process.aborted', 'exit 1']);
});

test('an uncaught exception closes in order and exits with 1, once', async () => {
  const { source, closed, events } = setUp();
  source.emit('uncaughtException', new Error('bug'));
  source.emit('uncaughtException', new Error('another'));
  closed.resolve();
  await nextTurn();
  assert.deepEqual(events, ['exception.escaped', 'close', 'exception.escaped', 'exit 1']);
});

test('an exception while a signal closes the process makes its exit code 1', async () => {
  const { source, closed, events } = setUp();
  source.emit('SIGTERM', 'SIGTERM');
  source.emit('uncaughtException', new Error('bug'));
  closed.resolve();
  await nextTurn();
  assert.equal(events.at(-1), 'exit 1');
});

test('a rejection that nobody handled is logged and closes nothing', async () => {
  const { source, events } = setUp();
  source.emit('unhandledRejection', new Error('bug'), Promise.resolve());
  await nextTurn();
  assert.deepEqual(events, ['rejection.escaped']);
});

test('a hangup reopens the logs and closes nothing', () => {
  const { source, events } = setUp();
  source.emit('SIGHUP', 'SIGHUP');
  assert.deepEqual(events, ['hangup']);
});

test('uninstalling leaves no listener behind', () => {
  const { source, uninstall } = setUp();
  assert.ok(source.eventNames().length > 0);
  uninstall();
  assert.deepEqual(source.eventNames(), []);
});

/** A process with one part that takes its time to close, or never does. */
async function run(close: string, whenReady: (child: ReturnType<typeof spawn>) => void) {
  const script = `
    const { Lifecycle } = await import(${here('./lifecycle.ts')});
    const { createLog } = await import(${here('./log.ts')});
    const { installSignalHandlers } = await import(${here('./signal-handlers.ts')});
    const { SystemClock } = await import(${here('./system-clock.ts')});
    const log = createLog({ format: 'json' });
    const lifecycle = new Lifecycle({ clock: new SystemClock(), log });
    lifecycle.add({ name: 'first', close: () => log.info('first.closed') });
    lifecycle.add({ name: 'second', close: ${close}, closeDeadlineMs: 200 });
    installSignalHandlers({ log, close: () => lifecycle.close() });
    await lifecycle.start();
    process.on('SIGUSR2', () => { throw new Error('bug'); });
    log.info('process.started');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let isReady = false;
  child.stdout.on('data', (data) => {
    output += data;
    if (isReady || !output.includes('process.started')) return;
    isReady = true;
    whenReady(child);
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  const events = output
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { event: string }).event);
  return { code, events };
}

test('a real process closes every part on SIGTERM, also behind one that hangs', async () => {
  const { code, events } = await run('() => new Promise(() => {})', (child) => child.kill('SIGTERM'));
  assert.equal(code, 0);
  assert.deepEqual(events, ['process.started', 'process.signalled', 'part.overran', 'first.closed']);
});

test('a real process closes every part when an exception escapes, and exits with 1', async () => {
  const { code, events } = await run('async () => {}', (child) => child.kill('SIGUSR2'));
  assert.equal(code, 1);
  assert.deepEqual(events, ['process.started', 'exception.escaped', 'first.closed']);
});
