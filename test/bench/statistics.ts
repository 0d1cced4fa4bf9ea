/** The few statistics that the benchmarks report. All of them answer 0 for no values at all. */
export function median(values: readonly number[]): number {
  const sorted = toSorted(values);
  const middle = sorted.length >>> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return sorted.length === 0 ? 0 : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The smallest value that is no less than `share` of all of them. @param share from 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = toSorted(values);
  const rank = Math.ceil(share * sorted.length);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1] ?? 0;
}

export type Distribution = { readonly p50: number; readonly p99: number; readonly max: number };

export function distribution(values: readonly number[]): Distribution {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99), max: percentile(values, 1) };
}

export type Spread = { readonly min: number; readonly max: number; readonly rounds: readonly number[] };

export function spread(values: readonly number[]): Spread {
  return { min: percentile(values, 0), max: percentile(values, 1), rounds: values };
}

/** Growth per unit of `x`: the line with the least squares through the points. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const meanX = mean(([x]) => x);
  const meanY = mean(([, y]) => y);
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return variance === 0 ? 0 : covariance / variance;
}

/** To so many significant digits, as figures are worth no more. */
export function rounded(value: number, digits = 4): number {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : 0;
}

function toSorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
