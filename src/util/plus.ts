/** Up to here 15 digits are finer than any cost that people set; beyond, halves and quarters are exact as they are. */
const MAX_ROUNDED = 1e9;

/** Adds without binary rounding errors: 100 times 0.07 is 7, not slightly more, so that no count exceeds its threshold by such an error. */
export function plus(a: number, b: number): number {
  const sum = a + b;
  if (Number.isInteger(sum) || Math.max(a, sum) >= MAX_ROUNDED) return sum;
  // What is left after a subtraction has fewer digits that are right.
  const digits = b < 0 && a > 0 ? 14 - Math.floor(Math.log10(a)) : undefined;
  return digits === undefined ? Number(sum.toPrecision(15)) : Number(sum.toFixed(Math.min(digits, 100))) + 0;
}
