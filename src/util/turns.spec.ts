import { AsyncLocalStorage } from 'node:async_hooks';
import promised, { setImmediate as turn } from 'node:timers/promises';

import { Turns } from './turns.js';

describe('Turns', () => {
  let done: number[];
  const go = (turns: Turns, one: number, much?: number): void => void turns.mine(much).then(() => done.push(one));
  beforeEach(() => (done = []));

  it('runs a limited number of calls per turn of the event loop, in their order', async () => {
    const turns = new Turns(2);
    for (const one of [1, 2, 3, 4, 5]) go(turns, one);
    await Promise.resolve();
    expect(done).toEqual([1, 2]);
    await turn();
    expect(done).toEqual([1, 2, 3, 4]);
    go(turns, 6);
    await turn();
    expect(done).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('weighs a large piece of work by its size', async () => {
    const turns = new Turns(10);
    go(turns, 1, 9);
    go(turns, 2, 30);
    go(turns, 3);
    await Promise.resolve();
    expect(done).toEqual([1, 2]);
    await turn();
    expect(done).toEqual([1, 2, 3]);
  });

  it('does not wait in the async context of a call', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    jest.spyOn(promised, 'setImmediate').mockImplementation(() => {
      seen.push(context.getStore());
      return Promise.resolve();
    });
    const turns = new Turns(1);
    await context.run('request', () => turns.mine());
    jest.restoreAllMocks();
    expect(seen).toEqual([undefined]);
  });
});
