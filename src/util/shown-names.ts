import { createHash } from 'node:crypto';

import { oneLine } from './text.js';

/** Formats a text for the log or a service, in at most `most` characters. */
export type Writer = (text: string, most: number) => string;

/** Ids that cannot blend into a sentence; others are quoted. */
const PLAIN_ID = /^[\p{L}\p{N}_.:@/+=~#-]+$/u;
/** What looks like a double quote, including two single quotes. */
const QUOTES =
  /["\u00AB\u00BB\u02BA\u02DD\u02EE\u05F4\u201C-\u201F\u2033\u2034\u2036\u2037\u2057\u275D\u275E\u2E42\u301D-\u301F\u3003\uFF02\u{1F676}-\u{1F678}]|['`\u00B4\u02B9-\u02BD\u02C8\u2018-\u201B\u2032\u2035\uFF07]{2,}/gu;
const SEVERAL = /'{2,}/g;
/** The label of all that have none of their own. */
export const OTHER = 'other';
/** What could pass for that label, or for one that {@link unlikeOther} made. */
const LIKE_OTHER = /^other( \[\w+\])*$/;
/** Long enough to tell altered ids apart. */
const MARK_LENGTH = 6;

/**
 * An id for use in a sentence: in quotes if it could blend into it, and marked if shortened or cleaned, because it could then look like
 * another id.
 */
export function idLabel(id: string, most: number, write: Writer = oneLine): string {
  const shown = oneLine(id, most);
  const text = withoutQuotes(shown);
  const label = write(text, most);
  const isPlain = text === shown && PLAIN_ID.test(shown.replace(/…$/, ''));
  // Escaped for a service, it may no longer fit.
  const isExact = text === id && label === write(text, Infinity);
  return `${isPlain ? label : `"${label}"`}${isExact ? '' : ` [altered ${markOf(id)}]`}`;
}

/** An id that stands alone, on one line, with the same mark. */
export function shownId(id: string, most: number): string {
  const shown = oneLine(id, most);
  // An id that ends as a mark does would pass for the one that has the mark.
  return shown === id && !id.includes('[altered #') ? id : `${shown} [altered ${markOf(id)}]`.trim();
}

/** A name in quotes that the name itself cannot close. */
export function quoted(text: string, most: number, write: Writer = oneLine): string {
  return `"${write(withoutQuotes(text), most)}"`;
}

function withoutQuotes(text: string): string {
  return text.replace(QUOTES, "'").replace(SEVERAL, "'");
}

function markOf(id: string): string {
  return `#${createHash('sha256').update(id, 'utf16le').digest('hex').slice(0, MARK_LENGTH)}`;
}

/** A label of its own for somebody who is called like the rest, or nobody could tell them apart: `other [id]`. */
export function unlikeOther(label: string, kind: 'id' | 'name'): string {
  return LIKE_OTHER.test(label) ? `${label} [${kind}]` : label;
}
