import { createHash } from 'node:crypto';

import type { RateAlert } from '../../model/rate-alert.js';
import type { Tenant } from '../../model/tenant.js';
import { oneLine } from '../../util/text.js';

/** How a service writes what does not come from here: harmless, and of at most `most` characters. */
export interface Dialect {
  readonly text: (text: string, most: number) => string;
  /** The name of a category. */
  readonly category: (text: string, most: number) => string;
  /** A time, with its date if `spanMs`, what it begins or ends, is long. */
  readonly time: (at: Date, spanMs: number) => string;
  /** A name, with its quotes, as something that stands out in a list. */
  readonly strong: (text: string) => string;
}

/** As many characters as a name, an id and a category may take, if the other words of a title leave less room than that. */
export interface Room {
  readonly name: number;
  readonly id: number;
  readonly category: number;
}

/** Of these no sentence can be made: other ids are quoted. */
const PLAIN_ID = /^[\p{L}\p{N}_.:@/+=~#-]+$/u;
const QUOTES = /["\u00AB\u00BB\u02BA\u02DD\u02EE\u05F4\u201C-\u201F\u2033\u2036\u275D\u275E\u301D-\u301F\u3003\uFF02]/g;
const WINDOW_ROOM = 12;
/** Enough to distinguish an altered id from all others that people meet. */
const MARK_LENGTH = 6;

/** `"Acme" (proj_1)`, or the id alone. The quotes are ours: no name can end them, so none can go on as a sentence of ours. */
export function tenantLabel(tenant: Tenant, dialect: Pick<Dialect, 'text' | 'strong'>, room: Room): string {
  const id = idLabel(tenant.id, dialect, room.id);
  const name = tenant.name === undefined ? '' : oneLine(tenant.name);
  return name === '' || name === tenant.id ? id : `${dialect.strong(quoted(name, dialect, room.name))} (${id})`;
}

/** An id, with a mark if it is not shown as it is: cut, or without something invisible, it could look like another one. */
export function idLabel(id: string, dialect: Pick<Dialect, 'text'>, most: number): string {
  const shown = oneLine(id, most);
  const label = PLAIN_ID.test(shown.replace(/…$/, '')) ? dialect.text(shown, most) : quoted(shown, dialect, most);
  return shown === id ? label : `${label} [altered ${markOf(id)}]`;
}

/** An id outside of sentences, on one line and with the same mark. */
export function shownId(id: string, most: number): string {
  const shown = oneLine(id, most);
  return shown === id ? id : `${shown} [altered ${markOf(id)}]`.trim();
}

export function quoted(text: string, { text: write }: Pick<Dialect, 'text'>, most: number): string {
  return `"${write(text.replace(QUOTES, "'"), most)}"`;
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
