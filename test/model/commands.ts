import fc from 'fast-check';

import type { Instance } from './instance.js';
import { INSTANCES, STEP_MS, TENANTS, WINDOW_MS } from './settings.js';
import type { World } from './world.js';

type Play = (world: World) => Promise<void> | void;

/** Something that happens in a world, said as fast-check is to show it. */
class Command implements fc.AsyncCommand<object, World> {
  constructor(
    private readonly shown: string,
    private readonly play: Play,
  ) {}

  check(): boolean {
    return true;
  }

  async run(_: object, world: World): Promise<void> {
    await this.play(world);
  }

  toString(): string {
    return this.shown;
  }
}

const slot = fc.nat(INSTANCES - 1);

/** Happens to one instance, where that one lives. */
function toOne(shown: string, play: (instance: Instance, world: World) => Promise<void> | void) {
  return slot.map(
    (number) =>
      new Command(`${shown} ${number}`, async (world) => {
        const instance = world.instances[number];
        if (instance?.isAlive) await play(instance, world);
      }),
  );
}

function toAll(shown: string, play: Play) {
  return fc.constant(new Command(shown, play));
}

const count = fc.tuple(slot, fc.nat(TENANTS - 1), fc.integer({ min: 1, max: 3 })).map(
  ([number, tenant, cost]) =>
    new Command(`count ${number} tenant_${tenant} +${cost}`, (world) => {
      if (world.instances[number]?.isAlive) world.instances[number].count(world.tenant(tenant), cost);
    }),
);

/** Gets what an instance has to publish on its way, and then lets something become of it. */
function withItsCall(shown: string, play: (instance: Instance) => Promise<void> | void) {
  return toOne(shown, async (instance, world) => {
    if (!instance.link.call) await world.pass(STEP_MS);
    await play(instance);
    await world.pass(STEP_MS);
  });
}

const pass = fc
  .constantFrom(STEP_MS, 100, 1_100, 2_500)
  .map((ms) => new Command(`pass ${ms} ms`, (world) => world.pass(ms)));

const rollOver = fc.tuple(fc.constantFrom(1, 1, 1, 2, 3), fc.constantFrom(0, 0, 1, 2)).map(
  ([windows, which]) =>
    new Command(`roll over ${windows} of ${which}`, (world) => {
      for (let i = 0; i < windows; i++) world.rollOver(which);
    }),
);

const comesAgain = fc.nat().map(
  (number) =>
    new Command(`comes again ${number}`, async (world) => {
      const call = world.calls[number % Math.max(1, world.calls.length)];
      if (call) await world.take(call);
    }),
);

const start = fc
  .tuple(slot, fc.integer({ min: -2 * WINDOW_MS, max: 2 * WINDOW_MS }))
  .map(([number, skewMs]) => new Command(`start ${number} (${skewMs} ms)`, (world) => world.start(number, skewMs)));

function restart(shown: string, play: Play) {
  return toAll(shown, async (world) => {
    for (const { link } of world.instances) link.cut();
    await play(world);
  });
}

/** What may happen, the likelier the more often. */
const HAPPENINGS: [number, fc.Arbitrary<Command>][] = [
  [12, count],
  [6, withItsCall('answer', ({ link }) => link.deliver(true))],
  [2, withItsCall('lose the reply of', ({ link }) => link.deliver(false))],
  [1, withItsCall('lose the publish of', ({ link }) => link.lose())],
  [3, comesAgain],
  [3, pass],
  [1, rollOver],
  [1, toOne('cut', ({ link }) => link.cut())],
  [3, toOne('connect', (instance, world) => world.connect(instance))],
  [1, restart('restart with data', () => undefined)],
  [1, restart('restart without data', (world) => world.loseData())],
  [
    1,
    fc
      .nat(TENANTS - 1)
      .map((tenant) => new Command(`evict tenant_${tenant}`, (world) => world.evict(world.tenant(tenant)))),
  ],
  [1, toOne('kill', (instance) => instance.kill())],
  [1, toOne('stop', (instance, world) => world.stop(instance))],
  [1, start],
  [1, toAll('agree', (world) => world.agree())],
];

export const happenings = fc.commands(
  HAPPENINGS.flatMap(([weight, happening]) => Array.from({ length: weight }, () => happening)),
  { maxCommands: 60, size: 'max' },
);
