import { createHash } from 'node:crypto';

import type { RateAlert } from '../../model/rate-alert.js';
import type { Tenant } from '../../model/tenant.js';
import { oneLine } from '../../util/text.js';
import { plainText } from './safe-text.js';

/** Makes foreign text harmless for a service, with at most `most` characters. */
export interface Dialect {
  readonly text: (text: string, most: number) => string;
  /** The name of a category. */
  readonly category: (text: string, most: number) => string;
  /** A time, with its date if the span that it begins or ends (`spanMs`) is long. */
  readonly time: (at: Date, spanMs: number) => string;
  /** A name with its quotes, highlighted in a list. */
  readonly strong: (text: string) => string;
}

/** For services that show a text as it is, and for the log. */
export const PLAIN = {
  text: plainText,
  category: plainText,
  strong: (text: string): string => text,
} as const satisfies Partial<Dialect>;

/** The lengths of a name, an id and a category in a title with little room. */
export interface Room {
  readonly name: number;
  readonly id: number;
  readonly category: number;
}

/** Ids that cannot be read as part of a sentence; others are quoted. */
const PLAIN_ID = /^[\p{L}\p{N}_.:@/+=~#-]+$/u;
/** What looks like a double quote, two single ones too. */
const QUOTES =
  /["\u00AB\u00BB\u02BA\u02DD\u02EE\u05F4\u201C-\u201F\u2033\u2034\u2036\u2037\u2057\u275D\u275E\u2E42\u301D-\u301F\u3003\uFF02\u{1F676}-\u{1F678}]|['`\u00B4\u02B9-\u02BD\u02C8\u2018-\u201B\u2032\u2035\uFF07]{2,}/gu;
const SEVERAL = /'{2,}/g;
const WINDOW_ROOM = 12;
/** Long enough to tell an altered id from others. */
const MARK_LENGTH = 6;

/** `"Acme" (proj_1)`, or the id alone. A name cannot close the quotes, so it cannot continue our sentence. */
export function tenantLabel(tenant: Tenant, dialect: Pick<Dialect, 'text' | 'strong'>, room: Room): string {
  const id = idLabel(tenant.id, dialect, room.id);
  const name = tenant.name === undefined ? '' : oneLine(tenant.name);
  return name === '' || name === tenant.id ? id : `${dialect.strong(quoted(name, dialect, room.name))} (${id})`;
}

/** An id, with a mark if it was shortened or cleaned, because it could then look like another one. */
export function idLabel(id: string, dialect: Pick<Dialect, 'text'>, most: number): string {
  const shown = oneLine(id, most);
  const label = PLAIN_ID.test(shown.replace(/…$/, '')) ? dialect.text(shown, most) : quoted(shown, dialect, most);
  return shown === id ? label : `${label} [altered ${markOf(id)}]`;
}

/** An id outside sentences, on one line, with the same mark. */
export function shownId(id: string, most: number): string {
  const shown = oneLine(id, most);
  return shown === id ? id : `${shown} [altered ${markOf(id)}]`.trim();
}

export function quoted(text: string, { text: write }: Pick<Dialect, 'text'>, most: number): string {
  return `"${write(text.replace(QUOTES, "'").replace(SEVERAL, "'"), most)}"`;
}

/** `llm_call`, or `llm_call day` if the category has several windows. */
export function categoryLabel(
  { category, window }: Pick<RateAlert, 'category' | 'window'>,
  dialect: Pick<Dialect, 'text' | 'category'>,
  most: number,
): string {
  if (!window) return dialect.category(category, most);
  return `${dialect.category(category, most - WINDOW_ROOM - 1)} ${dialect.text(window, WINDOW_ROOM)}`;
}

/** Where the app runs: `api, production`. */
export function placeOf(alert: RateAlert, environment: string | undefined, { text }: Pick<Dialect, 'text'>): string {
  const parts = [alert.service, environment ?? alert.environment];
  return parts
    .map((part) => (part ? text(part, 60) : ''))
    .filter(Boolean)
    .join(', ');
}

function markOf(id: string): string {
  return `#${createHash('sha256').update(id, 'utf16le').digest('hex').slice(0, MARK_LENGTH)}`;
}
