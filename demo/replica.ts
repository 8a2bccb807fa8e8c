import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';

import { DemoLogger } from './demo-logger.js';
import { IncidentModule } from './incident.module.js';

/** One replica of the API, as a process of its own: `node replica.js <redis> <discord>`. Tells its parent its address. */
async function main(redis: string, discord: string): Promise<void> {
  const app = await NestFactory.create(IncidentModule.telling(discord, new Redis(redis)), { logger: new DemoLogger() });
  await app.listen(0, '127.0.0.1');
  process.send?.(await app.getUrl());
  // Its parent ended without ending it.
  process.once('disconnect', () => process.exit());
}

void main(process.argv[2] as string, process.argv[3] as string);
