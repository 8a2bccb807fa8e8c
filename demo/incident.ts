import { NestFactory } from '@nestjs/core';

import { patiently } from '../test/support/until.js';
import { call } from './clients.js';
import { DemoLogger } from './demo-logger.js';
import { DiscordOnScreen } from './discord-on-screen.js';
import { IncidentModule, WINDOW_MS } from './incident.module.js';
import { fieldOf } from './shown-message.js';
import { windowAfter } from './windows.js';

/** How long to wait for a step: much longer than it takes. */
const STEP_WITHIN_MS = 20_000;
const STEPS = ['opened', 'escalated to critical'];
/** Over the threshold of 3, and not five times over; even if a slow machine makes them in two windows. */
const OVER = 10;
/** Five times over, even if half of them come a window later. */
const FIVE_TIMES_OVER = 35;

/** An incident from its opening to its end, as a channel in Discord shows it. */
export async function showIncident(): Promise<boolean> {
  const discord = await new DiscordOnScreen().start();
  const app = await NestFactory.create(IncidentModule.telling(discord.url), { logger: new DemoLogger() });
  await app.listen(0, '127.0.0.1');
  const url = `${await app.getUrl()}/llm/call`;
  const latest = () => discord.shown.map((message) => fieldOf(message, 'Incident'));
  const statuses: number[] = [];

  console.log('\nThe same as an incident, in windows of 2 s, sent to a stand-in for Discord. The threshold is 3.');
  let from = Date.now();
  for (const [i, times] of [OVER, FIVE_TIMES_OVER].entries()) {
    await windowAfter(from, WINDOW_MS);
    from = Date.now();
    console.log(`\nAcme calls ${times} times.`);
    statuses.push(...(await call(url, 'key-acme', times)));
    await patiently(() => latest().at(-1) === STEPS[i], STEP_WITHIN_MS);
  }
  console.log('\nAcme stops calling.');
  await patiently(() => latest().at(-1) === 'resolved', STEP_WITHIN_MS);
  await app.close();
  await discord.close();

  const first = discord.posted.map((message) => fieldOf(message, 'Incident'));
  console.log(`\nNew messages: ${first.join(', ')}; the last one now shows: ${latest().at(-1)}`);
  const asPromised =
    statuses.every((status) => status === 201) &&
    first.join() === 'opened,escalated to critical' &&
    latest().at(-1) === 'resolved';
  if (asPromised)
    console.log('No request was rejected. The channel got one message for each step, and the last one turned green.');
  return asPromised;
}
