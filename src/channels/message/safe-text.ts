import { oneLine } from '../../util/text.js';

/** Characters that mean something in Discord: formats, lists, quotes, links, mentions, timestamps, emoji. */
const DISCORD_SYMBOL = /[\\*_~|>#\-+.()[\]<@:`]/;
/** Names that the options accept. They need no escaping: a single underscore between letters does not format. */
const PLAIN_CATEGORY = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
/** Shown for an empty text, because services reject a message that contains one. */
const NOTHING = '–';
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Any text as one line of at most `most` UTF-16 units, which is how services count. */
export function plainText(text: string, most: number): string {
  return oneLine(text, most) || NOTHING;
}

/** Text that Discord shows literally, without formats, links or mentions; at most `most` characters after escaping. */
export function discordText(text: string, most: number): string {
  return escaped(plainText(text, most), most, (char) => (DISCORD_SYMBOL.test(char) ? `\\${char}` : char));
}

export function discordCategory(category: string, most: number): string {
  return category.length <= most && PLAIN_CATEGORY.test(category) ? category : discordText(category, most);
}

/** Text for Slack's `text`, with the three characters that delimit mentions and links escaped. */
export function slackText(text: string, most: number): string {
  return escaped(plainText(text, most), most, (char) => ENTITIES[char] ?? char);
}

/** Truncates by the escaped length, never between a character and its escape. */
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
