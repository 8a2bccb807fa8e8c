/** A message for Discord's API, with the parts that this suite checks. */
export interface DiscordBody {
  content?: string;
  embeds?: DiscordEmbed[];
  thread_name?: string;
  allowed_mentions?: { parse: string[]; roles?: string[] };
}

export interface DiscordEmbed {
  title?: string;
  description?: string;
  url?: string;
  color?: number;
  fields?: { name: string; value: string; inline?: boolean }[];
  footer?: { text: string };
}

const MAX_IN_ALL_EMBEDS = 6_000;

/** Discord's errors for a message, by path; none if it accepts the message. */
export function discordFaults({ content = '', embeds = [], thread_name: thread }: DiscordBody): string[] {
  return [
    ...length('content', content, 0, 2_000),
    ...(thread === undefined ? [] : length('thread_name', thread, 1, 100)),
    ...(embeds.length > 10 ? ['embeds: Must be 10 or fewer in length.'] : []),
    ...embeds.flatMap((embed, i) => faultsOf(embed, `embeds.${i}`)),
    ...(embeds.flatMap(textsOf).join('').length > MAX_IN_ALL_EMBEDS
      ? ['embeds: Embed size exceeds maximum size of 6000']
      : []),
  ];
}

function faultsOf({ title, description, url, fields = [], footer }: DiscordEmbed, path: string): string[] {
  return [
    ...(title === undefined ? [] : length(`${path}.title`, title, 1, 256)),
    ...(description === undefined ? [] : length(`${path}.description`, description, 1, 4_096)),
    ...(url === undefined || isWellFormed(url) ? [] : [`${path}.url: Not a well formed URL.`]),
    ...(footer === undefined ? [] : length(`${path}.footer.text`, footer.text, 1, 2_048)),
    ...(fields.length > 25 ? [`${path}.fields: Must be 25 or fewer in length.`] : []),
    ...fields.flatMap(({ name, value }, i) => [
      ...length(`${path}.fields.${i}.name`, name, 1, 256),
      ...length(`${path}.fields.${i}.value`, value, 1, 1_024),
    ]),
  ];
}

/** Discord rejects `http://localhost:3000` and `http://grafana:3000` and accepts `http://10.0.0.1:3000`. */
function isWellFormed(url: string): boolean {
  return /^https?:\/\//.test(url) && url.length <= 2_048 && /[^.]\.[^.]/.test(new URL(url).hostname);
}

/** Counts UTF-16 units, the strictest way, without invisible characters at both ends. */
function length(path: string, text: unknown, least: number, most: number): string[] {
  if (typeof text !== 'string') return [`${path}: Could not interpret as string.`];
  if (text.trim().length < least) return [`${path}: This field is required`];
  return text.length > most ? [`${path}: Must be ${most} or fewer in length.`] : [];
}

function textsOf({ title = '', description = '', fields = [], footer }: DiscordEmbed): string[] {
  return [title, description, footer?.text ?? '', ...fields.flatMap(({ name, value }) => [name, value])];
}
