import { describeFaults } from './describe-faults.js';
import { server } from './scenes.js';
import { TENANTS } from './traffic.js';

const ALL = ['auto', 'await', 'background'] as const;

describe('A Redis server', () => {
  describeFaults([
    {
      name: 'not there at the start, there later',
      start: async () => {
        const scene = await server((redis) => ({ inject: () => redis.kill(), recover: () => redis.restart() }));
        await scene.inject();
        return { ...scene, inject: () => undefined };
      },
      lastsMs: 3_000,
      saidIn: ALL,
      reason: /^(no connection within 1 s|connect ECONNREFUSED 127\.0\.0\.1:\d+)$/,
      alone: true,
    },
    {
      name: 'killed, and back with nothing',
      start: () => server((redis) => ({ inject: () => redis.kill(), recover: () => redis.restart() })),
      lastsMs: 3_000,
      saidIn: ALL,
      reason: /ECONNREFUSED|ECONNRESET/,
      alone: true,
    },
    {
      name: 'frozen for 5 s',
      start: () => server((redis) => ({ inject: () => redis.freeze(), recover: () => redis.thaw() })),
      lastsMs: 5_000,
      saidIn: ALL,
      reason: /timed out|^no answer/,
      alone: true,
    },
    {
      name: 'loses its scripts, again and again',
      start: () =>
        server((_, admin) => {
          let flushing: NodeJS.Timeout;
          return {
            inject: () => void (flushing = setInterval(() => void admin.script('FLUSH'), 20)),
            recover: () => clearInterval(flushing),
          };
        }),
      lastsMs: 500,
      saidIn: [],
      alone: false,
    },
    {
      name: 'full, and evicting nothing',
      start: () =>
        server((_, admin) => ({
          inject: () => admin.config('SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '1'),
          recover: () => admin.config('SET', 'maxmemory', '0'),
        })),
      lastsMs: 3_000,
      saidIn: ALL,
      reason: /^OOM /,
      alone: true,
    },
    {
      name: 'only a replica now, which may not be written to',
      start: () =>
        server((_, admin) => ({
          // Of a master that is not there: it keeps what it has.
          inject: () => admin.replicaof('127.0.0.1', 1),
          recover: () => admin.replicaof('NO', 'ONE'),
        })),
      lastsMs: 3_000,
      saidIn: ALL,
      reason: /^READONLY /,
      alone: true,
    },
    {
      name: "with someone else's keys where counters are",
      start: () =>
        server((_, admin) => ({
          inject: async () => {
            for (const key of await admin.keys('*:{llm_call:during_?}:[0-9]*')) await admin.set(key, 'mine');
          },
        })),
      lastsMs: 500,
      saidIn: [],
      alone: false,
      lost: TENANTS.during,
    },
    {
      name: 'with another password than before',
      start: () =>
        server((_, admin) => ({
          inject: async () => {
            await admin.config('SET', 'requirepass', 'changed');
            // Existing connections stay authenticated, so they must reconnect to be refused.
            await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
          },
          recover: () => admin.config('SET', 'requirepass', ''),
        })),
      lastsMs: 3_000,
      saidIn: ALL,
      reason: /NOAUTH/,
      alone: true,
    },
  ]);
});
