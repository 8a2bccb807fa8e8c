import { RedisModule } from '@liaoliaots/nestjs-redis';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
// In an app of yours: from 'nestjs-rate-monitor'.
import { RateMonitorModule } from '../src/index.js';
import { CollectionsController, EvaluationsController, LlmController } from './api.controllers.js';

const { REDIS_URL } = process.env;

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true }),
    // Without Redis the counts live in this process's memory.
    ...(REDIS_URL ? [RedisModule.forRoot({ config: { url: REDIS_URL }, readyLog: false })] : []),
    RateMonitorModule.forRoot(),
  ],
  controllers: [LlmController, EvaluationsController, CollectionsController],
})
export class AppModule {}
