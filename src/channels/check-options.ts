import { validateSync, type ValidationError } from 'class-validator';

import { RateMonitorConfigError } from '../model/config-error.js';
import { oneLine } from '../util/text.js';

/** The options whose value an error may show. Of the others it shows the kind: they may hold a secret. */
const SHOWN = new Set(['minSeverity', 'mentionRole', 'mentionFrom', 'environment']);

/**
 * What a channel was given, without options that are left `undefined` or `null`: those are options left out.
 *
 * @throws RateMonitorConfigError that names the channel, what is wrong and what to write instead, and never a secret.
 */
export function checkOptions<T extends object>(channel: string, shape: new () => object, options: T): T {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw new RateMonitorConfigError([`${channel} has no options: write new ${channel}({ ... })`]);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value != null)) as T;
  const errors = validateSync(Object.assign(new shape(), given), { whitelist: true, forbidNonWhitelisted: true });
  if (errors.length > 0) throw new RateMonitorConfigError(errors.map((error) => `${channel}.${problem(error)}`));
  return given;
}

function problem({ property, value, constraints = {} }: ValidationError): string {
  const name = oneLine(property, 40);
  if ('whitelistValidation' in constraints) return `${name} is not an option: write it as the docs spell it`;
  const found =
    SHOWN.has(property) && typeof value === 'string' && value !== '' ? `'${oneLine(value, 40)}'` : kindOf(value);
  return `${name} is ${found}: write ${Object.values(constraints)[0] as string}`;
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === '') return 'empty';
  if (typeof value === 'string') return 'a text of another kind';
  if (Array.isArray(value)) return 'another list';
  return typeof value === 'object' ? 'another object' : `a ${typeof value}`;
}
