/** The middle of `values`, and how far they spread. */
export function summary(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return { median: at(sorted, 0.5), lowest: at(sorted, 0), highest: at(sorted, 1) };
}

export function median(values) {
  return summary(values).median;
}

function at(sorted, quantile) {
  if (sorted.length === 0) return NaN;
  const position = (sorted.length - 1) * quantile;
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}
