import { NestFactory } from '@nestjs/core';

import { call } from './clients.js';
import { DemoLogger } from './demo-logger.js';
import { DiscordStandIn } from './discord-stand-in.js';
import { IncidentModule, WINDOW_MS } from './incident.module.js';
import { asText, fieldOf, type ShownMessage } from './shown-message.js';
import { windowAfter } from './windows.js';
import { until } from './until.js';

/** Each is waited for this long: much longer than it takes. */
const STEP_WITHIN_MS = 20_000;
const STEPS = ['opened', 'escalated to critical'];
/** Over the threshold of 3, and not five times over; even if a slow machine makes them in two windows. */
const OVER = 10;
/** Five times over, even if half of them come a window later. */
const FIVE_TIMES_OVER = 35;

/** An incident from its opening to its end, as a channel in Discord shows it. */
export async function showIncident(): Promise<boolean> {
  const discord = new DiscordStandIn((message, edits) =>
    console.log(`\nDiscord, ${edits === 0 ? 'a new message' : `edit ${edits}`}:\n${asText(message)}`),
  );
  const app = await NestFactory.create(IncidentModule.telling(await discord.start()), { logger: new DemoLogger() });
  await app.listen(0, '127.0.0.1');
  const url = `${await app.getUrl()}/llm/call`;
  const latest = () => discord.messages.map((versions) => fieldOf(versions.at(-1) as ShownMessage, 'Incident'));
  const statuses: number[] = [];

  console.log(
    '\nThe same as an incident, in windows of 2 s, told to a stand-in for Discord. More than 3 are too many.',
  );
  let from = Date.now();
  for (const [i, times] of [OVER, FIVE_TIMES_OVER].entries()) {
    await windowAfter(from, WINDOW_MS);
    from = Date.now();
    console.log(`\nAcme calls ${times} times.`);
    statuses.push(...(await call(url, 'key-acme', times)));
    await until(() => latest().at(-1) === STEPS[i], STEP_WITHIN_MS);
  }
  console.log('\nAcme calls no more.');
  await until(() => latest().at(-1) === 'resolved', STEP_WITHIN_MS);
  await app.close();
  discord.stop();

  const first = discord.messages.map((versions) => fieldOf(versions[0] as ShownMessage, 'Incident'));
  console.log(`\nNew messages: ${first.join(', ')}; the last one now says: ${latest().at(-1)}`);
  const asPromised =
    statuses.every((status) => status === 201) &&
    first.join() === 'opened,escalated to critical' &&
    latest().at(-1) === 'resolved';
  if (asPromised)
    console.log('Nobody was refused, and the channel was notified of what was new, and its last message turned green.');
  return asPromised;
}
