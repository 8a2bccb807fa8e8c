import { Logger } from '@nestjs/common';
import fc from 'fast-check';

import { happenings } from './commands.js';
import type { Instance } from './instance.js';
import { folding, memory, redis, type PlayedStore } from './stores.js';
import type { Call } from './link.js';
import { MINUTE, MONTH, SEVERAL, STEP_MS } from './settings.js';
import { World } from './world.js';

const STORES = { memory, redis, folding };
/** What a slow machine leaves out: the first worlds are as good as the last. */
const PLAY_FOR_MS = 45_000;
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

  const plays = async (counting: World['counting'], windows: World['windows'], numRuns: number): Promise<void> => {
    const end = Date.now() + PLAY_FOR_MS;
    await fc.assert(
      fc.asyncProperty(happenings, async (commands) => {
        // Not by fast-check, which would leave a world half played: that one moves the timers of the next.
        if (Date.now() > end) return;
        const world = await World.begin(counting, played, windows);
        try {
          await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
          await world.agree();
        } finally {
          jest.clearAllTimers();
        }
      }),
      { numRuns, endOnFailure: !!process.env.FAST },
    );
  };

  it('publishes everything when an instance stops, even if an urgent publish begins just then', async () => {
    const world = await World.begin('background', played, MINUTE);
    const instance = world.instances[0] as Instance;
    instance.link.cut();
    instance.count(world.tenant(0), 1);
    await world.connect(instance);
    instance.count(world.tenant(1), 1);
    await world.stop(instance);
    jest.clearAllTimers();
  });

  it.each(['auto', 'background'] as const)(
    'confirms a level that is announced while the instance stops, counting %s',
    async (counting) => {
      const world = await World.begin(counting, played, MINUTE);
      const instance = world.instances[0] as Instance;
      instance.count(world.tenant(0), 3);
      await world.stop(instance);
      // Otherwise another instance would be given it once its lease is over.
      expect(world.truth.live(world.now)).toMatchObject([{ announced: [{ at: 0.5 }], told: 0.5 }]);
      jest.clearAllTimers();
    },
  );

  it('gives a level to another instance if the one that holds its lease never heard of it', async () => {
    const world = await World.begin('auto', played, SEVERAL);
    const [first, second, third] = world.instances as [Instance, Instance, Instance];
    third.count(world.tenant(1), 1);
    await world.pass(STEP_MS);
    first.count(world.tenant(1), 2);
    // The publish of the third arrives a day late, so its lease is over, and one of the first arrives twice.
    world.rollOver(1);
    await world.stop(second);
    await world.take(world.calls[1] as Call);
    first.count(world.tenant(0), 1);
    await world.agree();
    jest.clearAllTimers();
  });

  it.each(['auto', 'await', 'background'] as const)(
    'counts exactly and announces once whatever happens, counting %s',
    (counting) => plays(counting, MINUTE, RUNS[name]),
    2 * PLAY_FOR_MS,
  );

  it.each([
    ['months', MONTH],
    ['minutes, days and months', SEVERAL],
  ])(
    'does the same in windows of %s',
    (_which, windows) => plays('auto', windows, Math.ceil(RUNS[name] / 4)),
    2 * PLAY_FOR_MS,
  );
});
