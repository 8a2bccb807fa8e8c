import { NestFactory } from '@nestjs/core';

import { AppModule } from './app.module.js';
import { call, tally } from './clients.js';
import { DemoLogger } from './demo-logger.js';
import { quietMinute } from './windows.js';

/** A client that runs away and one that behaves, against the real API over real HTTP; then what came of it. */
export async function showRunaway(): Promise<boolean> {
  const logger = new DemoLogger();
  const app = await NestFactory.create(AppModule, { logger });
  await app.listen(0, '127.0.0.1');
  const url = `${await app.getUrl()}/llm/call`;

  await quietMinute();
  console.log(
    '\nAcme runs away with 40 calls of POST /llm/call, Umbra makes 10. More than 15 a minute are too many.\n',
  );
  const [acme, umbra] = await Promise.all([call(url, 'key-acme', 40), call(url, 'key-umbra', 10)]);
  await app.close();

  const alertsOf = (project: string) => logger.alerts.filter((alert) => alert.includes(`(${project})`)).length;
  console.log(`\nAcme:  ${tally(acme)}, alerts: ${alertsOf('proj_1')}`);
  console.log(`Umbra: ${tally(umbra)}, alerts: ${alertsOf('proj_2')}`);
  const asPromised =
    [...acme, ...umbra].every((status) => status === 201) && alertsOf('proj_1') === 1 && alertsOf('proj_2') === 0;
  if (asPromised) console.log('No request was rejected, and the team knows who it is.');
  return asPromised;
}
