import { Logger } from '@nestjs/common';

import type { Instance } from './instance.js';
import { STEP_MS } from './settings.js';
import { memory, redis, type PlayedStore } from './stores.js';
import { World } from './world.js';

/** What once went wrong, step by step. */
describe.each([
  ['memory', memory],
  ['redis', redis],
] as const)('A level over the %s store that loses its data', (_, open) => {
  let played: PlayedStore;
  let world: World;
  let [first, second]: Instance[] = [];

  beforeAll(async () => {
    Logger.overrideLogger(false);
    played = await open();
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'Date'] });
  });
  beforeEach(async () => {
    world = await World.begin('background', played);
    [first, second] = world.instances as [Instance, Instance, Instance];
  });
  afterEach(() => jest.clearAllTimers());
  afterAll(async () => {
    jest.useRealTimers();
    await played.close();
  });

  /** The first is told to announce and does not hear of it; the second has published since. */
  const givenUnheard = async (): Promise<void> => {
    second?.count(world.tenant(0), 1);
    await world.pass(STEP_MS);
    await second?.link.deliver(true);
    first?.count(world.tenant(0), 2);
    await world.pass(STEP_MS);
    await world.take(world.calls.at(-1) as (typeof world.calls)[number]);
    second?.count(world.tenant(0), 1);
    await world.pass(STEP_MS);
    await second?.link.deliver(true);
    for (const { link } of world.instances) link.cut();
    await world.loseData();
  };

  it('is announced even if its announcer had not heard of it', async () => {
    await givenUnheard();
    await world.agree();
  });

  it('is announced even if its announcer is the first to return', async () => {
    await givenUnheard();
    await world.connect(first as Instance);
    await world.pass(STEP_MS);
    await first?.link.deliver(true);
    await world.agree();
  });

  it('is not announced again by instances that know of the announcement', async () => {
    second?.count(world.tenant(0), 2);
    await world.settle();
    first?.count(world.tenant(0), 1);
    await world.settle();
    second?.count(world.tenant(0), 1);
    await world.settle();
    for (const { link } of world.instances) link.cut();
    await world.loseData();
    await world.connect(second as Instance);
    await world.settle();
    const [counter] = world.truth.live(world.now);
    expect(counter?.announced).toEqual([expect.objectContaining({ at: 0.5, by: first })]);
  });
});
