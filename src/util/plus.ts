/** Below this, 15 digits are finer than any cost that people set; above, halves and quarters are exact anyway. */
const MAX_ROUNDED = 1e9;

/** Adds without binary rounding errors: 100 times 0.07 is 7, not slightly more, so no count exceeds its threshold by a rounding error. */
export function plus(a: number, b: number): number {
  const sum = a + b;
  if (Number.isInteger(sum) || Math.max(a, sum) >= MAX_ROUNDED) return sum;
  // Subtracting leaves fewer correct digits.
  const digits = b < 0 && a > 0 ? 14 - Math.floor(Math.log10(a)) : undefined;
  return digits === undefined ? Number(sum.toPrecision(15)) : Number(sum.toFixed(Math.min(digits, 100))) + 0;
}
