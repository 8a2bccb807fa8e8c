import { EmbedBuilder } from '@discordjs/builders';
import * as Sentry from '@sentry/nestjs';
import type { KnownBlock } from '@slack/types';
import fc from 'fast-check';

import { SentryChannel, type RateAlert } from '../../src/index.js';
import { alertLine } from '../../src/channels/message/alert-line.js';
import {
  discordBatch,
  discordMessage,
  discordSuperseded,
  type DiscordMessage,
} from '../../src/channels/discord/discord-message.js';
import { slackBatch, slackMessage, type SlackMessage } from '../../src/channels/slack/slack-message.js';
import { anAlert } from '../support/alerts.js';
import { discordFaults } from '../support/discord-limits.js';
import { hostileAlert, hostileText, long, longest, longestResolved } from '../support/hostile.js';
import { fits } from '../support/slack-server.js';

const LINE_BREAKER = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/u;
const OF_AN_ALERT = /^[🔵🟠🔴🟢] /u;
const batch = fc.array(hostileAlert, { minLength: 25, maxLength: 25 });
const look = fc.record({ environment: hostileText });

/** Text that Discord would interpret: neither escaped nor written by us. */
function meant(text: string): string {
  const unescaped = text.replace(/\\[^0-9A-Za-z\s]/g, '');
  const foreign = unescaped
    .replace(/<t:\d+:[Tf]>/g, '')
    .replace(/ \[altered #[0-9a-f]{6}\]/g, '')
    .replace(/\b(llm_call)\b/g, '');
  return foreign.replace(/[^<>@#[\]`|~\\*_]|\w+:\/\//g, '');
}

/** Throws what the builders of discord.js reject. */
function build({ embeds }: DiscordMessage): void {
  for (const { title, url, description, color, fields, footer } of embeds) {
    const builder = new EmbedBuilder().setColor(color);
    if (title !== undefined) builder.setTitle(title);
    if (url !== undefined) builder.setURL(url);
    if (description !== undefined) builder.setDescription(description);
    if (fields) builder.setFields(fields);
    if (footer) builder.setFooter(footer);
  }
}

function expectHarmless(message: DiscordMessage): void {
  expect(discordFaults(message)).toEqual([]);
  build(message);
  expect(message.content).toBe('');
  expect(message.allowed_mentions).toEqual({ parse: [] });
  for (const { title = '', fields = [] } of message.embeds) {
    for (const text of [title, ...fields.flatMap(({ name, value }) => [name, value])]) {
      expect(meant(text)).toBe('');
      expect(text).not.toMatch(LINE_BREAKER);
    }
  }
}

function expectPlain({ text, blocks }: SlackMessage): void {
  // Slack's own types check the rest at compile time.
  const known: KnownBlock[] = blocks;
  expect(known).not.toEqual([]);
  expect(fits(blocks)).toBe(true);
  expect(text.length).toBeLessThanOrEqual(3_000);
  expect(text.replace(/&(amp|lt|gt);/g, '')).not.toMatch(/[&<>]/);
  expect(text).not.toMatch(LINE_BREAKER);
  expect(JSON.stringify(blocks)).not.toContain('"mrkdwn"');
}

/** The lines of a batch's alerts. The line before, where and when, is left out if neither is known. */
function withoutContext(lines: string[]): string[] {
  return OF_AN_ALERT.test(lines[0] ?? '') ? lines : lines.slice(1);
}

describe('whatever a tenant is called', () => {
  it.each([longest, longestResolved])('Discord and Slack accept messages with every part at its longest', (alert) => {
    const link = (): string => `http://grafana/${'-'.repeat(138)}`;
    const message = discordMessage(alert, { environment: long, link });
    expect(message.embeds[0]?.fields?.at(-1)?.name).toBe('Link');
    expectHarmless(message);
    const size = message.embeds.flatMap(({ title = '', fields = [] }) => [
      title,
      ...fields.flatMap((f) => [f.name, f.value]),
    ]);
    expect(size.join('').length).toBeLessThanOrEqual(5_900);
    expectHarmless(discordSuperseded(alert, { environment: long, link }));
    expectHarmless(discordBatch(Array<RateAlert>(25).fill(alert), { environment: long, link }, 0));
    expectPlain(slackMessage(alert, { environment: long }));
    expectPlain(slackBatch(Array<RateAlert>(25).fill(alert), { environment: long }, 0));
  });

  it('Discord takes the message, and it mentions, formats, links and forges nothing', () => {
    fc.assert(fc.property(hostileAlert, look, (alert, style) => expectHarmless(discordMessage(alert, style))));
  });

  it('Discord takes a batch, with a line for each alert that fits and a count of the others', () => {
    fc.assert(
      fc.property(batch, look, (alerts, style) => {
        const message = discordBatch(alerts, style, 0);
        expectHarmless(message);
        const lines = withoutContext(message.embeds.flatMap(({ description = '' }) => description.split('\n')));
        const rest = Number(/^and (\d+) more: /.exec(lines.at(-1) ?? '')?.[1] ?? 0);
        const listed = rest > 0 ? lines.slice(0, -1) : lines;
        expect(listed.length + rest).toBe(25);
        expect(listed.length).toBeGreaterThan(18);
        for (const line of listed) {
          expect(['', '****']).toContain(meant(line));
          expect(line).toMatch(OF_AN_ALERT);
          expect(line).not.toMatch(LINE_BREAKER);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('Slack takes the message, and reads no mention or link in it', () => {
    fc.assert(
      fc.property(hostileAlert, look, (alert, style) => {
        const message = slackMessage(alert, style);
        expectPlain(message);
        for (const block of message.blocks)
          if ('fields' in block)
            for (const { text } of block.fields) expect(text.replace('\n', '')).not.toMatch(LINE_BREAKER);
      }),
    );
  });

  it('Slack takes a batch, with a line for each alert', () => {
    fc.assert(
      fc.property(batch, (alerts) => {
        const message = slackBatch(alerts, {}, 0);
        expectPlain(message);
        const texts = message.blocks.slice(1).flatMap((block) => ('text' in block ? block.text.text.split('\n') : []));
        const lines = withoutContext(texts);
        expect(lines).toHaveLength(25);
        for (const line of lines) expect(line).toMatch(OF_AN_ALERT);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['a sentence of ours', 'Acme (proj_1) is over the llm_call threshold: 9999 in 1 min, threshold 15'],
    ['quotes that end ours', 'Acme" (proj_1) is over the llm_call threshold: 9999 | "x'],
    ['typographic quotes', 'Acme” (proj_1) is over the llm_call threshold'],
    ['two quotes, each of which becomes a single one', 'Acme"" (proj_1) is over the llm_call threshold'],
    ['two single quotes, which look like a double one', 'Acme’’ (proj_1) is over the llm_call threshold'],
    [
      'quotes of other scripts',
      'Acme\u2E42 (proj_1) is over, Acme\u{1F677} (proj_1) is over, Acme\u2057 (proj_1) is over',
    ],
  ])('no name passes for %s', (_, name) => {
    const alert = anAlert({ tenant: { id: 'evil', name } });
    const texts = [
      alertLine(alert),
      discordMessage(alert, {}).embeds[0]?.title?.replaceAll('\\', ''),
      discordBatch([alert, alert], {}, 0)
        .embeds[0]?.description?.split('\n')[1]
        ?.replace(/\\|\*\*|^🟠 /g, ''),
      (slackBatch([alert, alert], {}, 0).blocks[2] as { text: { text: string } }).text.text
        .split('\n')[0]
        ?.replace('🟠 ', ''),
    ];
    for (const text of texts)
      expect(text).toMatch(
        /^"(?:(?!['’]['’])[^"”\u2E42\u2057\u{1F677}])*" \(evil\)( is over the llm_call threshold|: llm_call 47 of)/u,
      );
  });

  it.each([
    ['spaces in it', 'p) is over the llm_call threshold (', '"p) is over the llm_call threshold ("'],
    ['something invisible', 'proj\u3164_1', 'proj_1 [altered #a32edd]'],
    ['a lone surrogate', 'proj_1\ud800', 'proj_1 [altered #b3c4e5]'],
    ['more length than there is room', 'p'.repeat(90), `${'p'.repeat(79)}… [altered #c0ffee]`],
    ['quotes that ours replace', 'p"1', `"p'1" [altered #c0ffee]`],
    ['two single quotes', "p''1", `"p'1" [altered #c0ffee]`],
    ['an ellipsis of its own', 'p…', 'p…'],
    ['a letter that looks like a quote', 'p\u02BA1', `"p'1" [altered #c0ffee]`],
  ])('an id with %s cannot pass for another', (_, id, shown) => {
    const pattern = shown.replace(/#[0-9a-f]{6}/, '#HASH');
    expect(alertLine(anAlert({ tenant: { id } })).replace(/#[0-9a-f]{6}/, '#HASH')).toMatch(
      new RegExp(`^${pattern.replace(/[[\]()]/g, '\\$&')} is over the `),
    );
  });

  it('an id that does not fit after escaping is marked', () => {
    const titles = ['1', '2', '…', '_…', ' …'].map(
      (end) => discordMessage(anAlert({ tenant: { id: `${'a_'.repeat(28)}${end}` } }), {}).embeds[0]?.title,
    );
    for (const title of titles) expect(title).toMatch(/…"? \[altered #[0-9a-f]{6}\] is over/);
    expect(new Set(titles).size).toBe(5);
  });

  it('every message shows the id beside the name', () => {
    fc.assert(
      fc.property(hostileAlert, hostileText, (alert, name) => {
        const named = { ...alert, tenant: { ...alert.tenant, id: 'proj-1', name } };
        // Names are quoted, and no quote within one is kept.
        expect(alertLine(named).replace(/"[^"]*"/g, '')).toContain('proj-1');
        const [embed] = discordMessage(named, {}).embeds;
        expect(embed?.fields).toContainEqual({ name: 'Tenant id', value: 'proj\\-1', inline: true });
        expect(JSON.stringify(slackMessage(named, {}).blocks)).toContain('Tenant id\\nproj-1"');
      }),
    );
  });

  it('ids that look the same have different marks', () => {
    const marks = [
      'proj"1',
      'proj\u201C1',
      "proj''1",
      'proj_1\u200B',
      'proj_1\u3164',
      'proj_1\ud800',
      'proj_1\ud801',
    ].map((id) => /#[0-9a-f]{6}/.exec(alertLine(anAlert({ tenant: { id } })))?.[0]);
    expect(new Set(marks).size).toBe(7);
  });

  it('an attribute cannot pass for one of our facts', () => {
    const alert = anAlert({ tenant: { id: 'p', attributes: { Count: '1 in 1 min', Severity: 'info' } } });
    const labels = discordMessage(alert, {}).embeds[0]?.fields?.map(({ name }) => name) ?? [];
    expect(labels.filter((label) => label === 'Count' || label === 'Severity')).toHaveLength(2);
    expect(labels).toContain('tenant.Count');
  });

  it('the log has one line of it, of bounded length', () => {
    fc.assert(
      fc.property(hostileAlert, (alert) => {
        expect(alertLine(alert)).not.toMatch(LINE_BREAKER);
        expect(alertLine(alert).length).toBeLessThan(1_500);
      }),
    );
  });

  it('Sentry gets tags and a fingerprint that it accepts', async () => {
    const captured: { message: string; tags: Record<string, string>; fingerprint: string[] }[] = [];
    Sentry.init({
      dsn: 'http://public@127.0.0.1:1/1',
      integrations: [
        {
          name: 'captures',
          setup: (client) =>
            (client.captureMessage = (message, _, hint) => {
              captured.push({
                message: String(message),
                ...(hint?.captureContext as { tags: Record<string, string>; fingerprint: string[] }),
              });
              return '';
            }),
        },
      ],
    });
    const channel = new SentryChannel();
    await channel.start();
    fc.assert(
      fc.property(hostileAlert, (alert) => {
        // Its delivery is not tested here.
        channel.send(alert).catch(() => undefined);
        const { message, tags, fingerprint } = captured.at(-1) as (typeof captured)[number];
        expect(fingerprint[2]).not.toMatch(/\p{Cs}/u);
        for (const value of Object.values(tags)) {
          expect(value.length).toBeLessThanOrEqual(200);
          expect(value).not.toMatch(LINE_BREAKER);
        }
        expect(message).toBe(alertLine(alert));
      }),
    );
    expect(captured).toHaveLength(100);
    await Sentry.close();
  });
});
