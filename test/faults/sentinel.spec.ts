import { RedisSentinel } from '../support/redis-sentinel.js';
import { describeFaults } from './describe-faults.js';

describe('Sentinel', () => {
  describeFaults([
    {
      name: 'fails over to the replica',
      start: async () => {
        const sentinel = await RedisSentinel.start();
        const reader = sentinel.client();
        reader.on('error', () => undefined);
        return {
          client: () => sentinel.client(),
          reader,
          inject: () => sentinel.master.kill(),
          recover: () => sentinel.failedOver(),
          stop: async () => {
            reader.disconnect();
            await sentinel.stop();
          },
        };
      },
      lastsMs: 3_000,
      saidIn: ['auto', 'await', 'background'],
    },
  ]);
});
