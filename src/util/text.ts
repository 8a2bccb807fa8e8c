import { isRecord } from './shapes.js';

/** Control characters, line separators and whitespace of any kind; a run of them becomes one space. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}\s]+/gu;
/** Invisible characters and those that reverse the text: they could hide a word, or make two names look the same. */
const UNSEEN = /[\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800\u{1D159}]/gu;
/** More combining marks on a letter than any script needs: they would spill over the lines above and below. */
const STACKED = /(\p{M}{8})\p{M}+/gu;
/** Redis echoes the arguments of an unknown command: a key with a tenant's id, a record, or a whole script. */
const ARGUMENTS = /,? with args beginning with:.*/s;
/** ioredis's errors for commands, including its own, that a lost connection cut off. They do not say why it was lost. */
export const CUT_OFF = /isn't writeable|connection is closed|max retries per request/i;
/** How much of a text is searched for addresses: more than is shown, so that a cut never leaves half of one. */
const MAX_SEARCHED = 2_000;
/** Words of this length with a digit in them are keys, tokens or passwords, more often than anything that is meant as an option. */
const LENGTH_OF_KEYS = 20;
/** How many keys of a refused command are named. */
const MAX_KEYS = 3;

/** `text` on one line, without invisible characters, cut to `most` characters: for a log line or a title. */
export function oneLine(text: string, most = 200): string {
  // Cut before cleaning, so that a very long text costs no more than a short one.
  const clean = text
    .slice(0, most * 2)
    .replace(UNSEEN, '')
    .replace(BREAKS, ' ')
    .replace(STACKED, '$1')
    .trim();
  if (clean.length <= most && text.length <= most * 2) return clean;
  return `${clean.slice(0, most - 1).replace(/\p{Cs}/u, '')}…`;
}

/** Whether it is or holds an address, or a user and password as in one: `me:secret@host`. */
export function holdsAddress(text: string): boolean {
  const colon = text.indexOf(':');
  return text.includes('://') || (colon >= 0 && colon < text.lastIndexOf('@'));
}

/** {@link oneLine} of a text that may hold addresses, which are left out: they may be secret, or have a password. */
export function withoutAddresses(text: string): string {
  return withWords(text, 200, (word) => (holdsAddress(word) ? '(an address)' : word));
}

/** A name or value that was written as an option, for an error about it. What may be a secret in the wrong place shows its beginning only. */
export function shownOption(text: string): string {
  return withWords(text, 40, (word) => {
    if (holdsAddress(word)) return '(an address)';
    return word.length >= LENGTH_OF_KEYS && /\d/.test(word) ? `${word.slice(0, 3)}… (${word.length} characters)` : word;
  });
}

/** A name that a caller gave who may have no types: an option's, or what stands in its place. */
export function shownName(name: unknown): string {
  return typeof name === 'string' ? `'${shownOption(name)}'` : kindOf(name);
}

function withWords(text: string, most: number, write: (word: string) => string): string {
  // Cleaned first, or invisible characters could split a word.
  return oneLine(oneLine(text, MAX_SEARCHED).replace(/\S+/g, write), most);
}

/** Whether `text` has invisible characters, which {@link oneLine} leaves out. */
export function hasUnseen(text: string): boolean {
  return text.search(UNSEEN) >= 0;
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Copies a string, because a substring of a header keeps the whole header in memory. */
export function copied(text: string): string {
  const copy = Buffer.from(text).toString();
  // UTF-8 cannot encode half of a surrogate pair.
  return copy === text ? copy : Buffer.from(text, 'utf16le').toString('utf16le');
}

/** What went wrong, on one line and without addresses. Never throws, even if the app threw a value that cannot be converted to a string. */
export function reasonOf(error: unknown): string {
  try {
    const text = isError(error) && error.message !== '' ? error.message : String(error);
    return withoutAddresses(text.replace(ARGUMENTS, ''));
  } catch {
    return 'an error without a message';
  }
}

/** What Redis says if its user lacks a right, also to a command of a script. */
export const NO_RIGHT = /NOPERM|can't run this command/;
export const GRANT_RIGHTS = 'Grant its user the rights that the docs list under "The least rights"';

/**
 * {@link reasonOf} an error of our own connection to the store, with the remedy. If a key holds another type, it names the keys of the
 * command, because Redis does not. Not for errors of the app's functions, whose keys may be secret.
 */
export function storeReasonOf(error: unknown): string {
  const reason = reasonOf(error);
  if (CUT_OFF.test(reason)) return 'there is no connection';
  if (NO_RIGHT.test(reason)) return `${reason}. ${GRANT_RIGHTS}`;
  if (!reason.includes('WRONGTYPE')) return reason;
  const { name, args } = Object((Object(error) as { command?: unknown }).command) as Record<string, unknown>;
  // A store of the app may have errors of another shape.
  if (!Array.isArray(args)) return reason;
  // The arguments of a script: its hash or text, the number of its keys, and these.
  const keys: unknown[] = String(name).startsWith('eval') ? args.slice(2, 2 + Number(args[1])) : args.slice(0, 1);
  const named = keys.slice(0, MAX_KEYS).map((key) => `DEL ${oneLine(String(key))}`);
  const more = keys.length > MAX_KEYS ? ', …' : '';
  return `${reason}. Set a keyPrefix that nothing else uses, or delete what is of the wrong type: ${named.join(', ')}${more}`;
}

/** Also of another realm, such as a sandbox: there `instanceof` fails. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}

/** The kind of a value, for an error about it: `a string`, `a list`, `an object (Map)`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  try {
    if (value instanceof Date && Number.isNaN(value.getTime())) return 'an invalid date';
    if (Array.isArray(value)) return 'a list';
    return isRecord(value)
      ? 'an object'
      : `an object (${oneLine(Object.prototype.toString.call(value).slice(8, -1), 40)})`;
  } catch {
    // A revoked proxy.
    return 'an object that cannot be read';
  }
}

/** A number as it is; of anything else only the kind, because it may be a misplaced secret. */
export function numberOrKind(value: unknown): string {
  return typeof value === 'number' ? String(value) : kindOf(value);
}

/** A duration for people, in one or two units: `250 ms`, `90 s`, `5 min`, `24 h`, `7 days`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000 && ms !== 60_000) return `${Math.round(ms / 100) / 10} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return inUnits(seconds, 60, 'min', 's');
  const minutes = Math.round(seconds / 60);
  return minutes < 48 * 60 ? inUnits(minutes, 60, 'h', 'min') : inUnits(Math.round(minutes / 60), 24, 'days', 'h');
}

function inUnits(amount: number, perUnit: number, unit: string, rest: string): string {
  const left = amount % perUnit;
  return `${Math.floor(amount / perUnit)} ${unit}${left > 0 ? ` ${left} ${rest}` : ''}`;
}

/** A moment for people: `2026-01-01 12:00:00 UTC`. */
export function moment(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `1 alert`, `2 alerts`, `5,000 alerts`. */
export function plural(count: number, one: string, several = `${one}s`): string {
  return `${amountOf(count)} ${count === 1 ? one : several}`;
}

/** A count or cost, rounded for people: `47`, `5,000`, `0.125`. Only 0 is shown as 0. */
export function amountOf(count: number): string {
  // With an exponent below a millionth: written out, the smallest number has 324 decimals.
  if (count < 0.001) return String(Number(count.toPrecision(2)));
  // Larger numbers have no decimals and too many digits.
  return count < 1e15 ? count.toLocaleString('en-US') : count.toPrecision(6);
}
