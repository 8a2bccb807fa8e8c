import { describeFaults } from './describe-faults.js';
import { demoted, proxied } from './scenes.js';

const ALL = ['auto', 'await', 'background'] as const;

describe('The network between', () => {
  describeFaults([
    {
      name: 'slow by 200 ms',
      start: () =>
        proxied((proxy) => ({
          inject: () => void (proxy.latencyMs = 200),
          recover: () => void (proxy.latencyMs = 0),
        })),
      lastsMs: 2_500,
      saidIn: ['auto', 'await'],
      reason: /^too slowly$/,
      alone: false,
    },
    {
      name: 'drops every connection after 200 to 400 ms',
      start: () =>
        proxied((proxy) => ({ inject: () => proxy.dropAfter(200, 400), recover: () => proxy.stopDropping() })),
      lastsMs: 2_500,
      saidIn: ALL,
      alone: false,
    },
    {
      name: 'half-open: accepts, and never answers',
      start: () => proxied((proxy) => ({ inject: () => proxy.silence(), recover: () => proxy.speak() })),
      lastsMs: 3_000,
      saidIn: ALL,
      reason: /timed out|^no answer/,
      alone: true,
    },
    {
      name: 'leads to another master, while the one that was is a replica',
      start: demoted,
      lastsMs: 1_500,
      saidIn: ALL,
      reason: /^READONLY |the connection was lost/,
      alone: false,
    },
  ]);
});
