/**
 * The machine's clock. Its timers never keep the process alive, and delays beyond the
 * 2^31 − 1 ms that a Node timer can hold are waited out in turns instead of firing at once.
 */
import type { Clock, Timer } from '@legacystream/core/clock.ts';

const maxDelayMs = 0x7fffffff;

export class SystemClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, fn: () => void): Timer {
    let handle: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      handle =
        leftMs > maxDelayMs
          ? setTimeout(() => wait(leftMs - maxDelayMs), maxDelayMs)
          : setTimeout(fn, Math.max(0, leftMs));
      handle.unref();
    };
    wait(delayMs);
    return { cancel: () => clearTimeout(handle) };
  }

  every(periodMs: number, fn: () => void): Timer {
    const handle = setInterval(fn, Math.min(Math.max(1, periodMs), maxDelayMs));
    handle.unref();
    return { cancel: () => clearInterval(handle) };
  }
}
