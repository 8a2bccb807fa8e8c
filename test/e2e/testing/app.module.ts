import { Controller, Module, Post } from '@nestjs/common';
import { MonitorRate, RateMonitorModule } from 'nestjs-rate-monitor';
import { Redis } from 'ioredis';

@Controller('evaluations')
class EvaluationsController {
  @Post()
  @MonitorRate('evaluations')
  create() {}
}

/** An app as a user has it: it counts in Redis, in the background. There is no Redis here, so a test that asked for it would fail. */
@Module({
  imports: [
    RateMonitorModule.forRoot({
      redis: new Redis({ port: 1, lazyConnect: true }),
      counting: 'background',
      tenant: (context) => {
        const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
        return { id: headers['x-project'] ?? '', name: 'Acme' };
      },
    }),
  ],
  controllers: [EvaluationsController],
})
export class AppModule {}
