import { RateMonitorConfigError } from '../model/config-error.js';
import { oneLine } from '../util/text.js';
import type { ChannelShape } from './channel-shapes.js';

/** Options whose value an error may show. For others it shows only the type, because they may be secret. */
const SHOWN = new Set(['minSeverity', 'mentionRole', 'mentionFrom', 'environment']);

/**
 * The options of a channel, without those that are `undefined` or `null`.
 *
 * @throws RateMonitorConfigError that names the channel, the problem and the remedy, and never contains a secret.
 */
export function checkOptions<T extends object>(channel: string, shape: ChannelShape, options: T): T {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw new RateMonitorConfigError([`${channel} has no options: write new ${channel}({ ... })`]);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value != null));
  const unknown = Object.keys(given)
    .filter((name) => !Object.hasOwn(shape, name))
    .map((name) => `${oneLine(name, 40)} is not an option: write it as the docs spell it`);
  const wrong = Object.entries(shape)
    .filter(([name, { accepts, isRequired }]) => (name in given ? !accepts(given[name]) : isRequired))
    .map(([name, { remedy }]) => `${name} is ${found(name, given[name])}: write ${remedy}`);
  const problems = [...wrong, ...unknown].map((problem) => `${channel}.${problem}`);
  if (problems.length > 0) throw new RateMonitorConfigError(problems);
  return given as T;
}

function found(name: string, value: unknown): string {
  if (SHOWN.has(name) && typeof value === 'string' && value !== '') return `'${oneLine(value, 40)}'`;
  if (value === undefined) return 'missing';
  if (value === '') return 'empty';
  if (typeof value === 'string') return 'a text of another kind';
  if (Array.isArray(value)) return 'another list';
  return typeof value === 'object' ? 'another object' : `a ${typeof value}`;
}
