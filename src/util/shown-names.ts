import { createHash } from 'node:crypto';

import { oneLine } from './text.js';

/** Writes a text for the log or a service, with at most `most` characters. */
export type Writer = (text: string, most: number) => string;

/** Ids that cannot be read as part of a sentence; others are quoted. */
const PLAIN_ID = /^[\p{L}\p{N}_.:@/+=~#-]+$/u;
/** What looks like a double quote, two single ones too. */
const QUOTES =
  /["\u00AB\u00BB\u02BA\u02DD\u02EE\u05F4\u201C-\u201F\u2033\u2034\u2036\u2037\u2057\u275D\u275E\u2E42\u301D-\u301F\u3003\uFF02\u{1F676}-\u{1F678}]|['`\u00B4\u02B9-\u02BD\u02C8\u2018-\u201B\u2032\u2035\uFF07]{2,}/gu;
const SEVERAL = /'{2,}/g;
/** Long enough to tell an altered id from others. */
const MARK_LENGTH = 6;

/**
 * An id, quoted if it could be read as part of a sentence, with a mark if it was shortened or cleaned, because it could then look like another
 * one.
 */
export function idLabel(id: string, most: number, write: Writer = oneLine): string {
  const shown = oneLine(id, most);
  const text = withoutQuotes(shown);
  const label = write(text, most);
  const isPlain = text === shown && PLAIN_ID.test(shown.replace(/…$/, ''));
  // What a service must escape may take more room than there is.
  const isExact = text === id && label === write(text, Infinity);
  return `${isPlain ? label : `"${label}"`}${isExact ? '' : ` [altered ${markOf(id)}]`}`;
}

/** An id outside sentences, on one line, with the same mark. */
export function shownId(id: string, most: number): string {
  const shown = oneLine(id, most);
  return shown === id ? id : `${shown} [altered ${markOf(id)}]`.trim();
}

/** A name in quotes that it cannot close. */
export function quoted(text: string, most: number, write: Writer = oneLine): string {
  return `"${write(withoutQuotes(text), most)}"`;
}

function withoutQuotes(text: string): string {
  return text.replace(QUOTES, "'").replace(SEVERAL, "'");
}

function markOf(id: string): string {
  return `#${createHash('sha256').update(id, 'utf16le').digest('hex').slice(0, MARK_LENGTH)}`;
}
