// @ts-check
/**
 * The median of `values`, and the bounds of their middle half.
 *
 * @param {number[]} values
 */
export function summary(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return { median: at(sorted, 0.5), lower: at(sorted, 0.25), upper: at(sorted, 0.75) };
}

/** How likely it is, at least, that the interval contains the true median. */
const CONFIDENT = 0.95;

/**
 * The median of independent `values` and its confidence interval. No distribution is assumed: how many of n values are below the true
 * median is a throw of n coins. It takes six values for 95 %; with fewer, the interval spans all of them.
 *
 * @param {number[]} values
 */
export function confidence(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const n = sorted.length;
  let outside = 0;
  let below = 0;
  for (let chance = 0.5 ** n; below < n / 2; chance *= (n - below) / ++below) {
    outside += 2 * chance;
    if (outside > 1 - CONFIDENT) break;
  }
  const first = Math.max(below - 1, 0);
  return { median: at(sorted, 0.5), lower: sorted[first] ?? NaN, upper: sorted[n - 1 - first] ?? NaN };
}

/** @param {number[]} values */
export function median(values) {
  return summary(values).median;
}

/**
 * @param {number[]} sorted
 * @param {number} quantile
 */
function at(sorted, quantile) {
  if (sorted.length === 0) return NaN;
  const position = (sorted.length - 1) * quantile;
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}
