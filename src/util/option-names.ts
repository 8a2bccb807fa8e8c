import { meantName } from './meant-name.js';
import type { WarnOnce } from './warn-once.js';
import { isRecord } from './shapes.js';
import { kindOf, shownOption } from './text.js';

/** What is said about a name that is no option. What to write follows. */
export const NOT_AN_OPTION = 'not an option';

/** An object that was never meant as options may have a hundred thousand names, and a search for what was meant takes time for each. */
const MAX_NAMED = 10;

/** The names in `given` that are none of `names`, the first ten at most. A symbol never is. */
export function unknownNames(given: object, names: readonly string[]): string[] {
  return Reflect.ownKeys(given)
    .map(String)
    .filter((name) => !names.includes(name))
    .slice(0, MAX_NAMED);
}

/** What to write instead of a name that is no option: the one that was probably meant, else one of all. */
export function insteadOf(unknown: string, names: readonly string[]): string {
  return meantName(unknown, names) ?? (names.length > 1 ? 'one of ' : '') + names.join(', ');
}

/**
 * Why `given` cannot be taken for options: what is said if it is no object, or about each of its names that is no option.
 *
 * @param of - Whose options they are, if the place of the error does not say it.
 */
export function optionProblems(given: unknown, names: readonly string[], of = ''): string[] {
  const owner = of && ` of ${of}`;
  if (!isRecord(given)) return [`the options${owner} are ${kindOf(given)}: write an object with ${names.join(', ')}`];
  return unknownNames(given, names).map((name) => {
    const remedy = names.length > 0 ? `write ${insteadOf(name, names)}` : 'leave it out';
    return `${shownOption(name) || "''"} is ${NOT_AN_OPTION}${owner}: ${remedy}`;
  });
}

/** @throws TypeError if `given` is no object, or has an option that is none of `names`. */
export function checkNames(given: unknown, names: readonly string[], of?: string): void {
  const [problem] = optionProblems(given, names, of);
  if (problem !== undefined) throw new TypeError(problem);
}

/** The same where nothing may throw: logs the problem once. */
export function warnOfNames(once: WarnOnce, given: unknown, names: readonly string[], of: string): void {
  // Most calls have no options, and some run for each message.
  if (given === undefined || given === null) return;
  const [problem] = optionProblems(given, names, of);
  if (problem !== undefined) once.warn('options', () => `${problem}. Until then it has no effect`, problem);
}
