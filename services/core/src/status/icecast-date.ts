/**
 * The two spellings of a moment in Icecast's statistics, always in UTC:
 * `Sun, 22 Nov 2026 13:33:07 +0000` and `2026-11-22T13:33:07+0000`. A time that
 * no calendar holds is given as the epoch.
 */
export function formatIcecastDate(atMs: number): string {
  return safeDate(atMs).toUTCString().replace('GMT', '+0000');
}

export function formatIcecastIsoDate(atMs: number): string {
  return `${safeDate(atMs).toISOString().slice(0, 19)}+0000`;
}

/** Years of more than four digits have a sign in ISO form, so they count as unknown too. */
function safeDate(atMs: number): Date {
  const fits = atMs >= 0 && atMs < Date.UTC(10_000, 0);
  return new Date(fits ? atMs : 0);
}
