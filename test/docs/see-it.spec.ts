import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';

import { WebhookChannel, type Notice } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';
import { WebhookServer } from '../support/webhook-server.js';
import { MorningDigest } from './morning-digest.js';

it('one replica sends the morning digest', async () => {
  const server = await new WebhookServer().start();
  const clients = Array.from({ length: 3 }, sharedRedis);
  const [{ keyPrefix }] = clients as [(typeof clients)[0]];
  const apps = await Promise.all(
    clients.map(({ client: redis }) =>
      startApp({
        options: { redis, keyPrefix, channels: [new WebhookChannel({ url: server.url })] },
        metadata: { imports: [ScheduleModule.forRoot()], providers: [MorningDigest] },
      }),
    ),
  );
  try {
    // Replicas that send at one time are told by the minute, rounded: not so at the half of one.
    await until(() => Math.abs((Date.now() % 60_000) - 30_000) > 2_000);
    await Promise.all(
      apps.flatMap(({ app }) => [...app.get(SchedulerRegistry).getCronJobs().values()].map((job) => job.fireOnTick())),
    );
    await until(() => server.requests.length > 0);
    const sent = server.requests.map(({ body }) => JSON.parse(body) as Notice);
    expect(sent).toMatchObject([{ kind: 'digest', severity: 'info', title: 'Calm: nothing to report in 24 h' }]);
  } finally {
    await Promise.all(apps.map(({ close }) => close()));
    await Promise.all(clients.map(({ client }) => client.quit()));
    await server.close();
  }
});
