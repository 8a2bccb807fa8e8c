import { plus } from './plus.js';

it.each([
  [2, 3, 5],
  [0.1, 0.2, 0.3],
  [6.93, 0.07, 7],
  [47.07, -47.06, 0.01],
  [0.3, -0.1 - 0.2, 0],
  [3e-7, -1e-7, 2e-7],
  [0, -0.5, -0.5],
  [0.1, -0.3, -0.2],
  [1e15 + 0.5, -1e15, 0.5],
  // Rounded to 15 digits, it would lose the half.
  [1e15, 0.5, 1e15 + 0.5],
])('plus adds %d and %d to %d', (a, b, sum) => expect(plus(a, b)).toBe(sum));
