import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import type { RateAlert, RateMonitorOptions } from '../../src/index.js';
import { InstanceProcess } from '../support/instance-process.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

const PROCESSES = 4;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Kolkata is 5:30 ahead of UTC: 12:10:05 there, minutes and hours from any border. */
const START_MS = (12 * 60 + 10 - 330) * MINUTE + 5_000;

describe('several windows in four processes', () => {
  const data = mkdtempSync(join(tmpdir(), 'windows-'));
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
      llm_tokens: { threshold: 100, windowMs: 60 * MINUTE },
      failures: { threshold: 3, windowMs: 60 * MINUTE },
    },
  };
  const ended: InstanceProcess[] = [];
  let server: RedisServer;
  let processes: InstanceProcess[] = [];

  beforeAll(async () => {
    server = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always', '--dir', data);
    const start = (): Promise<InstanceProcess> => InstanceProcess.start(server.url, options, { movedClock: true });
    processes = await Promise.all(Array.from({ length: PROCESSES }, start));
    const ahead = (START_MS - (Date.now() % DAY) + DAY) % DAY;
    await Promise.all(processes.map((each) => each.ask({ advance: ahead })));
  });
  afterAll(async () => {
    await Promise.all(processes.map((each) => each.kill()));
    await server.kill();
    rmSync(data, { recursive: true });
  });

  const answer = async (process: InstanceProcess, tokens: string, key: string): Promise<number> => {
    const headers = { 'x-project': 'bolt', 'x-key': key };
    return (await fetch(`${process.url}/outcomes/${tokens}`, { method: 'POST', headers })).status;
  };
  const call = async (process: InstanceProcess, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const init = { method: 'POST', headers: { 'x-project': 'acme' } };
      expect((await fetch(`${process.url}/llm/call`, init)).status).toBe(201);
    }
  };
  const onEach = (times: number): Promise<unknown> => Promise.all(processes.map((each) => call(each, times)));
  const advance = (ms: number): Promise<unknown> => Promise.all(processes.map((each) => each.ask({ advance: ms })));
  const alertsOf = (tenant: string): RateAlert[] =>
    [...ended, ...processes].flatMap(({ alerts }) => alerts).filter((alert) => alert.tenant.id === tenant);
  const alerted = (): string[] =>
    alertsOf('acme')
      .map(({ window, threshold }) => `${window} ${threshold}`)
      .sort();
  const restartEmpty = async (): Promise<void> => {
    await server.kill();
    rmSync(join(data, 'appendonlydir'), { recursive: true });
    await server.restart();
    await wait(2_500);
  };
  /** So that what is alerted wrongly would have been by then. */
  const settled = async (expected: readonly string[]): Promise<void> => {
    await until(() => alerted().length >= expected.length, 5_000);
    await wait(700);
    expect(alerted()).toEqual([...expected].sort());
  };

  it('alert once each, over restarts of the store with and without its data, and the kill of a process', async () => {
    await onEach(3);
    await settled([]);
    // 30 s later it is the same sliding window, whichever fixed minute it is.
    await advance(30_000);
    await call(processes[0] as InstanceProcess, 1);
    await settled(['minute 12']);

    await server.restart();
    await wait(1_500);
    await advance(2 * MINUTE);
    await onEach(2);
    await settled(['day 20', 'minute 12']);

    await restartEmpty();
    await onEach(1);
    // 12 in the sliding window, 25 of the day, which is known to be announced.
    await settled(['day 20', 'minute 12']);

    const [first] = processes.splice(0, 1) as [InstanceProcess];
    await first.kill();
    ended.push(first);
    await advance(DAY);
    await onEach(4);
    await settled(['day 20', 'minute 12']);
    await advance(2 * MINUTE);
    await onEach(3);
    await settled(['day 20', 'day 20', 'minute 12']);
  });

  it('count by outcome and name who made it up, over the same faults', async () => {
    const [first, second, third] = processes as [InstanceProcess, InstanceProcess, InstanceProcess];
    const categories = (): string[] => alertsOf('bolt').map(({ category }) => category);
    for (const [process, key] of [
      [first, 'sk-a'],
      [second, 'sk-a'],
      [third, 'sk-b'],
    ] as const) {
      for (let i = 0; i < 4; i++) expect(await answer(process, '8', key)).toBe(201);
      expect(await answer(process, 'none', key)).toBe(500);
    }
    // 96 tokens and 3 failures.
    await wait(1_500);
    expect(categories()).toEqual([]);

    await server.restart();
    await wait(1_500);
    expect(await answer(second, '8', 'sk-b')).toBe(201);
    await until(() => categories().length > 0, 5_000);
    await wait(700);
    const [alert] = alertsOf('bolt');
    expect(categories()).toEqual(['llm_tokens']);
    expect(alert).toMatchObject({ count: 104, threshold: 100, countedBy: 'all' });
    expect(alert?.contributors).toEqual([
      { label: 'sk-a', count: 64 },
      { label: 'sk-b', count: 40 },
    ]);

    await restartEmpty();
    processes = processes.filter((each) => each !== third);
    await third.kill();
    ended.push(third);
    expect(await answer(first, '8', 'sk-a')).toBe(201);
    expect(await answer(second, 'none', 'sk-b')).toBe(500);
    await until(() => categories().length > 1, 5_000);
    await wait(700);
    // The fourth failure, as nobody forgot the first three.
    expect(categories()).toEqual(['llm_tokens', 'failures']);
  });
});
