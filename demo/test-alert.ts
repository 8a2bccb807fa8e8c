import { NestFactory } from '@nestjs/core';
// In an app of yours: from 'nestjs-rate-monitor'.
import { AlertService, DiscordChannel, RateMonitorConfigError, RateMonitorModule } from '../src/index.js';

/** Sends one test alert to a Discord webhook and prints the outcome, never the address. */
export async function sendTestAlert(url: string): Promise<boolean> {
  const reason = await sendTo(url);
  console.log(
    reason === undefined
      ? 'Delivered: the channel has a message that begins with [Test].'
      : `The test alert was not delivered: ${reason}`,
  );
  return reason === undefined;
}

/** Why it did not arrive, if so. */
async function sendTo(url: string): Promise<string | undefined> {
  try {
    const channels = [new DiscordChannel({ url })];
    const app = await NestFactory.createApplicationContext(RateMonitorModule.forRoot({ channels }), { logger: false });
    const [tested] = await app.get(AlertService).sendTest();
    await app.close();
    return tested?.delivered ? undefined : tested?.reason;
  } catch (error) {
    if (error instanceof RateMonitorConfigError) return 'write the whole address of a webhook, beginning with https://';
    throw error;
  }
}
