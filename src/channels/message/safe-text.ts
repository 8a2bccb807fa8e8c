import { oneLine } from '../../util/text.js';

/** What Discord gives a meaning: formats, lists, quotes, links, mentions, timestamps, emoji. */
const DISCORD_SYMBOL = /[\\*_~|>#\-+.()[\]<@:`]/;
/** Names as the options want them: their single underscores, letters on both sides, format nothing. */
const PLAIN_CATEGORY = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
/** Services refuse a message with an empty text in it. */
const NOTHING = '–';
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Any text on one line, of at most `most` characters (UTF-16) as a service counts them. */
export function plainText(text: string, most: number): string {
  return oneLine(text, most) || NOTHING;
}

/** Any text as Discord shows it literally: it formats, links and mentions nothing, and takes at most `most` characters when escaped. */
export function discordText(text: string, most: number): string {
  return escaped(plainText(text, most), most, (char) => (DISCORD_SYMBOL.test(char) ? `\\${char}` : char));
}

export function discordCategory(category: string, most: number): string {
  return category.length <= most && PLAIN_CATEGORY.test(category) ? category : discordText(category, most);
}

/** Any text for Slack's `text`: the three characters that begin or end a mention or a link are escaped. */
export function slackText(text: string, most: number): string {
  return escaped(plainText(text, most), most, (char) => ENTITIES[char] ?? char);
}

/** Cuts by the escaped length, and never between a character and its escape. */
function escaped(text: string, most: number, escape: (char: string) => string): string {
  let safe = '';
  let fitting = '';
  for (const char of text) {
    safe += escape(char);
    if (safe.length < most) fitting = safe;
    if (safe.length > most) return `${fitting}…`;
  }
  return safe;
}
