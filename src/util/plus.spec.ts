import { plus } from './plus.js';

it.each([
  [2, 3, 5],
  [0.1, 0.2, 0.3],
  [6.93, 0.07, 7],
  // Rounded to 15 digits, it would lose the half.
  [1e15, 0.5, 1e15 + 0.5],
])('plus adds %d and %d to %d', (a, b, sum) => expect(plus(a, b)).toBe(sum));
