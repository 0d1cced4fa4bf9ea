/**
 * Tells a packager that takes a mount over what was told here, where that is more than it knows: the
 * one before may have spoken while the store was slow or away. Of many edges one speaks, as a
 * rule: each waits a moment of its own, and says nothing once it has heard as much from another.
 */
import type { Clock } from '@legacystream/core/clock.ts';
import { decodeHlsMessage, encodeHlsMessage, type HlsTakeover } from '@legacystream/core/hls/hls-message.ts';
import type { HlsWindow } from '@legacystream/core/hls/hls-window.ts';
import { newerWindow } from '@legacystream/core/hls/stored-window.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';

export type TellTakeoverDeps = {
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>;
  readonly clock: Clock;
};

/** Less than half of what the packager waits (ask-followers.ts); the first part is for its subscription to be known everywhere. */
const leastDelayMs = 20;
const mostDelayMs = 100;

/** @returns undefined where there is nothing to tell */
export function tellTakeover(
  { bus, clock }: TellTakeoverDeps,
  subject: string,
  { epoch, knownEpoch, knownRevision }: HlsTakeover,
  window: HlsWindow,
): { cancel(): void } | undefined {
  const { epoch: ourEpoch, revision } = window;
  const isNews = ourEpoch > knownEpoch || (ourEpoch === knownEpoch && revision > knownRevision);
  // A session that is newer than who asks speaks for itself.
  if (!isNews || ourEpoch > epoch) return undefined;
  const cancel = () => {
    timer.cancel();
    subscription.unsubscribe();
  };
  const subscription = bus.subscribe(subject, (data) => {
    const head = decodeHlsMessage(data)?.head;
    if (head?.type === 'window' && newerWindow(head.window, window) === head.window) cancel();
  });
  const delayMs = leastDelayMs + Math.random() * (mostDelayMs - leastDelayMs);
  const timer = clock.after(delayMs, () => {
    cancel();
    bus.publish(subject, encodeHlsMessage({ type: 'window', window }));
  });
  return { cancel };
}
