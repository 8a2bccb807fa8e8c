import { setTimeout as wait } from 'node:timers/promises';

import type { RateMonitorOptions } from '../../src/index.js';
import { FourReplicas } from '../support/four-replicas.js';
import { until } from '../support/until.js';

const HOUR_MS = 3_600_000;

describe('several windows in four processes', () => {
  const options: RateMonitorOptions = {
    keyPrefix: 'windows',
    categories: {
      llm_call: {
        windows: [
          { threshold: 12, sliding: true },
          { period: 'day', timeZone: 'Asia/Kolkata', threshold: 20 },
        ],
      },
      // The handlers of the app name them too.
      collections: { threshold: 100 },
      evaluations: { threshold: 100 },
      llm_tokens: { threshold: 100, windowMs: HOUR_MS },
      failures: { threshold: 3, windowMs: HOUR_MS },
    },
  };
  let replicas: FourReplicas;

  // 12:10:05 in Kolkata, which is 5:30 ahead of UTC: minutes and hours from any border.
  beforeAll(async () => (replicas = await FourReplicas.start(options, '2026-11-25T06:40:05Z')));
  afterAll(() => replicas.close());

  const answer = async (process: number, tokens: string, key: string): Promise<number> => {
    const headers = { 'x-project': 'bolt', 'x-key': key };
    return (await fetch(`${replicas.at(process).url}/outcomes/${tokens}`, { method: 'POST', headers })).status;
  };
  const onEach = (times: number): Promise<void> => replicas.callOnEach('llm_call', 'acme', times);
  const alerted = (): string[] => replicas.alertsOf('acme').map(({ window, threshold }) => `${window} ${threshold}`);
  const settled = (...expected: string[]): Promise<void> => replicas.settled(alerted, expected);

  it('alert once each, through restarts of the store with and without its data, and a killed process', async () => {
    await onEach(3);
    await settled();
    // 30 s later it is the same sliding window, whichever fixed minute it is.
    await replicas.moveTo('2026-11-25T06:40:35Z');
    await replicas.call(0, 'llm_call', 'acme');
    await settled('minute 12');

    await replicas.restartStore('with its data');
    await replicas.moveTo('2026-11-25T06:42:35Z');
    await onEach(2);
    await settled('day 20', 'minute 12');

    await replicas.restartStore('empty');
    await onEach(1);
    // 12 in the sliding window, 25 of the day, which is known to be announced.
    await settled('day 20', 'minute 12');

    await replicas.drop(0);
    await replicas.moveTo('2026-11-26T06:42:35Z');
    await onEach(4);
    await settled('day 20', 'minute 12');
    await replicas.moveTo('2026-11-26T06:44:35Z');
    await onEach(3);
    await settled('day 20', 'day 20', 'minute 12');
  });

  it('count by outcome and name contributors, through the same faults', async () => {
    const categories = (): string[] => replicas.alertsOf('bolt').map(({ category }) => category);
    for (const [process, key] of [
      [0, 'sk-a'],
      [1, 'sk-a'],
      [2, 'sk-b'],
    ] as const) {
      for (let i = 0; i < 4; i++) expect(await answer(process, '8', key)).toBe(201);
      expect(await answer(process, 'none', key)).toBe(500);
    }
    // 96 tokens and 3 failures.
    await wait(1_500);
    expect(categories()).toEqual([]);

    await replicas.restartStore('with its data');
    expect(await answer(1, '8', 'sk-b')).toBe(201);
    await until(() => categories().length > 0);
    await wait(700);
    const [alert] = replicas.alertsOf('bolt');
    expect(categories()).toEqual(['llm_tokens']);
    expect(alert).toMatchObject({ count: 104, threshold: 100, countedBy: 'all' });
    expect(alert?.contributors).toEqual([
      { label: 'sk-a', count: 64 },
      { label: 'sk-b', count: 40 },
    ]);

    await replicas.restartStore('empty');
    await replicas.drop(2);
    expect(await answer(0, '8', 'sk-a')).toBe(201);
    expect(await answer(1, 'none', 'sk-b')).toBe(500);
    await until(() => categories().length > 1);
    await wait(700);
    // The fourth failure, as nobody forgot the first three.
    expect(categories()).toEqual(['llm_tokens', 'failures']);
  });
});
