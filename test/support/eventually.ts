/** Waits for a condition that nothing announces, by asking again and again for a bounded time. */
import { setTimeout as sleep } from 'node:timers/promises';

const askEveryMs = 20;

/**
 * The first answer that is neither undefined nor false.
 * @param what for the message when there is none in time
 */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() >= untilMs) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await sleep(askEveryMs);
  }
}
