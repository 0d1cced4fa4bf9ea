import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SystemClock } from './system-clock.ts';

const modulePath = fileURLToPath(new URL('./system-clock.ts', import.meta.url));

/** The clock's own timers are unreferenced, so something else keeps the test waiting for them. */
function stayAlive(t: TestContext): void {
  const handle = setInterval(() => {}, 1000);
  t.after(() => clearInterval(handle));
}

test('monotonic time moves on with the wall clock', () => {
  const clock = new SystemClock();
  const startMs = clock.monotonicMs();
  while (clock.monotonicMs() === startMs) {}
  assert.ok(clock.monotonicMs() > startMs);
  assert.ok(Math.abs(clock.wallMs() - Date.now()) < 1000);
});

test('a timer fires once and not before its delay', async (t) => {
  stayAlive(t);
  const clock = new SystemClock();
  const startMs = clock.monotonicMs();
  await new Promise<void>((resolve) => void clock.after(20, resolve));
  assert.ok(clock.monotonicMs() - startMs >= 19);
});

test('a periodic timer fires until it is cancelled', async (t) => {
  stayAlive(t);
  const clock = new SystemClock();
  let count = 0;
  await new Promise<void>((resolve) => {
    const timer = clock.every(1, () => {
      if (++count < 3) return;
      timer.cancel();
      resolve();
    });
  });
  await new Promise<void>((resolve) => void clock.after(10, resolve));
  assert.equal(count, 3);
});

test('a cancelled timer and one that is weeks away do not fire', async (t) => {
  stayAlive(t);
  const clock = new SystemClock();
  let fired = 0;
  clock.after(1, () => fired++).cancel();
  const far = clock.after(2 ** 40, () => fired++);
  const farPeriod = clock.every(2 ** 40, () => fired++);
  await new Promise<void>((resolve) => void clock.after(20, resolve));
  far.cancel();
  farPeriod.cancel();
  assert.equal(fired, 0);
});

test('waiting timers do not keep the process alive', async () => {
  const script = `
    const { SystemClock } = await import(${JSON.stringify(modulePath)});
    const clock = new SystemClock();
    clock.after(60_000, () => {});
    clock.after(2 ** 40, () => {});
    clock.every(60_000, () => {});
  `;
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
});
