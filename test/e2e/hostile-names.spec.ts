import * as Sentry from '@sentry/nestjs';
import fc from 'fast-check';

import { SentryChannel, type RateAlert } from '../../src/index.js';
import { alertMessage } from '../../src/channels/message/alert-message.js';
import { batchLine } from '../../src/channels/message/batch-lines.js';
import { discordBatch, discordMessage, type DiscordMessage } from '../../src/channels/discord/discord-message.js';
import { plainText } from '../../src/channels/message/safe-text.js';
import { slackBatch, slackMessage, type SlackMessage } from '../../src/channels/slack/slack-message.js';
import { discordFaults } from '../support/discord-limits.js';
import { hostileAlert, hostileText, long, longest, longestResolved } from '../support/hostile.js';
import { fits } from '../support/slack-server.js';

const LINE_BREAKER = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const batch = fc.array(hostileAlert, { minLength: 25, maxLength: 25 });
const look = fc.record({ environment: hostileText });

/** What Discord would give a meaning in a text: whatever is neither escaped nor of our own making. */
function meant(text: string): string {
  const unescaped = text.replace(/\\[^0-9A-Za-z\s]/g, '');
  const foreign = unescaped.replace(/<t:\d+:T>/g, '').replace(/\b(llm_call)\b/g, '');
  return foreign.replace(/[^<>@#[\]`|~\\*_]|\w+:\/\//g, '');
}

function expectHarmless(message: DiscordMessage): void {
  expect(discordFaults(message)).toEqual([]);
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
  expect(fits(blocks)).toBe(true);
  expect(text.length).toBeLessThanOrEqual(3_000);
  expect(text.replace(/&(amp|lt|gt);/g, '')).not.toMatch(/[&<>]/);
  expect(text).not.toMatch(LINE_BREAKER);
  expect(JSON.stringify(blocks)).not.toContain('"mrkdwn"');
}

describe('whatever a tenant is called', () => {
  it.each([longest, longestResolved])('Discord and Slack take what is longest in every part', (alert) => {
    const link = (): string => `http://grafana/${'-'.repeat(138)}`;
    const message = discordMessage(alert, { environment: long, link });
    expect(message.embeds[0]?.fields?.at(-1)?.name).toBe('Link');
    expectHarmless(message);
    const size = message.embeds.flatMap(({ title = '', fields = [] }) => [
      title,
      ...fields.flatMap((f) => [f.name, f.value]),
    ]);
    expect(size.join('').length).toBeLessThanOrEqual(5_900);
    expectHarmless(discordBatch(Array<RateAlert>(25).fill(alert)));
    expectPlain(slackMessage(alert, { environment: long }));
    expectPlain(slackBatch(Array<RateAlert>(25).fill(alert)));
    expect(batchLine(alert, { name: plainText, text: plainText, category: plainText }).length).toBeLessThanOrEqual(
      234 - '****'.length,
    );
  });

  it('Discord takes the message, and it mentions, formats, links and forges nothing', () => {
    fc.assert(fc.property(hostileAlert, look, (alert, style) => expectHarmless(discordMessage(alert, style))));
  });

  it('Discord takes a batch, with a line for each alert', () => {
    fc.assert(
      fc.property(batch, (alerts) => {
        const message = discordBatch(alerts);
        expectHarmless(message);
        const lines = message.embeds.flatMap(({ description = '' }) => description.split('\n'));
        expect(lines).toHaveLength(25);
        for (const line of lines) {
          expect(meant(line)).toBe('****');
          expect(line).toMatch(/^\*\*.*\*\*/u);
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
        const message = slackBatch(alerts);
        expectPlain(message);
        const lines = message.blocks.slice(1).flatMap((block) => ('text' in block ? block.text.text.split('\n') : []));
        expect(lines).toHaveLength(25);
      }),
      { numRuns: 50 },
    );
  });

  it('the log has one line of it, of bounded length', () => {
    fc.assert(
      fc.property(hostileAlert, (alert) => {
        expect(alertMessage(alert)).not.toMatch(LINE_BREAKER);
        expect(alertMessage(alert).length).toBeLessThan(1_500);
      }),
    );
  });

  it('Sentry gets tags that it takes', async () => {
    const captured: { message: string; tags: Record<string, string> }[] = [];
    Sentry.init({
      dsn: 'http://public@127.0.0.1:1/1',
      integrations: [
        {
          name: 'captures',
          setup: (client) =>
            (client.captureMessage = (message, _, hint) => {
              captured.push({
                message: String(message),
                ...(hint?.captureContext as { tags: Record<string, string> }),
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
        channel.send(alert);
        const { message, tags } = captured.at(-1) as (typeof captured)[number];
        for (const value of Object.values(tags)) {
          expect(value.length).toBeLessThanOrEqual(200);
          expect(value).not.toMatch(LINE_BREAKER);
        }
        expect(message).toBe(alertMessage(alert));
      }),
    );
    expect(captured).toHaveLength(100);
    await Sentry.close();
  });
});
