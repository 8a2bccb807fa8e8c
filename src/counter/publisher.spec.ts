import { type Logger } from '@nestjs/common';

import type { CounterStore, Published } from '../store/counter-store.js';
import { Publisher, type PublishListener } from './publisher.js';
import { StoreHealth } from './store-health.js';
import { TrackedTenant } from './tracked-tenant.js';

const WAIT_AT_MOST_MS = 50;

describe('Publisher, where requests wait', () => {
  let answer: CounterStore['publish'];
  const store: CounterStore = { name: 'store', publish: (totals) => answer(totals), read: () => Promise.resolve(0) };
  const listener: PublishListener = {
    taken: () => undefined,
    refused: () => undefined,
    unreached: () => undefined,
    recovered: () => undefined,
    expired: () => false,
  };
  const silent = { warn: () => undefined, log: () => undefined } as unknown as Logger;
  const window = { category: 'llm_call', instance: 'me', number: 1, windowMs: 60_000 };
  let publisher: Publisher;
  const count = (): Promise<void> | undefined => publisher.publish(new TrackedTenant(window, 'acme'));

  const answers: CounterStore['publish'] = (totals) =>
    Promise.resolve(totals.map(({ total }) => ({ count: total, announced: 0, announce: 0 })));
  const fails = (): Promise<Published[]> => Promise.reject(new Error('connect ECONNREFUSED'));
  const hangs = (): Promise<Published[]> => new Promise(() => undefined);

  beforeEach(() => {
    jest.useFakeTimers();
    const options = { counting: 'await', waitAtMostMs: WAIT_AT_MOST_MS, flushIntervalMs: 100 } as const;
    publisher = new Publisher(store, options, new StoreHealth('store', silent), listener);
  });
  afterEach(() => {
    publisher.stop();
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it('lets a request wait for the store that answers', async () => {
    answer = answers;
    const wait = count();
    expect(wait).toBeInstanceOf(Promise);
    await jest.advanceTimersByTimeAsync(0);
    await expect(wait).resolves.toBeUndefined();
  });

  it.each([
    ['fails', fails],
    ['hangs', hangs],
  ])('lets none wait once the store %s, and each again once it answers', async (_, trouble) => {
    answer = trouble;
    const first = count();
    await jest.advanceTimersByTimeAsync(WAIT_AT_MOST_MS + 1);
    await first;
    expect(count()).toBeUndefined();

    answer = answers;
    await jest.advanceTimersByTimeAsync(5_000);
    expect(count()).toBeInstanceOf(Promise);
  });

  it('sends one publish at a time, however many flush at once', async () => {
    let [underWay, most] = [0, 0];
    answer = async (totals) => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 10));
      underWay--;
      return answers(totals);
    };
    void count();
    await jest.advanceTimersByTimeAsync(0);
    void count();
    const over = jest.fn();
    const flushes = [1, 2, 3].map(() => publisher.flush().then(over));
    await jest.advanceTimersByTimeAsync(15);
    expect(over).not.toHaveBeenCalled();
    void count();
    await jest.advanceTimersByTimeAsync(15);
    await Promise.all(flushes);
    expect(most).toBe(1);
  });

  describe('sends more than one call takes', () => {
    const MANY = 250;
    const many = Array.from({ length: MANY }, (_, i) => new TrackedTenant(window, `tenant_${i}`));
    const publishAll = async (): Promise<void> => {
      for (const tracked of many) void publisher.publish(tracked);
      await jest.advanceTimersByTimeAsync(1);
    };

    it('and lets go of a request that counts what is still to be sent', async () => {
      answer = async (totals) => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return answers(totals);
      };
      await publishAll();
      const counted = jest.fn();
      void publisher.publish(many.at(-1) as TrackedTenant)?.then(counted);
      await jest.advanceTimersByTimeAsync(30);
      expect(counted).toHaveBeenCalled();
    });

    it('and keeps none of them waiting for long where the store keeps each call waiting for a node', async () => {
      const taken = jest.spyOn(listener, 'taken');
      answer = async (totals) => {
        const [, ...others] = await answers(totals);
        await new Promise((resolve) => setTimeout(resolve, 900));
        return [{ refused: 'no answer', forGood: false }, ...others];
      };
      const tenants = Array.from({ length: 2_200 }, (_, i) => new TrackedTenant(window, `tenant_${i}`));
      for (const tracked of tenants) void publisher.publish(tracked);
      await jest.advanceTimersByTimeAsync(2_800);
      expect(taken).toHaveBeenCalledTimes(2_200 - 11);
    });

    it('and is away until the store takes all of them: a Cluster may lack a node', async () => {
      const recovered = jest.spyOn(listener, 'recovered');
      const lacksOne: CounterStore['publish'] = async (totals) => {
        const [first, ...others] = await answers(totals);
        const lost = { refused: 'the connection was lost', forGood: false };
        return totals[0]?.tenant === 'tenant_0' ? [lost, ...others] : [first as Published, ...others];
      };
      answer = lacksOne;
      await publishAll();
      await jest.advanceTimersByTimeAsync(2_000);
      expect(recovered).not.toHaveBeenCalled();
      expect(count()).toBeUndefined();
      answer = answers;
      await jest.advanceTimersByTimeAsync(2_000);
      expect(recovered).toHaveBeenCalledTimes(1);
      expect(count()).toBeInstanceOf(Promise);
    });
  });

  it('has recovered though what it took was to be published again', async () => {
    const recovered = jest.spyOn(listener, 'recovered');
    const taken = jest.spyOn(listener, 'taken').mockImplementationOnce((tracked) => publisher.publishSoon(tracked));
    answer = fails;
    void count();
    await jest.advanceTimersByTimeAsync(10);
    answer = answers;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(taken).toHaveBeenCalledTimes(2);
    expect(recovered).toHaveBeenCalledTimes(1);
  });

  it('has nothing left to send where all that waited is over', async () => {
    answer = fails;
    void count();
    await jest.advanceTimersByTimeAsync(10);
    jest.spyOn(listener, 'expired').mockReturnValue(true);
    publisher.publishAll([]);
    expect(publisher.idle).toBe(true);
  });
});
