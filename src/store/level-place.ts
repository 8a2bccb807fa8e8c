import type { Levels } from '../model/level.js';

/** The place of the highest level whose value is `at` or less: 1 for the first, 0 for none. */
export function levelPlace({ steps }: Levels, at: number): number {
  let place = 0;
  while (place < steps.length && (steps[place] as { at: number }).at <= at) place++;
  return place;
}

/** The value of the level at a place; 0 for none. */
export function placeAt({ steps }: Levels, place: number): number {
  return steps[place - 1]?.at ?? 0;
}
