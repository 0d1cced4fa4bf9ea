/**
 * How long something has been going on, in the two largest units: `3 d 4 h`,
 * `2 h 14 min`, `5 min`, `under 1 min`. status-page.js spells it the same way.
 */
export function describeDuration(durationMs: number): string {
  const minutes = Number.isFinite(durationMs) ? Math.max(0, Math.floor(durationMs / 60_000)) : 0;
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : 'under 1 min';
}
