import type { DiscordBody } from '../test/support/discord-limits.js';

const COLORS: Record<number, string> = {
  0x3498db: 'blue',
  0xf39c12: 'orange',
  0xe74c3c: 'red',
  0x2ecc71: 'green',
  0x95a5a6: 'grey',
};

/** The message as text, much as Discord would show it. */
export function asText({ embeds = [] }: DiscordBody): string {
  return embeds
    .flatMap(({ title = '', description = '', color = 0, fields = [] }) => [
      `[${COLORS[color]}] ${displayed(title)}`,
      ...description.split('\n').filter(Boolean).map(displayed),
      ...fields.map(({ name, value }) => `  ${displayed(name).padEnd(12)} ${displayed(value)}`),
    ])
    .map((line) => `  | ${line}`)
    .join('\n');
}

/** The text of a field of the message. */
export function fieldOf({ embeds = [] }: DiscordBody, name: string): string | undefined {
  return embeds[0]?.fields?.find((field) => field.name === name)?.value;
}

/** Times in the reader's own time zone, and no escapes. */
function displayed(text: string): string {
  return text
    .replace(/<t:(\d+):T>/g, (_, seconds) => new Date(Number(seconds) * 1_000).toLocaleTimeString('en-GB'))
    .replace(/\\(.)/g, '$1');
}
