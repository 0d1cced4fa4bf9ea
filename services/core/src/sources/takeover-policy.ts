/**
 * Whether the source on air makes way for a newcomer with valid credentials (design §8).
 * Pure: the owner of the mount asks it.
 *
 *  - `reject`: never, while it is connected.
 *  - `auto`: only when it has been silent long enough to be a ghost, a half-open
 *    connection whose encoder is the very newcomer.
 *  - `replace`: always, except that two encoders that throw each other off in turns are
 *    slowed down: a source that came by replacing another is safe for a while, and for
 *    twice as long after each further replacement.
 *  - `standby`: the newcomer waits hot instead of asking (owner-watch.ts); one that asks all
 *    the same, from a pod that is configured otherwise, is answered as by `auto`.
 */
export const takeoverPolicies = ['auto', 'replace', 'reject', 'standby'] as const;
export type TakeoverPolicy = (typeof takeoverPolicies)[number];

export type TakeoverFacts = {
  readonly policy: TakeoverPolicy;
  /** Since the source on air last delivered a byte. */
  readonly silentMs: number;
  /** Since the source on air was admitted. */
  readonly onAirMs: number;
  /** How often, without a calm spell, a source of this mount replaced another, this one included. */
  readonly replacements: number;
};

export const ghostAfterMs = 2_000;
const guardBaseMs = 5_000;
const guardMaxMs = 300_000;
/** After this long on air a replacement no longer counts as part of a fight. */
export const calmSpellMs = 600_000;

export function yieldsTo(facts: TakeoverFacts): boolean {
  if (facts.policy === 'reject') return false;
  if (facts.silentMs >= ghostAfterMs) return true;
  if (facts.policy !== 'replace') return false;
  if (facts.replacements === 0) return true;
  const guardMs = Math.min(guardMaxMs, guardBaseMs * 2 ** (facts.replacements - 1));
  return facts.onAirMs >= guardMs;
}
