import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { AppModule } from './app.module.js';

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  const port = process.env.PORT ?? 3000;
  await app.listen(port);
  new Logger('Demo').log(
    `Four of these raise an alert: curl -X POST -H 'x-api-key: key-acme' http://localhost:${port}/evaluations`,
  );
}

void main();
