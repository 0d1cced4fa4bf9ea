/** How broken rules are told: the rule, the clause of the protocol reference (§6) and what was seen. */

/** What six decimals can hide in one number. */
export const roundingS = 1e-5;
export type Say = (rule: string, clause: string, detail: string) => void;

export function collect(check: (say: Say) => void): readonly string[] {
  const found: string[] = [];
  check((rule, clause, detail) => found.push(`${rule} (${clause}): ${detail}`));
  return found;
}

export const sum = (items: readonly { readonly durationS: number }[]) =>
  items.reduce((total, { durationS }) => total + durationS, 0);
