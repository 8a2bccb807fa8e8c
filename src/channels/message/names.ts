import type { RateAlert } from '../../model/rate-alert.js';
import { idLabel, quoted, type Writer } from '../../util/shown-names.js';
import type { Tenant } from '../../model/tenant.js';
import { oneLine } from '../../util/text.js';
import { plainText } from './safe-text.js';

/** How to write text for a service: foreign text becomes harmless, and has at most `most` characters. */
export interface Dialect {
  readonly text: Writer;
  /** The name of a category. */
  readonly category: Writer;
  /** A time, with its date if the span that it starts or ends (`spanMs`) is long. */
  readonly time: (at: Date, spanMs: number) => string;
  /** A quoted name, highlighted in a list. */
  readonly strong: (text: string) => string;
}

/** For the log, and for services that show text unchanged. */
export const PLAIN = {
  text: plainText,
  category: plainText,
  strong: (text: string): string => text,
} as const satisfies Partial<Dialect>;

/** Maximum lengths of a name, an id and a category in a title with little room. */
export interface Room {
  readonly name: number;
  readonly id: number;
  readonly category: number;
}

const WINDOW_ROOM = 12;

/** `"Acme" (proj_1)`, or the id alone. A name cannot close the quotes, so it cannot continue our sentence. */
export function tenantLabel(tenant: Tenant, dialect: Pick<Dialect, 'text' | 'strong'>, room: Room): string {
  const id = idLabel(tenant.id, room.id, dialect.text);
  const name = tenant.name === undefined ? '' : oneLine(tenant.name);
  return name === '' || name === tenant.id ? id : `${dialect.strong(quoted(name, room.name, dialect.text))} (${id})`;
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
