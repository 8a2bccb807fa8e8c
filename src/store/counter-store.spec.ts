import { isCount } from './counter-store.js';

it.each([0, 1, 0.5, 1e300, -0.000_001, -0.999])('%p can be a count', (value) => expect(isCount(value)).toBe(true));

it.each([-1, -2, NaN, Infinity, -Infinity, '1', null, undefined])('%p cannot be a count', (value) =>
  expect(isCount(value as number)).toBe(false),
);
