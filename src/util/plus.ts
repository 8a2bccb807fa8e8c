/** Up to here 15 digits are finer than any cost that people set; beyond, halves and quarters are exact as they are. */
const MAX_ROUNDED = 1e9;

/** Adds without binary rounding errors: 100 times 0.07 is 7, not slightly more, so that no count exceeds its threshold by such an error. */
export function plus(a: number, b: number): number {
  const sum = a + b;
  return Number.isInteger(sum) || sum >= MAX_ROUNDED ? sum : Number(sum.toPrecision(15));
}
