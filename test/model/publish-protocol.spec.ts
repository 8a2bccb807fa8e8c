import { Logger } from '@nestjs/common';
import fc from 'fast-check';

import { happenings } from './commands.js';
import { folding, memory, redis, type PlayedStore } from './stores.js';
import { World } from './world.js';

const STORES = { memory, redis, folding };
const RUNS = { memory: 30, redis: 20, folding: 10 };

describe.each(['memory', 'redis', 'folding'] as const)('the publish protocol over the %s store', (name) => {
  let played: PlayedStore;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    played = await STORES[name]();
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'Date'] });
  });
  afterAll(async () => {
    jest.useRealTimers();
    await played.close();
  });

  it.each(['auto', 'await', 'background'] as const)(
    'counts exactly and announces once whatever happens, counting %s',
    async (counting) => {
      await fc.assert(
        fc.asyncProperty(happenings, async (commands) => {
          const world = await World.begin(counting, played);
          try {
            await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
            await world.agree();
          } finally {
            jest.clearAllTimers();
          }
        }),
        { numRuns: RUNS[name], endOnFailure: !!process.env.FAST, interruptAfterTimeLimit: 45_000 },
      );
    },
    60_000,
  );
});
