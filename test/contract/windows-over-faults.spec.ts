import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { RateMonitorOptions } from '../../src/index.js';
import { InstanceProcess } from '../support/instance-process.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

const PROCESSES = 4;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Kolkata is 5:30 ahead of UTC: 12:10:05 there, minutes and hours from any border. */
const START_MS = (12 * 60 + 10 - 330) * MINUTE + 5_000;

const wait = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));

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

  const call = async (process: InstanceProcess, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const init = { method: 'POST', headers: { 'x-project': 'acme' } };
      expect((await fetch(`${process.url}/llm/call`, init)).status).toBe(201);
    }
  };
  const onEach = (times: number): Promise<unknown> => Promise.all(processes.map((each) => call(each, times)));
  const advance = (ms: number): Promise<unknown> => Promise.all(processes.map((each) => each.ask({ advance: ms })));
  const alerted = (): string[] =>
    [...ended, ...processes]
      .flatMap(({ alerts }) => alerts.map(({ window, threshold }) => `${window} ${threshold}`))
      .sort();
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

    await server.kill();
    rmSync(join(data, 'appendonlydir'), { recursive: true });
    await server.restart();
    await wait(2_500);
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
});
