/** What sources ask whoever has a mount, over the bus. */
import { decodeReply, encodeMessage, type OwnerReply } from '@legacystream/core/bus/requests.ts';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';

const askOwnerTimeoutMs = 1_000;
/** Sources that wait find out together that a mount is free: without the store, who comes first within this has it. */
const raceMs = 100;
const findOwnerTimeoutMs = 100;

type AskDeps = {
  readonly bus: Pick<Bus, 'connected' | 'request'>;
  readonly clock: Clock;
  readonly subjects: Subjects;
};

/**
 * Requests to one session, not to whoever has the mount: after a pod has frozen, what still
 * stands for it on the bus must not be taken for the session that followed it. No mountId
 * has the tilde.
 */
export function sessionSubject(subjects: Subjects, mountId: string, epoch: number): string {
  return subjects.owner(`${mountId}~${epoch}`);
}

/** Asks whoever has a mount to make way. @returns undefined when there is nobody to answer any more */
export async function askOwner(deps: AskDeps, mountId: string): Promise<OwnerReply | undefined> {
  try {
    const request = encodeMessage({ op: 'takeover' });
    return decodeReply<OwnerReply>(
      await deps.bus.request(deps.subjects.owner(mountId), request, askOwnerTimeoutMs),
    );
  } catch {
    return undefined;
  }
}

/** The epoch of whoever has a mount, as told over the bus; one that was mute before is not there when it does not answer. */
export async function findOwner(
  deps: AskDeps,
  mountId: string,
  isMute: boolean,
): Promise<number | 'none' | 'unclear'> {
  // Without the bus nobody could hear the source, and nobody could say that he has the mount.
  if (!deps.bus.connected) return 'unclear';
  // All who wait ask now: the first has the mount, and the others are told so.
  await new Promise<void>((resolve) => deps.clock.after(Math.random() * raceMs, resolve));
  try {
    const request = encodeMessage({ op: 'standby' });
    const answer = await deps.bus.request(deps.subjects.owner(mountId), request, findOwnerTimeoutMs);
    const reply = decodeReply<OwnerReply>(answer);
    return reply.ok ? 'none' : (reply.epoch ?? 'unclear');
  } catch (error) {
    const code = error instanceof LegacyStreamError ? error.code : undefined;
    return code === 'LS_BUS_NO_RESPONDER' || (isMute && code === 'LS_BUS_TIMEOUT') ? 'none' : 'unclear';
  }
}
