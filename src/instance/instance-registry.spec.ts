import { hostname } from 'node:os';

import { completed } from '../../test/support/complete-options.js';
import type { CategoryOptions, RateMonitorOptions } from '../options/rate-monitor-options.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { VERSION } from '../util/version.js';
import { InstanceRegistry } from './instance-registry.js';

const api: RateMonitorOptions = { service: 'api', environment: 'production' };

describe('the instances that share keys', () => {
  let now = 1_000_000;
  let figures = { counted: 0, uncounted: 0 };
  const lines: string[] = [];
  const registries: InstanceRegistry[] = [];
  const state = new MemorySharedState();

  const start = async (options: RateMonitorOptions = api): Promise<InstanceRegistry> => {
    const logger = { warn: (line: string) => void lines.push(line) };
    const id = `i${registries.length}_${now}`;
    const registry = new InstanceRegistry(
      id,
      completed(options),
      state,
      () => now,
      () => figures,
      logger,
    );
    registries.push(registry);
    await registry.start();
    return registry;
  };

  afterEach(async () => {
    await Promise.all(registries.splice(0).map((registry) => registry.stop()));
    lines.length = 0;
  });

  it('know each other until they leave', async () => {
    const [one, two] = [await start(), await start()];
    expect((await one.list()).map(({ id }) => id).sort()).toEqual([one.id, two.id].sort());
    expect((await one.list())[0]).toMatchObject({ service: 'api', environment: 'production' });
    await two.stop();
    expect((await one.list()).map(({ id }) => id)).toEqual([one.id]);
    expect(lines).toEqual([]);
  });

  it('forget one that was not seen for 30 s, and remove it', async () => {
    const gone = await start();
    now += 29_000;
    const one = await start();
    expect(await one.list()).toHaveLength(2);
    now += 2_000;
    expect((await one.list()).map(({ id }) => id)).toEqual([one.id]);
    await start();
    expect([...(await state.list('instances')).keys()]).not.toContain(gone.id);
  });

  it('are all listed again one heartbeat after the store lost them', async () => {
    const [one, two] = [await start(), await start()];
    for (const [id, record] of await state.list('instances')) await state.swap('instances', id, record, undefined);
    // An instance knows that it runs.
    expect((await one.list()).map(({ id }) => id)).toEqual([one.id]);
    await Promise.all([one.beat(), two.beat()]);
    expect(await one.list()).toHaveLength(2);
  });

  it('report what they are and how much they count', async () => {
    figures = { counted: 0, uncounted: 0 };
    const one = await start();
    [now, figures] = [now + 10_000, { counted: 25, uncounted: 2 }];
    await one.beat();
    expect(await one.list()).toEqual([
      {
        id: one.id,
        service: 'api',
        environment: 'production',
        version: VERSION,
        host: hostname(),
        pid: process.pid,
        startedAt: now - 10_000,
        lastSeen: now,
        perSecond: 2.5,
        uncounted: 2,
        thresholds: expect.any(Object),
      },
    ]);
  });

  it('warn of another app under the same keys, once for all of its replicas', async () => {
    await start();
    await start();
    await start({ service: 'billing', environment: 'staging' });
    expect(lines).toEqual([
      'api (production) counts under the same keys as billing (staging), so each alerts on the requests of both: set RATE_MONITOR_KEY_PREFIX, or keyPrefix, to a different name for each',
    ]);
  });

  it('warn of an app that starts later, too, and once only', async () => {
    const first = await start();
    await start({ service: 'billing', environment: 'staging' });
    lines.length = 0;
    for (let i = 0; i < 3; i++) await first.beat();
    expect(lines).toEqual([
      expect.stringContaining('billing (staging) counts under the same keys as api (production)'),
    ]);
  });

  it.each([
    ...['id', 'service', 'version', 'host'].map((field) => ({ [field]: 7 })),
    ...['pid', 'startedAt', 'lastSeen', 'perSecond', 'uncounted'].map((field) => ({ [field]: {} })),
    ...[{ thresholds: null }, { thresholds: { llm_call: 7 } }],
  ])('ignore a malformed stored one, with %j', async (wrong) => {
    const one = await start();
    const [text] = [...(await state.list('instances')).values()] as [string];
    const record = JSON.stringify({ ...(JSON.parse(text) as object), id: 'wrong', ...wrong });
    await state.swap('instances', 'wrong', undefined, record);
    const two = await start();
    await two.beat();
    expect((await two.list()).map(({ id }) => id).sort()).toEqual([one.id, two.id].sort());
    expect(lines).toEqual([]);
  });

  it('warn once the store is back, if it was away at the start', async () => {
    await start({ service: 'billing', environment: 'staging' });
    const list = jest.spyOn(state, 'list').mockRejectedValue(new Error('away'));
    const one = await start();
    expect(lines).toEqual([]);
    list.mockRestore();
    await one.beat();
    expect(lines).toEqual([expect.stringContaining('counts under the same keys')]);
  });

  it('let the one that starts later warn of other thresholds: a deployment replaces the earlier ones', async () => {
    const first = await start({ ...api, categories: { llm_call: { threshold: 15 } } });
    now += 1_000;
    await start({ ...api, categories: { llm_call: { threshold: 20 } } });
    lines.length = 0;
    await first.beat();
    expect(lines).toEqual([]);
  });

  it('warn of other thresholds, but not of equal ones', async () => {
    await start({ ...api, categories: { llm_call: { threshold: 15 }, old: { threshold: 1 } } });
    await start({ ...api, categories: { llm_call: { windowMs: 60_000, threshold: 15 } } });
    expect(lines).toEqual([]);
    await start({ ...api, categories: { llm_call: { threshold: 20 } } });
    expect(lines).toEqual([
      expect.stringContaining(
        'Another instance of api (production) alerts in llm_call at more than 15 in 1 minute, this one at more than 20',
      ),
    ]);
  });

  it('warn in words for people, even if thresholds round to the same number', async () => {
    const of = (windowMs: number, daily: number): CategoryOptions => ({
      windows: [
        { windowMs, threshold: 1_500 },
        { period: 'day', threshold: daily },
      ],
    });
    await start({ ...api, categories: { llm_call: of(2_000, 0.125) } });
    await start({ ...api, categories: { llm_call: of(90_001, 0.12501) } });
    expect(lines).toEqual([
      expect.stringContaining(
        'at more than 0.125 in 1 day; more than 1,500 in 2 s, this one at more than 0.12501 in 1 day; more than 1,500 in 90001 ms',
      ),
    ]);
  });

  it('warn of another time zone: its day is another window, counted separately', async () => {
    const of = (timeZone?: string) => ({ llm_call: { period: 'day' as const, threshold: 15, timeZone } });
    await start({ ...api, categories: of() });
    await start({ ...api, categories: of('UTC') });
    expect(lines).toEqual([]);
    await start({ ...api, categories: of('Asia/Kolkata') });
    expect(lines).toEqual([
      expect.stringContaining('at more than 15 in 1 day, this one at more than 15 in 1 day of Asia/Kolkata. Expected'),
    ]);
  });

  it('start while the store is away', async () => {
    const away = { swap: () => Promise.reject(new Error('away')), list: () => Promise.reject(new Error('away')) };
    const registry = new InstanceRegistry(
      'x',
      completed(api),
      away as never,
      () => now,
      () => figures,
      { warn: () => undefined },
    );
    await registry.start();
    await registry.stop();
  });

  it('are known while the store is away: the others as last read, this one as it is', async () => {
    figures = { counted: 0, uncounted: 0 };
    const other = await start();
    now += 1;
    const one = await start();
    now += 20_000;
    figures = { counted: 40, uncounted: 3 };
    await other.beat();
    now += 1_000;
    await one.beat();
    const readAt = now;
    const list = jest.spyOn(state, 'list').mockRejectedValue(new Error('away'));
    now += 60_000;
    figures = { counted: 100, uncounted: 9 };
    await expect(one.list()).rejects.toThrow('away');
    expect(one.known()).toMatchObject({
      readAt,
      instances: [
        { id: other.id, lastSeen: readAt - 1_000, uncounted: 3 },
        { id: one.id, lastSeen: now, uncounted: 9, perSecond: 1.9 },
      ],
    });
    list.mockRestore();
    figures = { counted: 0, uncounted: 0 };
  });

  it('ignore a record of another kind', async () => {
    await state.swap('instances', 'x', undefined, '"later"');
    expect(await (await start()).list()).toHaveLength(1);
  });
});
