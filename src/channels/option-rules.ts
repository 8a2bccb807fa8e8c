import { RateMonitorConfigError } from '../model/config-error.js';
import { isSeverity } from '../model/level.js';
import { optionProblems } from '../util/option-names.js';
import { shownOption } from '../util/text.js';
import { isHttpUrl, isPrivate } from '../util/http-url.js';
import { isFunction, isString, listOf, type Test } from '../util/shapes.js';
import { isSecret } from './webhook/signature.js';

/**
 * Which values a channel option accepts, and what to write instead. Checked when a channel is constructed, often long before the boot, and
 * so without class-validator, which is loaded only at boot.
 */
interface OptionRule {
  readonly accepts: Test;
  readonly remedy: string;
  readonly isRequired?: true;
}

/** The options of a channel by name. */
type OptionRules = Readonly<Record<string, OptionRule>>;

const matches =
  (pattern: RegExp): Test =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const isCategories: Test = (value) => listOf(isString)(value) && (value as unknown[]).length > 0;

export const FILTER_RULES: OptionRules = {
  minSeverity: { accepts: isSeverity, remedy: "'info', 'warning' or 'critical', or leave it out for all" },
  categories: {
    accepts: isCategories,
    remedy: "a list of categories such as ['llm_call'], or leave it out for all",
  },
};

const isSecretUrl: Test = (value) => isHttpUrl(value) && isPrivate(value);
const HEADERS: OptionRule = {
  accepts: isHeaders,
  remedy: "an object such as { authorization: 'Bearer ...' } of header names and values",
};

/** For receivers that may be in the same network. */
const URL_RULES: OptionRules = {
  ...FILTER_RULES,
  url: {
    accepts: isHttpUrl,
    remedy: 'the whole address, beginning with https:// and with no user name or password in it',
    isRequired: true,
  },
};

export const MESSAGE_RULES: OptionRules = {
  ...FILTER_RULES,
  url: {
    accepts: isSecretUrl,
    remedy: 'the whole address of the webhook, beginning with https:// and with no user name or password in it',
    isRequired: true,
  },
  environment: {
    accepts: matches(/\S/),
    remedy: "a name such as 'production', or leave it out for the environment of the alert",
  },
  link: { accepts: isFunction, remedy: 'a function of the alert that returns an address' },
};

export const DISCORD_RULES: OptionRules = {
  ...MESSAGE_RULES,
  mentionRole: { accepts: matches(/^\d{1,21}$/), remedy: "the role's id, digits only and in quotes, or leave it out" },
  mentionFrom: { accepts: isSeverity, remedy: "'info', 'warning' or 'critical', or leave it out for 'warning'" },
  threadName: {
    accepts: (value) => isFunction(value) || matches(/\S/)(value),
    remedy: 'a name, or a function of the alert that returns one, or leave it out',
  },
};

export const WEBHOOK_RULES: OptionRules = {
  ...URL_RULES,
  secret: {
    accepts: isSecret,
    remedy:
      'whsec_ and 24 to 64 random bytes in base64, or a string of 24 characters or more, or a list of them, or leave it out to send unsigned',
  },
  headers: HEADERS,
};

export const ALERTMANAGER_RULES: OptionRules = { ...URL_RULES, headers: HEADERS };

export const PAGERDUTY_RULES: OptionRules = {
  ...FILTER_RULES,
  routingKey: {
    accepts: matches(/^[A-Za-z0-9]{32}$/),
    remedy: 'the integration key of an Events API v2 integration, 32 letters and digits',
    isRequired: true,
  },
  url: { accepts: isSecretUrl, remedy: 'an address beginning with https://, or leave it out' },
};

/** Options whose value an error may show. Others may be secret, so the error shows only their type. */
const SHOWN = new Set(['minSeverity', 'mentionRole', 'mentionFrom', 'environment']);

/**
 * Checks the options of a channel, and returns them without those that are `undefined` or `null`.
 *
 * @throws RateMonitorConfigError that names the channel, the problem and the fix, and never contains a secret.
 */
export function checkOptions<T extends object>(channel: string, rules: OptionRules, options: T): T {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw new RateMonitorConfigError([`${channel} has no options: write new ${channel}({ ... })`]);
  const entries = Reflect.ownKeys(options).map((key) => [String(key), Reflect.get(options, key) as unknown] as const);
  const given: Record<string, unknown> = Object.fromEntries(entries.filter(([, value]) => value != null));
  const unknown = optionProblems(given, Object.keys(rules));
  const wrong = Object.entries(rules)
    .filter(([name, { accepts, isRequired }]) => (name in given ? !accepts(given[name]) : isRequired))
    .map(([name, { remedy }]) => `${name} is ${found(name, given[name])}: write ${remedy}`);
  const problems = [...wrong, ...unknown].map((problem) => `${channel}.${problem}`);
  if (problems.length > 0) throw new RateMonitorConfigError(problems);
  return given as T;
}

function found(name: string, value: unknown): string {
  if (SHOWN.has(name) && typeof value === 'string' && value !== '') return `'${shownOption(value)}'`;
  if (value === undefined) return 'missing';
  if (value === '') return 'empty';
  return typeof value === 'string' || typeof value === 'object' ? 'not in the expected form' : `a ${typeof value}`;
}

/** Whether fetch accepts these headers. Checked here because fetch's own error would show the value. */
function isHeaders(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (!Object.values(value).every((part) => typeof part === 'string')) return false;
  try {
    new Headers(value as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
