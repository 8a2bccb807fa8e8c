import { Logger } from '@nestjs/common';

import type { Instance } from './instance.js';
import { STEP_MS } from './settings.js';
import { memory } from './stores.js';
import { World } from './world.js';

it('what is counted while a publish is on its way is not taken for published', async () => {
  Logger.overrideLogger(false);
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'Date'] });
  const world = await World.begin('background', await memory());
  const [instance] = world.instances as [Instance];
  instance.count(world.tenant(0), 1);
  await world.pass(STEP_MS);
  instance.count(world.tenant(0), 1);
  await instance.link.deliver(true);
  await world.pass(STEP_MS);
  instance.link.cut();
  expect(await instance.read(world.tenant(0))).toBe(2);
  await world.agree();
  jest.useRealTimers();
});
