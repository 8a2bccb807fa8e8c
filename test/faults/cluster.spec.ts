import { RedisCluster } from '../support/redis-cluster.js';
import { describeFaults } from './describe-faults.js';
import type { Scene } from './scene.js';

type Happening = Pick<Scene, 'inject' | 'recover'>;

async function clustered(happens: (cluster: RedisCluster) => Happening): Promise<Scene> {
  const cluster = await RedisCluster.start();
  const reader = cluster.client();
  return {
    client: () => cluster.client(),
    reader,
    ...happens(cluster),
    stop: async () => {
      reader.disconnect();
      await cluster.stop();
    },
  };
}

describe('Redis Cluster', () => {
  describeFaults([
    {
      name: 'a master is killed, and its replica takes its place',
      start: () =>
        clustered((cluster) => ({
          inject: () => cluster.killMasterOf('{llm_call:during_1}'),
          recover: () => cluster.writable('{llm_call:during_1}'),
        })),
      lastsMs: 2_500,
      saidIn: ['auto', 'await', 'background'],
    },
    {
      name: 'a slot moves to another master',
      start: () =>
        clustered((cluster) => {
          let move: { end(): Promise<void> };
          return {
            inject: async () => void (move = await cluster.beginMove('{llm_call:during_1}')),
            recover: () => move.end(),
          };
        }),
      lastsMs: 500,
      saidIn: [],
      alone: false,
    },
  ]);
});
