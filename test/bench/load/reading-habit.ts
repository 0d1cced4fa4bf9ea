/**
 * How a listener reads: a player takes everything as it comes, a slow line takes less than
 * the stream has, a sleeper takes nothing for a while and then everything, and a frozen one
 * stops for good once it is on air.
 */
export type ReadingHabit =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  | { readonly kind: 'stutter'; readonly readMs: number; readonly pauseMs: number };

/** Until when a listener must not read after it has read so much: 0 for at once, infinity for never. */
export function pauseUntilMs(habit: ReadingHabit, nowMs: number, startedMs: number, bytes: number): number {
  switch (habit.kind) {
    case 'all':
      return 0;
    case 'none':
      return Number.POSITIVE_INFINITY;
    case 'slow':
      return nowMs + (bytes / habit.bytesPerSecond) * 1_000;
    case 'stutter': {
      const lapMs = habit.readMs + habit.pauseMs;
      const inLapMs = (nowMs - startedMs) % lapMs;
      return inLapMs < habit.readMs ? 0 : nowMs + lapMs - inLapMs;
    }
  }
}
