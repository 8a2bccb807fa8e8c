import type { CategoryOptions, RateMonitorOptions } from '../../src/index.js';
import { FourReplicas } from '../support/four-replicas.js';

const HOUR = { windowMs: 3_600_000 };

/** Every app here exempts tenants whose ids begin with `internal_`. */
describe('edges of thresholds in four processes', () => {
  const levels: CategoryOptions['levels'] = [
    { at: 1, severity: 'warning' },
    { at: 5, severity: 'critical' },
  ];
  const always: RateMonitorOptions['categories'] = {
    zero: { ...HOUR, threshold: 0, levels },
    endless: { ...HOUR, threshold: Infinity },
    calls: { ...HOUR, threshold: 10 },
    keyed: { ...HOUR, threshold: 46 },
  };
  const base = { keyPrefix: 'edges', incidents: true, groupWaitMs: 0 };
  const before: RateMonitorOptions = {
    ...base,
    categories: { ...always, removed: { threshold: 2 }, changed: { windows: [{ ...HOUR, threshold: 5 }] } },
  };
  /** The options of the next deployment. */
  const after: RateMonitorOptions = {
    ...base,
    categories: {
      ...always,
      changed: {
        windows: [
          { ...HOUR, threshold: 5 },
          { period: 'day', threshold: 7 },
        ],
      },
    },
  };
  let replicas: FourReplicas;

  beforeAll(async () => (replicas = await FourReplicas.start(before, '2026-11-25T12:10:05Z')));
  afterAll(() => replicas.close());

  const alerted = (...tenants: string[]): string[] =>
    tenants.flatMap((tenant) =>
      replicas
        .alertsOf(tenant)
        .map(
          ({ category, window, threshold, level, incident }) =>
            `${tenant} ${[category, window].filter(Boolean).join(':')} ${threshold} x${level.at} ${incident?.status}`,
        ),
    );

  it('an alert about a burst names its contributors, with exact counts', async () => {
    const shares = [18, 13, 10, 6];
    await Promise.all(shares.map((times, i) => replicas.call(i, 'keyed', 'fern', times, `sk-****${i}`)));
    await replicas.settled(() => alerted('fern'), ['fern keyed 46 x1 opened']);
    const [alert] = replicas.alertsOf('fern');
    expect(alert?.count).toBe(47);
    expect(alert?.contributors).toEqual(shares.map((count, i) => ({ label: `sk-****${i}`, count })));
  });

  it('threshold 0, Infinity and exempt: one alert at the highest level, or none', async () => {
    const tenants = ['acme', 'internal_1', 'internal_2'];
    const settled = (...expected: string[]): Promise<void> => replicas.settled(() => alerted(...tenants), expected);
    const call = async (): Promise<void> => {
      for (const category of ['zero', 'endless', 'calls'])
        for (const tenant of category === 'calls' ? tenants.slice(1) : ['acme'])
          await replicas.callOnEach(category, tenant, 3);
    };
    await replicas.at(0).ask({ set: { category: 'calls', tenant: 'internal_1', threshold: 11 } });
    await replicas.at(1).ask({ set: { category: 'calls', tenant: 'internal_*', threshold: 1 } });
    await replicas.restartStore('with its data');
    await call();
    const once = ['acme zero 0 x5 opened', 'internal_1 calls 11 x1 opened'];
    await settled(...once);
    await replicas.restartStore('empty');
    await replicas.replace(0, 'kill', before);
    await call();
    await settled(...once);
  });

  it('a threshold below the present count alerts at once and only once; one above it ends the incident', async () => {
    const tenants = ['bolt', 'pre_1', 'core'];
    const settled = (...expected: string[]): Promise<void> => replicas.settled(() => alerted(...tenants), expected);
    for (const tenant of tenants) await replicas.callOnEach('calls', tenant, 2);
    await replicas.at(0).ask({ set: { category: 'calls', tenant: 'bolt', threshold: 4 } });
    await replicas.at(1).ask({ set: { category: 'calls', tenant: 'pre_*', threshold: 5 } });
    const below = ['bolt calls 4 x1 opened', 'pre_1 calls 5 x1 opened'];
    await settled(...below);
    await replicas.restartStore('empty');
    await settled(...below);

    // Above, by removal and by another threshold, from processes that did not alert and did not set them.
    await replicas.at(3).ask({ remove: { category: 'calls', tenant: 'bolt' } });
    await replicas.at(2).ask({ set: { category: 'calls', tenant: 'pre_*', threshold: 100 } });
    const above = ['bolt calls 4 x1 resolved', 'pre_1 calls 5 x1 resolved'];
    await settled(...below, ...above);

    // For all of the category, until a time, over the end of the process that set it.
    await replicas.at(2).ask({ set: { category: 'calls', threshold: 6, forMs: 600_000 } });
    const all = ['bolt calls 6 x1 opened', 'core calls 6 x1 opened'];
    // Within the window a level is alerted on once: not that of bolt again.
    await settled(...below, ...above, all[1] as string);
    await replicas.replace(2, 'kill', before);
    await replicas.restartStore('with its data');
    await replicas.moveTo('2026-11-25T12:30:00Z');
    await settled(...below, ...above, all[1] as string, 'core calls 6 x1 resolved');
  });

  it('an alert about such a threshold names the contributors, even if its process counted none of the requests', async () => {
    for (const [process, times] of [3, 5].entries())
      await replicas.call(process, 'calls', 'iris', times, `sk-****${process}`);
    await replicas.published();
    await replicas.at(3).ask({ set: { category: 'calls', tenant: 'iris', threshold: 4 } });
    await replicas.settled(() => alerted('iris'), ['iris calls 4 x1 opened']);
    const [alert] = replicas.alertsOf('iris');
    expect(alert?.contributors).toEqual([
      { label: 'sk-****1', count: 5 },
      { label: 'sk-****0', count: 3 },
    ]);
  });

  it('a threshold below a count that no running process has counted alerts at once and only once', async () => {
    const settled = (...expected: string[]): Promise<void> =>
      replicas.settled(() => alerted('gale', 'hail_1'), expected);
    for (const tenant of ['gale', 'hail_1']) await replicas.callOnEach('calls', tenant, 2);
    await replicas.moveTo('2026-11-25T12:31:00Z');
    await Promise.all(replicas.processes.map((_, i) => replicas.replace(i, i % 2 ? 'kill' : 'stop', before)));
    await replicas.at(0).ask({ set: { category: 'calls', tenant: 'gale', threshold: 7 } });
    await replicas.at(1).ask({ set: { category: 'calls', tenant: 'hail_*', threshold: 7 } });
    // With a prefix, nobody knows which tenants were counted.
    await settled('gale calls 7 x1 opened');
    expect(replicas.alertsOf('gale')[0]).toMatchObject({ count: 8, countedBy: 'all' });
    for (const tenant of ['gale', 'hail_1']) await replicas.callOnEach('calls', tenant);
    await settled('gale calls 7 x1 opened', 'hail_1 calls 7 x1 opened');
  });

  it('a category that is removed, and windows that change, old and new processes side by side', async () => {
    const settled = (...expected: string[]): Promise<void> => replicas.settled(() => alerted('dune', 'echo'), expected);
    await replicas.callOnEach('removed', 'dune');
    const opened = 'dune removed 2 x1 opened';
    await settled(opened);
    await Promise.all([replicas.replace(0, 'stop', after), replicas.replace(1, 'kill', after)]);
    await replicas.callOnEach('changed', 'echo');
    await settled(opened);
    await replicas.restartStore('with its data');
    await replicas.callOnEach('changed', 'echo');
    // The hour is counted by all, the day by two. Only the new ones call the hour by its name.
    const hour = 'echo changed 5 x1 opened';
    const echo = (): string[] => alerted('echo').map((line) => line.replace('changed:hour', 'changed'));
    await replicas.settled(() => [...alerted('dune'), ...echo()], [opened, hour]);
    await replicas.moveTo('2026-11-25T12:40:00Z');
    await replicas.settled(() => alerted('dune'), [opened, 'dune removed 2 x1 resolved']);
    // In the next hour it goes on, whichever process notices it, and no matter that the store loses all.
    await replicas.restartStore('empty');
    await replicas.moveTo('2026-11-25T13:00:05Z');
    await replicas.call(1, 'changed', 'echo', 6);
    await replicas.restartStore('empty');
    await replicas.call(2, 'changed', 'echo', 6);
    const day = 'echo changed:day 7 x1 opened';
    await replicas.settled(() => echo().filter((line) => !line.endsWith('reminded')), [hour, day]);
    await Promise.all([replicas.replace(2, 'stop', after), replicas.replace(3, 'stop', after)]);
    await replicas.moveTo('2026-11-25T18:00:05Z');
    const over = 'echo changed 5 x1 resolved';
    await replicas.settled(() => echo().filter((line) => !line.endsWith('reminded')), [hour, day, over]);
  });
});
