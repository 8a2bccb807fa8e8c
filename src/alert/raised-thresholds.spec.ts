import { aBreach, alertScene, Hearing, START, story } from '../../test/support/alert-scene.js';
import { aWindow } from '../../test/support/alert-settings.js';
import { pass } from '../../test/support/fake-timers.js';
import { DeliveryError } from '../model/delivery-error.js';
import type { CountRead } from '../model/window.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { withBreach } from './incident/incident.js';
import { IncidentRecords } from './incident/incident-records.js';
import { RaisedThresholds, type ThresholdSource } from './raised-thresholds.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('when thresholds have changed', () => {
  const scene = alertScene();
  const { replica, counts } = scene;

  it('ends open incidents of that category whose count is no longer over a threshold', async () => {
    const heard = new Hearing();
    const present = new Map([
      ['a', 30],
      ['b', undefined],
      ['c', 15],
    ] as const);
    const asked: unknown[] = [];
    const engine = await replica([heard], {
      ...story,
      thresholdNotReached: (of, count) => {
        asked.push([of, count]);
        return present.get(of.tenantId as 'a');
      },
    });
    for (const tenant of ['a', 'b', 'c']) await engine.breached(aBreach(tenant));
    await engine.breached(aBreach('d', { category: 'exports' }));
    counts.set('b', 25);
    await engine.thresholds.changed('llm');
    await pass(0);
    const of = (tenantId: string) => ({ category: 'llm', window: '', tenantId });
    const byTenant = (list: unknown[]) => list.sort((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1));
    expect(byTenant(asked)).toEqual([
      [of('a'), 16],
      [of('b'), 25],
      [of('c'), 16],
    ]);
    expect(heard.heard.slice(4).sort()).toEqual(['a resolved 16', 'c resolved 16']);
    const raisedTo = heard.alerts.map(({ tenant, incident }) => [tenant.id, incident?.thresholdRaisedTo]);
    expect(raisedTo.slice(4).sort()).toEqual([
      ['a', 30],
      ['c', undefined],
    ]);
    // Once.
    await engine.thresholds.changed('llm');
    await pass(SECOND);
    expect([asked.length, heard.heard.length]).toEqual([4, 6]);
  });

  it.each([
    ['not one that goes over the new threshold', 40, []],
    ['one that stays under it', 30, ['a resolved 30']],
  ])('ends, of those with a breach while the counts are read, %s', async (_, count, ends) => {
    const heard = new Hearing();
    const engine = await replica([heard], {
      ...story,
      thresholdNotReached: (_of, reached) => (reached > 30 ? undefined : 30),
      counts: async () => {
        await engine.breached(aBreach('a', { count }));
        return [20];
      },
    });
    await engine.breached(aBreach());
    await engine.thresholds.changed('llm');
    await pass(SECOND);
    expect(heard.heard).toEqual(['a opened 16', ...ends]);
  });

  it('ends an incident whose tenant no longer has a limit', async () => {
    const heard = new Hearing();
    const engine = await replica([heard], { ...story, thresholdNotReached: () => Infinity });
    await engine.breached(aBreach());
    await engine.thresholds.changed('llm');
    await pass(5 * SECOND);
    expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
    const other = await replica([], story);
    expect((await other.list()).map(({ alert }) => alert.incident?.status)).toEqual(['resolved']);
  });

  it.each([
    ['no', 'before', START - 1, []],
    ['any', 'after', START, ['a resolved 16']],
  ])('ends %s incident by an answer that a function gave %s the breach', async (_which, _when, saidAt, ends) => {
    const heard = new Hearing();
    const thresholdNotReached: ThresholdSource['thresholdNotReached'] = (_of, _count, maxAgeMs) =>
      Date.now() - saidAt > maxAgeMs ? undefined : 30;
    const engine = await replica([heard], { ...story, thresholdNotReached });
    await engine.breached(aBreach());
    await engine.thresholds.changed('llm');
    await pass(SECOND);
    expect(heard.heard).toEqual(['a opened 16', ...ends]);
  });

  describe('by a deployment', () => {
    /** @param saidAt - When a function said the threshold, if one did. */
    const configured = (saidAt = Infinity) => ({
      incidents: { remindAfterMs: HOUR / 2, resolveAfterMs: undefined },
      windowOf: () => aWindow('day', DAY),
      thresholdNotReached: (_: unknown, count: number, maxAgeMs = Infinity) =>
        count > 30 || Date.now() - saidAt > maxAgeMs ? undefined : 30,
    });
    const ends = ({ alerts }: Hearing) =>
      alerts
        .filter(({ incident }) => incident?.status === 'resolved')
        .map(({ tenant, incident }) => [tenant.id, incident?.thresholdRaisedTo]);

    it('ends an incident of a long window once it is calm, and says why', async () => {
      const heard = new Hearing();
      const engine = await replica([heard], configured());
      await engine.breached(aBreach('a', {}, DAY));
      await engine.breached(aBreach('b', {}, DAY));
      await engine.breached(aBreach('c', {}, DAY));
      counts.set('c', 31);
      // The threshold was this before, too.
      await engine.breached(aBreach('d', { threshold: 30, count: 25, level: { at: 0.8, severity: 'info' } }, DAY));
      await pass(4 * MINUTE);
      // By a replica of before the deployment.
      await engine.breached(aBreach('b', { level: { at: 2, severity: 'critical' }, count: 29 }, DAY));
      await pass(4 * MINUTE);
      expect(ends(heard)).toEqual([['a', 30]]);
      await pass(2 * MINUTE);
      expect(ends(heard)).toEqual([
        ['a', 30],
        ['b', 30],
      ]);
    });

    it('does so within five minutes of the deployment, however rare its reminders are', async () => {
      const heard = new Hearing();
      let isRaised = false;
      const { thresholdNotReached, ...more } = configured();
      const engine = await replica([heard], {
        ...more,
        incidents: { remindAfterMs: 24 * HOUR, resolveAfterMs: undefined },
        thresholdNotReached: (of, count) => (isRaised ? thresholdNotReached(of, count) : undefined),
      });
      await engine.breached(aBreach('a', {}, DAY));
      await pass(3 * HOUR + MINUTE);
      isRaised = true;
      await pass(5 * MINUTE);
      expect(ends(heard)).toEqual([['a', 30]]);
    });

    it('names the raised threshold at the end of an incident of a short window', async () => {
      const heard = new Hearing();
      const engine = await replica([heard], configured());
      await engine.breached(aBreach());
      await pass(4 * MINUTE);
      expect(ends(heard)).toEqual([]);
      await pass(3 * MINUTE);
      expect(ends(heard)).toEqual([['a', 30]]);
    });

    it('names none at the end of an incident that was calm before, and does not end a window that is its own alert', async () => {
      const [heard, repeated] = [new Hearing(), Object.assign(new Hearing(), { repeatEveryMs: MINUTE })];
      let isRaised = false;
      const { thresholdNotReached, ...more } = configured();
      const engine = await replica([heard], {
        ...more,
        thresholdNotReached: (of, count) => (isRaised ? thresholdNotReached(of, count) : undefined),
      });
      const ofWindows = await replica([repeated], { ...configured(), incidents: undefined }, new MemorySharedState());
      await engine.breached(aBreach());
      await ofWindows.breached(aBreach('b', {}, DAY));
      heard.answer = () => {
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: 20 * SECOND });
      };
      await pass(6 * MINUTE);
      isRaised = true;
      await pass(5 * MINUTE);
      heard.answer = () => undefined;
      await pass(MINUTE);
      expect(ends(heard).length).toBeGreaterThan(1);
      expect(ends(heard).filter(([, raisedTo]) => raisedTo !== undefined)).toEqual([]);
      expect([repeated.alerts.length, ofWindows.openIncidents]).toEqual([13, 1]);
    });

    it('ignores an answer that a function gave before the breach, because it may be outdated', async () => {
      const heard = new Hearing();
      const engine = await replica([heard], configured(START - 1));
      await engine.breached(aBreach());
      await engine.breached(aBreach('b', {}, DAY));
      await pass(2 * HOUR);
      expect(ends(heard)).toEqual([['a', undefined]]);
    });

    it('uses an answer that a function gave after the breach', async () => {
      const heard = new Hearing();
      const engine = await replica([heard], configured(START + MINUTE));
      await engine.breached(aBreach());
      await engine.breached(aBreach('b', {}, DAY));
      await pass(2 * HOUR);
      expect(ends(heard).sort()).toEqual([
        ['a', 30],
        ['b', 30],
      ]);
    });
  });

  it('ends nothing while no incident may end, or before all counts have been visible for long enough', () => {
    const incident = withBreach(undefined, aBreach(), true, START);
    const at = START + 10 * MINUTE;
    const look = (mayClose: boolean, seesSince?: number) => {
      const counts = { of: () => Promise.resolve(undefined) };
      const claims = { update: () => Promise.resolve(false) };
      const source = { now: () => at, thresholdNotReached: () => 30 };
      const records = new IncidentRecords(scene.state, '', 1);
      const sight = { mayClose, since: () => seesSince };
      return new RaisedThresholds(records, counts, sight, claims, story.incidents, source).ended(incident, at);
    };
    expect(look(false)).toBe(incident);
    expect(look(true, at - 2 * MINUTE + 1)).toBe(incident);
    expect(look(true, at - 2 * MINUTE)).toEqual({ ...incident, closedAt: at, raisedTo: 30 });
  });

  it('leaves windows that are their own alert alone, and an incident that another replica has ended', async () => {
    const heard = new Hearing();
    const thresholdNotReached = jest.fn(() => 30);
    const engine = await replica([heard], { thresholdNotReached });
    await engine.breached(aBreach());
    await engine.thresholds.changed('llm');
    expect(thresholdNotReached).not.toHaveBeenCalled();
    const other = await replica([], { ...story, thresholdNotReached: () => 30 });
    const one = await replica([], {
      ...story,
      thresholdNotReached,
      counts: async (asked) => {
        await other.thresholds.changed('llm');
        await other.breached(aBreach('again', { windowStart: START + HOUR, windowEnd: START + HOUR + MINUTE }));
        return asked.map(() => 0);
      },
    });
    for (const tenant of ['again', 'over']) await one.breached(aBreach(tenant));
    await one.thresholds.changed('llm');
    expect(thresholdNotReached).toHaveBeenCalledTimes(2);
    const shown = (await one.list()).map(({ alert }) => [alert.tenant.id, alert.incident?.status]);
    expect(shown.sort()).toEqual([
      ['a', undefined],
      ['again', 'opened'],
      ['again', 'resolved'],
      ['over', 'resolved'],
    ]);
  });

  it('leaves an incident alone that another replica has ended and archived', async () => {
    const heard = new Hearing();
    const counts = async (asked: readonly CountRead[]) => {
      for (const [id, text] of await scene.state.list('incidents::'))
        await scene.state.swap('incidents::', id, text, undefined);
      return asked.map(() => 0);
    };
    const engine = await replica([heard], { ...story, thresholdNotReached: () => 30, counts });
    await engine.breached(aBreach());
    await engine.thresholds.changed('llm');
    await pass(5 * SECOND);
    expect([heard.heard, engine.openIncidents]).toEqual([['a opened 16'], 0]);
  });

  it('uses the last known counts if current ones cannot be read, and ends each incident once', async () => {
    const heard = new Hearing();
    const asked = jest.fn(() => 30);
    const counts = () => Promise.reject(new Error('away'));
    const engine = await replica([heard], { ...story, thresholdNotReached: asked, counts });
    await engine.breached(aBreach());
    heard.answer = () => {
      throw new DeliveryError('answered 429', { retry: true, retryAfterMs: MINUTE });
    };
    for (let i = 0; i < 2; i++) await engine.thresholds.changed('llm');
    await pass(0);
    expect(asked.mock.calls).toEqual([[{ category: 'llm', window: '', tenantId: 'a' }, 16, 0]]);
    expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
  });
});
