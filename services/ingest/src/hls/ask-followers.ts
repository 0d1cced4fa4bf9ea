/**
 * What edges were told of a rendition beyond what the store has of it: the packager before may
 * have spoken while the store was slow or away for it (hls-journal.ts), and a number that it
 * gave out must not be given out again. From the question on they listen to nothing that is
 * older than who asks, so that what they answer is the last of it.
 */
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock } from '@legacystream/core/clock.ts';
import { decodeHlsMessage, encodeHlsMessage, type HlsTakeover } from '@legacystream/core/hls/hls-message.ts';
import type { HlsWindow } from '@legacystream/core/hls/hls-window.ts';
import { newerWindow } from '@legacystream/core/hls/stored-window.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';

export type AskFollowersDeps = {
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>;
  readonly clock: Clock;
  readonly subjects: Pick<Subjects, 'hls' | 'hlsTold'>;
};

/** Edges answer after 100 ms at most; one that collects its garbage meanwhile a little later. */
const answersMs = 250;

/** @returns the newest window that was told, or `known` where nobody knows of more; after 250 ms */
export async function askFollowers(
  { bus, clock, subjects }: AskFollowersDeps,
  rendition: { readonly mountId: string; readonly name: string },
  epoch: number,
  known: HlsWindow | undefined,
): Promise<HlsWindow | undefined> {
  const { mountId, name } = rendition;
  let newest = known;
  const subscription = bus.subscribe(subjects.hlsTold(mountId, name), (data) => {
    const head = decodeHlsMessage(data)?.head;
    if (head?.type === 'window' && head.window.epoch <= epoch) newest = newerWindow(newest, head.window);
  });
  const { epoch: knownEpoch = 0, revision: knownRevision = 0 } = known ?? {};
  const question: HlsTakeover = { type: 'takeover', epoch, knownEpoch, knownRevision };
  bus.publish(subjects.hls(mountId, name), encodeHlsMessage(question));
  await new Promise<void>((resolve) => clock.after(answersMs, resolve));
  subscription.unsubscribe();
  return newest;
}
