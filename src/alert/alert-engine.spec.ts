import promised from 'node:timers/promises';

import { aBreach, alertScene, Hearing, HearingGroups, START, story } from '../../test/support/alert-scene.js';
import { aWindow } from '../../test/support/alert-settings.js';
import { isDone, pass } from '../../test/support/fake-timers.js';
import { mostInATurn } from '../../test/support/most-in-a-turn.js';
import { brittle } from '../../test/support/replica-with-alerts.js';
import type { AlertChannel } from '../model/alert-channel.js';
import { DeliveryError } from '../model/delivery-error.js';
import type { RateAlert } from '../model/rate-alert.js';
import type { CountRead } from '../model/window.js';
import { calendarSpans, PERIOD_MS } from '../model/window-spans.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import type { SharedState, V01State } from '../store/shared-state.js';
import type { AlertEngine, AlertSettings } from './alert-engine.js';
import { IncidentRecords } from './incident/incident-records.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WARNING = { at: 1, severity: 'warning' } as const;
const CRITICAL = { at: 5, severity: 'critical' } as const;
/** When such a story ends that has one window, from the start on. */
const ENDS_AFTER = 2.5 * MINUTE;

/** State in which 0.1 has left incidents. */
class StateOf01 extends MemorySharedState {
  readonly old = new Map<string, string>();
  runs = true;
  readonly v01: V01State = {
    isAlive: () => Promise.resolve(this.runs),
    list: (kind) => Promise.resolve(new Map(kind === 'incidents' ? this.old : [])),
    write: () => Promise.resolve(),
    remove: (_kind, id, isIt) => Promise.resolve(void (isIt(this.old.get(id) ?? '') && this.old.delete(id))),
  };

  /** An incident of the running minute that 0.1 has told. */
  leave(tenant: string): void {
    const last = Math.floor(Date.now() / MINUTE);
    const counted = { peak: { count: 20, window: last }, total: 20, calm: 0, unsettled: last };
    const about = { category: 'llm', tenant: { id: tenant }, windowMs: MINUTE, threshold: 15, worst: WARNING };
    const told = { told: 1, toldAt: Date.now(), notes: { hearing: 'message 1' } };
    this.old.set(
      `key ${tenant}`,
      JSON.stringify({ id: `01 ${tenant}`, ...about, ...counted, ...told, first: last, last }),
    );
  }
}

const never = (): Promise<never> => new Promise(() => undefined);
const inMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('AlertEngine', () => {
  const scene = alertScene();
  const { replica, replicas, lines, counts, reads } = scene;
  let state: MemorySharedState;
  const statuses = async (engine: AlertEngine, channel = 'hearing') =>
    (await engine.list()).map(({ alert, channels }) => `${alert.tenant.id} ${channels[channel]?.status}`).sort();

  beforeEach(() => ({ state } = scene));

  describe('lets requests be answered in between', () => {
    const raiseAll = (engine: AlertEngine, many: number): Promise<unknown> =>
      Promise.all(Array.from({ length: many }, (_, i) => engine.breached(aBreach(`t${i}`))));
    const mostOf = (spy: { mock: { calls: unknown[] } }) => mostInATurn(() => spy.mock.calls.length);
    /** Faked time passes in no turn of the event loop. */
    const passInTurns = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i++) {
        await pass(SECOND);
        for (let turns = 0; turns < 100; turns++) await promised.setImmediate();
      }
    };

    it('while it records many breaches and their deliveries', async () => {
      const heard = new Hearing();
      const engine = await replica([heard], { maxOpenIncidents: 1_000 });
      const [taken, changed] = [mostInATurn(() => heard.alerts.length), mostOf(jest.spyOn(state, 'swap'))];
      await raiseAll(engine, 520);
      expect(heard.alerts.length).toBeGreaterThan(480);
      await passInTurns(1);
      expect([taken(), changed()].map((most) => most <= 100)).toEqual([true, true]);
      expect([heard.heard.length, new Set(heard.heard).size]).toEqual([520, 520]);
    });

    it('if the store answers many reads at once', async () => {
      const heard = new Hearing();
      const engine = await replica([heard], { maxOpenIncidents: 2_000 });
      let answer = (): void => undefined;
      const answered = new Promise<void>((resolve) => (answer = resolve));
      const read = state.read.bind(state);
      jest.spyOn(state, 'read').mockImplementation((...of) => answered.then(() => read(...of)));
      const raised = raiseAll(engine, 1_000);
      await pass(100);
      const changed = mostOf(jest.spyOn(state, 'swap'));
      answer();
      await raised;
      await passInTurns(1);
      expect([changed() <= 100, heard.heard.length]).toEqual([true, 1_000]);
    });

    it('while it prepares a large group and records its delivery', async () => {
      const heard = new HearingGroups();
      const windowOf = jest.fn(() => undefined);
      const engine = await replica([heard], { windowOf, maxOpenIncidents: 2_000 });
      await raiseAll(engine, 1_000);
      const [asked, changed] = [mostOf(windowOf), mostOf(jest.spyOn(state, 'swap'))];
      const judged = mostOf(jest.spyOn(engine.mutes, 'of'));
      await passInTurns(3);
      expect([heard.groups.length > 0, asked() <= 300, changed() <= 100, judged() <= 300]).toEqual(Array(4).fill(true));
    });

    it('while it ends many incidents', async () => {
      const heard = new Hearing();
      const engine = await replica([heard], { ...story, maxOpenIncidents: 1_000 });
      await raiseAll(engine, 500);
      await passInTurns(1);
      const changed = mostOf(jest.spyOn(state, 'swap'));
      await passInTurns(ENDS_AFTER / SECOND + 5);
      expect([changed() <= 100, heard.heard.length, engine.openIncidents]).toEqual([true, 1_000, 0]);
    });

    it('while it checks the leases of many incidents', async () => {
      const heard = new HearingGroups();
      heard.answer = never;
      const engine = await replica([heard], { maxOpenIncidents: 5_000 });
      await raiseAll(engine, 3_000);
      await passInTurns(2);
      const looked = mostOf(jest.spyOn(IncidentRecords.prototype, 'lastSeen'));
      await passInTurns(2);
      expect(looked()).toBeLessThanOrEqual(1_500);
    });
  });

  describe('sends an alert', () => {
    it('at once, with the app and the window, and lists it in the history', async () => {
      const heard = new Hearing();
      const windowOf = () => aWindow('hour', HOUR, { name: 'hour' });
      const origin = { service: 'api', environment: 'test', publicUrl: 'https://a.example', windowOf };
      const engine = await replica([heard], origin);
      await engine.breached(aBreach('a', {}, HOUR));
      const alert = { service: 'api', environment: 'test', window: 'hour', count: 16, windowMs: HOUR, level: WARNING };
      expect(heard.alerts).toEqual([expect.objectContaining({ ...alert, link: 'https://a.example/#/llm/a' })]);
      expect(heard.alerts[0]).toHaveProperty('windowEnd');
      await pass(0);
      const delivered = { hearing: { status: 'delivered', attempts: 1 } };
      expect(await engine.list()).toEqual([
        { id: expect.any(String) as string, raisedAt: new Date(START), channels: delivered, alert: heard.alerts[0] },
      ]);
      expect([engine.openIncidents, lines]).toEqual([1, []]);
      // It is as fresh as can be: no count is read for it.
      expect(reads).toEqual([]);
    });

    it('of a sliding window without a window end', async () => {
      const heard = new Hearing();
      const windowOf = () => aWindow('hour', HOUR, { parts: 6 });
      const engine = await replica([heard], { windowOf });
      await engine.breached(aBreach('a', {}, HOUR));
      expect(heard.alerts[0]).toMatchObject({ windowMs: HOUR });
      expect(heard.alerts[0]).not.toHaveProperty('windowEnd');
      const later = await replica([new HearingGroups()], { windowOf, service: 'later' });
      const breach = aBreach('a', {}, HOUR);
      await later.breached(breach);
      await pass(SECOND + 10);
      // A sliding window is read by its end.
      expect(reads.flat().map(({ at }) => at)).toEqual([breach.windowEnd - 1]);
      const fixed = new Hearing();
      const other = await replica([fixed], { windowOf: () => ({ ...windowOf(), parts: 1 }), service: 'other' });
      await other.breached(aBreach('a', {}, HOUR));
      expect(fixed.alerts[0]).toHaveProperty('windowEnd');
    });

    it('with the current count and contributors if it waited for a group', async () => {
      const heard = new HearingGroups();
      const contributors = jest.fn((_of: unknown, _end: number, count: number) =>
        Promise.resolve(count > 20 ? [{ label: 'ben', count }] : []),
      );
      const windowOf = () => aWindow('minute', MINUTE);
      const engine = await replica([heard], { contributors, windowOf });
      counts.set('a', 40);
      const early = [{ label: 'ann', count: 7 }];
      for (const tenant of ['a', 'b']) await engine.breached(aBreach(tenant, { contributors: early }));
      expect(heard.alerts).toEqual([]);
      await pass(SECOND + 10);
      const [a, b] = [{ label: 'ben', count: 40 }, early[0]];
      expect(heard.alerts.map(({ tenant, count, contributors }) => [tenant.id, count, contributors])).toEqual([
        ['a', 40, [a]],
        ['b', 16, [b]],
      ]);
      expect(heard.groups).toEqual(['a,b']);
      const at = START;
      expect(reads).toEqual([['a', 'b'].map((tenantId) => ({ category: 'llm', window: 'minute', tenantId, at }))]);
      expect(contributors.mock.calls[0]?.[0]).toMatchObject({ category: 'llm', window: 'minute', tenant: { id: 'a' } });
      expect(contributors.mock.calls.map(([, end, count]) => [end, count])).toEqual([
        [START + 30 * SECOND, 40],
        [START + 30 * SECOND, 16],
      ]);
      expect((await engine.list()).map(({ alert }) => alert.count).sort()).toEqual([16, 40]);
    });

    it.each([
      ['fail', () => Promise.reject(new Error('away'))],
      ['are not there in time', never],
    ])('with its original count if current counts and contributors %s', async (_, trouble) => {
      const heard = new HearingGroups();
      const engine = await replica([heard], {
        counts: trouble,
        contributors: () => Promise.reject(new Error('away')),
      });
      await engine.breached(aBreach());
      await pass(SECOND + 510);
      expect(heard.heard).toEqual(['a 16']);
      expect(heard.alerts[0]).not.toHaveProperty('contributors');
    });

    it('with current counts for the whole group if one alert in it waited too long', async () => {
      const heard = new HearingGroups();
      const engine = await replica([heard]);
      await engine.breached(aBreach('a'));
      counts.set('a', 40);
      await pass(900);
      await engine.breached(aBreach('b'));
      await pass(110);
      expect(heard.heard).toEqual(['a 40', 'b 16']);
    });

    it('with its original count, without a read, if the group waited only briefly', async () => {
      const heard = new HearingGroups();
      const engine = await replica([heard], { groupWaitMs: 100 });
      for (const tenant of ['a', 'b']) await engine.breached(aBreach(tenant));
      await pass(110);
      expect([heard.groups, reads]).toEqual([['a,b'], []]);
    });

    it('as a reminder, each with a new id, because receivers may drop an id that they know', async () => {
      const heard = new Hearing();
      const engine = await replica([heard], { incidents: { remindAfterMs: 5 * MINUTE, resolveAfterMs: undefined } });
      await engine.breached(aBreach('a', {}, HOUR));
      for (const count of [20, 30]) {
        counts.set('a', count);
        await pass(6 * MINUTE);
      }
      expect(heard.heard).toEqual(['a opened 16', 'a reminded 20', 'a reminded 30']);
      expect(new Set(heard.alerts.map(({ id }) => id)).size).toBe(3);
    });

    it('unless another replica has taken it over', async () => {
      const heard = new HearingGroups();
      const engine = await replica([heard]);
      await engine.breached(aBreach());
      const [[id, text] = ['', '']] = [...(await state.list('incidents::'))];
      const record = JSON.parse(text) as { told: Record<string, object> };
      Object.assign(record.told['hearing#'] as object, { by: 'another', until: START + 4 * SECOND });
      await state.swap('incidents::', id, text, JSON.stringify(record));
      await pass(3 * SECOND);
      expect([heard.heard, lines]).toEqual([[], []]);
    });

    it('unless others have sent it and its end before the group is sent', async () => {
      const heard = new HearingGroups();
      const engine = await replica([heard], { groupWaitMs: 5 * SECOND });
      for (const tenant of ['gone', 'a']) await engine.breached(aBreach(tenant));
      const [id, text] = [...(await state.list('incidents::'))].find(([key]) => key.includes('gone')) ?? ['', ''];
      await state.swap('incidents::', id, text, undefined);
      await pass(6 * SECOND);
      expect([heard.heard, lines]).toEqual([['a 16'], []]);
    });

    it('and does not reopen the incident if others send its end meanwhile', async () => {
      const heard = new Hearing();
      const engine = await replica([heard]);
      heard.answer = () => inMs(500);
      void engine.breached(aBreach());
      await pass(100);
      const [[id, text] = ['', '']] = [...(await state.list('incidents::'))];
      await state.swap('incidents::', id, text, undefined);
      await pass(5 * SECOND);
      expect([heard.heard, await state.size('incidents::'), engine.openIncidents]).toEqual([['a 16'], 0, 0]);
    });

    it('in time although another channel hangs on an incident that others have archived', async () => {
      const [slow, heard] = [new HearingGroups(), new Hearing()];
      const engine = await replica([slow, heard], { incidents: { remindAfterMs: DAY, resolveAfterMs: SECOND } });
      slow.answer = never;
      await engine.breached(aBreach('gone'));
      await pass(2 * SECOND);
      const [[id, text] = ['', '']] = [...(await state.list('incidents::'))];
      await state.swap('incidents::', id, text, undefined);
      await engine.breached(aBreach());
      await pass(34 * SECOND);
      expect(heard.heard).toEqual(['gone opened 16', 'a opened 16', 'a resolved 16']);
    });

    it('raised by the app, of which nothing is counted, and its end in time', async () => {
      const heard = new Hearing();
      const soon = { incidents: { remindAfterMs: DAY, resolveAfterMs: SECOND } };
      const engine = await replica([heard], soon);
      await engine.breached(aBreach());
      await pass(34 * SECOND);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
    });

    it('separately from alerts that failed together, because one of those may be at fault', async () => {
      jest.spyOn(Math, 'random').mockReturnValue(1);
      const heard = new HearingGroups();
      const engine = await replica([heard]);
      heard.answer = () => {
        throw new Error('answered 500');
      };
      await engine.breached(aBreach('a', {}, HOUR));
      await pass(SECOND);
      await engine.breached(aBreach('b', {}, HOUR));
      await pass(SECOND);
      expect(new Set(heard.heard)).toEqual(new Set(['a 16', 'b 16']));
      heard.alerts.length = 0;
      heard.answer = () => undefined;
      await engine.breached(aBreach('c', {}, HOUR));
      await pass(5 * SECOND);
      expect([heard.groups, heard.heard.sort()]).toEqual([[], ['a 16', 'b 16', 'c 16']]);
    });

    it('about an incident and its end, with the counts of all its windows', async () => {
      const heard = new Hearing();
      const engine = await replica([heard], story);
      await engine.breached(aBreach());
      counts.set('a', 20);
      await pass(MINUTE);
      await engine.breached(aBreach('a', { count: 17, level: CRITICAL }));
      expect(heard.heard).toEqual(['a opened 16', 'a escalated 17']);
      await pass(5 * MINUTE);
      expect(heard.heard.slice(2)).toEqual(['a resolved 20']);
      expect(heard.alerts[2]?.incident).toMatchObject({ windowsOver: 2, total: 40 });
      // The middle of each window: others may have another length than was known here.
      const middles = new Set(reads.flat().map(({ at }) => (at - START) / MINUTE));
      expect([...middles]).toEqual(expect.arrayContaining([0, 1]));
      expect([...middles].every(Number.isInteger)).toBe(true);
      await pass(SECOND);
      expect([engine.openIncidents, await statuses(engine), await state.size('incidents::')]).toEqual([
        0,
        ['a delivered'],
        0,
      ]);
    });

    it.each([
      ['day of 25 hours', 'day', ['2026-10-24', '2026-10-25', '2026-10-26'], '2026-10-25T22:30Z'],
      ['day of 23 hours', 'day', ['2026-03-28', '2026-03-29', '2026-03-30'], '2026-03-29T21:30Z'],
      ['long month', 'month', ['2026-02-10', '2026-03-10', '2026-04-01'], '2026-03-29T12:00Z'],
      ['short month', 'month', ['2026-01-10', '2026-02-10', '2026-03-10'], '2026-02-28T22:30Z'],
    ] as const)('about a tenant that was calm for a %s, which is counted once, while it is stored', async (...of) => {
      const [, period, [first, calm, last], before] = of;
      const spanAt = calendarSpans(period, 'Europe/Berlin');
      const heard = new Hearing();
      const windowMs = PERIOD_MS[period];
      const window = { name: '', lengthName: period, timeZone: 'Europe/Berlin', windowMs, threshold: 1, spanAt };
      const counted = new Map([
        [spanAt(Date.parse(first)).key, 5],
        [spanAt(Date.parse(calm)).key, 2],
        [spanAt(Date.parse(last)).key, 7],
      ]);
      // As the store, which forgets a counter a day after its window.
      const read = (at: number) => (Date.now() < spanAt(at).end + DAY ? (counted.get(spanAt(at).key) ?? 0) : 0);
      const engine = await replica([heard], {
        incidents: { remindAfterMs: 40 * DAY, resolveAfterMs: undefined },
        windowOf: () => window,
        counts: (reads) => Promise.resolve(reads.map(({ at }) => read(at))),
      });
      const go = async (to: number) => {
        jest.setSystemTime(to);
        await pass(20 * SECOND);
      };
      const breach = async (day: string, count: number) => {
        await go(Date.parse(`${day}T12:00Z`));
        const { start, end } = spanAt(Date.now());
        await engine.breached(aBreach('a', { count, windowStart: start, windowEnd: end }));
        await go(Date.now());
      };
      await breach(first, 5);
      await go(spanAt(Date.now()).end);
      await go(Date.parse(before));
      await go(spanAt(Date.parse(calm)).end);
      await breach(last, 7);
      expect((await engine.list())[0]?.alert.incident?.total).toBe(14);
      await go(spanAt(Date.now()).end);
      await go(Date.now() + 3 * PERIOD_MS[period]);
      expect(heard.heard.at(-1)).toBe('a resolved 7');
      expect(heard.alerts.at(-1)?.incident).toMatchObject({ windowsOver: 2, windows: 3, total: 14 });
    });

    it('that opens a new incident, and still the end of the last one, which a channel had refused', async () => {
      const heard = new Hearing();
      const engine = await replica([heard], story);
      await engine.breached(aBreach());
      heard.answer = () => {
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: 2 * MINUTE });
      };
      await pass(4 * MINUTE);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
      heard.answer = () => undefined;
      await engine.breached(aBreach('a', { count: 30 }));
      await pass(2 * MINUTE);
      expect(heard.heard.slice(2).sort()).toEqual(['a opened 30', 'a resolved 16']);
    });
  });

  describe('continues an incident', () => {
    it('that was open when incidents were turned off: a reminder after half an hour, and its end', async () => {
      const heard = new Hearing();
      const often = { incidents: { remindAfterMs: 10 * MINUTE, resolveAfterMs: MINUTE } };
      await (await replica([new Hearing()], often)).breached(aBreach('a', {}, 2 * HOUR));
      await replicas[0]?.stop();
      await replica([heard]);
      counts.set('a', 30);
      await pass(29 * MINUTE);
      expect(heard.heard).toEqual([]);
      await pass(3 * MINUTE);
      expect(heard.heard).toEqual(['a reminded 30']);
      counts.set('a', 0);
      await pass(8 * HOUR);
      expect(heard.heard.at(-1)).toBe('a resolved 30');
    });

    it('of 0.1 once no replica of 0.1 runs, and removes the original at its end', async () => {
      const old = new StateOf01();
      old.leave('a');
      const heard = new Hearing();
      const engine = await replica([heard], story, old);
      await pass(10 * SECOND);
      expect(engine.openIncidents).toBe(0);
      old.runs = false;
      await pass(5 * SECOND);
      expect([engine.openIncidents, old.old.size, heard.heard]).toEqual([1, 1, []]);
      await pass(5 * MINUTE);
      expect([engine.openIncidents, old.old.size, heard.heard]).toEqual([0, 0, ['a resolved 20']]);
    });

    it('of 0.1, but not as its own that has ended and that not all channels have heard of', async () => {
      const old = new StateOf01();
      const heard = new Hearing();
      const windowOf = () => aWindow('minute', MINUTE);
      const engine = await replica([heard], { ...story, windowOf, thresholdNotReached: () => 30 }, old);
      await engine.breached(aBreach());
      heard.answer = () => {
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: MINUTE });
      };
      await engine.thresholds.changed('llm');
      await pass(0);
      old.leave('a');
      old.runs = false;
      await pass(10 * SECOND);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
      expect(Array.from(await old.list('incidents::'), ([, text]) => text.includes('key a'))).toEqual([false]);
    });

    it('of 0.1, and leaves its end to 0.1 if that runs again', async () => {
      const old = new StateOf01();
      for (const tenant of ['a', 'b']) old.leave(tenant);
      old.runs = false;
      const heard = new Hearing();
      const engine = await replica([heard], story, old);
      await pass(5 * SECOND);
      expect(engine.openIncidents).toBe(2);
      old.runs = true;
      await engine.breached(aBreach('own'));
      await pass(10 * MINUTE);
      expect(heard.heard).toEqual(['own opened 16', 'own resolved 16']);
      // It has told the end of one.
      old.old.delete('key b');
      old.runs = false;
      await pass(MINUTE);
      expect([engine.openIncidents, heard.heard.slice(2), lines]).toEqual([0, ['a resolved 20'], []]);
      expect((await engine.list()).map(({ alert }) => alert.tenant.id).sort()).toEqual(['a', 'b', 'own']);
    });
  });

  it('reads incidents from the store only if one is due', async () => {
    const engine = await replica([new Hearing()]);
    await engine.breached(aBreach('a', {}, 24 * HOUR));
    await engine.mute({ tenant: 'b', forMs: HOUR, reason: 'on it' });
    await pass(5 * SECOND);
    const asked = [jest.spyOn(state, 'list'), jest.spyOn(state, 'read')];
    const ofIncidents = () => asked.map(({ mock }) => mock.calls.filter(([kind]) => kind === 'incidents::').length);
    await engine.mute({ tenant: 'b', forMs: 2 * HOUR, reason: 'still on it' });
    await pass(5 * SECOND);
    expect(ofIncidents()).toEqual([0, 0]);
    // Of what was held back.
    await engine.unmute({ tenant: 'b' });
    await pass(5 * SECOND);
    expect(ofIncidents()).toEqual([0, 1]);
    await engine.thresholds.changed('exports');
    expect(reads).toEqual([]);
  });

  it('logs a breach that could not raise an alert, and never rejects', async () => {
    await state.swap('incidents::', 'x', undefined, '{}');
    const engine = await replica([new Hearing()], {
      windowOf: () => {
        throw new Error('no such window');
      },
    });
    await engine.breached(aBreach());
    expect(lines).toEqual(['A breach of llm did not raise an alert (no such window)']);
    expect(await engine.flush(10)).toBe(true);
  });

  it('removes a due record that cannot be read, and continues with the others', async () => {
    const heard = new Hearing();
    const engine = await replica([heard], story);
    await engine.breached(aBreach());
    await state.swap('incidents::', 'broken', undefined, '{', START);
    await pass(5 * MINUTE);
    expect([heard.heard, await state.size('incidents::'), lines]).toEqual([['a opened 16', 'a resolved 16'], 0, []]);
  });

  it('logs that too many incidents are open, and how many breaches were sent to no channel', async () => {
    const heard = new Hearing();
    const engine = await replica([heard], { maxOpenIncidents: 2 });
    for (let i = 0; i < 5; i++) await engine.breached(aBreach(`t${i}`, {}, HOUR));
    expect(heard.heard).toEqual(['t0 16', 't1 16', 't2 16', 't3 16']);
    expect(lines).toEqual([
      expect.stringContaining('2 incidents are open, the maximum: further ones of llm are sent only by the replica'),
    ]);
    await pass(SECOND);
    expect(lines.slice(1)).toEqual([
      '1 breach was sent to no channel: too many incidents are open. Raise the thresholds',
    ]);
    await pass(5 * SECOND);
    expect(lines).toHaveLength(2);
    await engine.breached(aBreach('last', {}, HOUR));
    const stopping = engine.stop();
    await pass(SECOND);
    await stopping;
    expect(lines.slice(2)).toEqual([lines[1]]);
  });

  describe('tests its channels', () => {
    it('with an alert marked as a test, and reports why one failed', async () => {
      const [good, bad] = [new Hearing('good'), new Hearing('bad')];
      bad.answer = () => Promise.reject(new Error('answered 500'));
      const engine = await replica([good, bad], { service: 'api', environment: 'test' });
      expect(await engine.sendTest()).toEqual([
        { channel: 'good', delivered: true },
        { channel: 'bad', delivered: false, reason: 'answered 500' },
      ]);
      expect(good.alerts).toEqual([
        {
          service: 'api',
          environment: 'test',
          category: 'test',
          tenant: { id: 'test', name: 'Test tenant' },
          count: 2,
          threshold: 1,
          level: { at: 1, severity: 'info' },
          windowMs: MINUTE,
          countedBy: 'all',
          windowStart: new Date(START),
          windowEnd: new Date(START + MINUTE),
          test: true,
        },
      ]);
      const bare = new Hearing();
      await (await replica([bare])).sendTest();
      expect(Object.keys(bare.alerts[0] as RateAlert)).not.toContain('service');
      expect(Object.keys(bare.alerts[0] as RateAlert)).not.toContain('environment');
    });

    it('and identifies each by its address, because a deployment may change its name', async () => {
      const started = jest.fn();
      const [one, two, same] = [new Hearing('chat', '1'), new Hearing('chat', '2'), new Hearing('chat', '1')];
      await replica([Object.assign(one, { start: started }), two, same], story);
      expect(started).toHaveBeenCalledTimes(1);
      const [engine] = replicas as [AlertEngine];
      expect(engine.channels().map(({ name }) => name)).toEqual(['chat', 'chat 2', 'chat 2']);
      await engine.breached(aBreach());
      await pass(0);
      const [[, text] = []] = [...(await state.list('incidents::'))];
      expect(Object.keys((JSON.parse(text as string) as { told: object }).told)).toEqual([
        'chat#1',
        'chat#2',
        'chat 2#1',
      ]);
      const both = await replica([new Hearing('chat', '1'), new Hearing('chat', '2')], { service: 'both' });
      await both.breached(aBreach());
      expect(Object.keys((await both.list())[0]?.channels ?? {})).toEqual(['chat', 'chat 2']);
    });

    it('and does not start if one of them cannot', async () => {
      const broken = Object.assign(new Hearing(), { start: () => Promise.reject(new Error('no address')) });
      await expect(replica([broken])).rejects.toThrow('no address');
    });
  });

  describe('mutes', () => {
    it('hold back and count alerts, and those that still apply are sent as soon as the mute ends', async () => {
      const heard = new Hearing();
      const engine = await replica([heard]);
      await engine.mute({ tenant: 'a', forMs: HOUR, reason: 'on it' });
      await engine.breached(aBreach('a', {}, 24 * HOUR));
      await engine.breached(aBreach('b', {}, 24 * HOUR));
      expect([heard.heard, await statuses(engine)]).toEqual([['b 16'], ['a suppressed', 'b delivered']]);
      expect(engine.channels()[0]?.outcomes).toMatchObject({ suppressed: 1 });
      expect(await engine.mutes.list()).toMatchObject([{ tenant: 'a', heldBack: 1 }]);
      // It is the same alert.
      await engine.breached(aBreach('a', { count: 17 }, 24 * HOUR));
      await pass(2 * SECOND);
      expect(await engine.mutes.list()).toMatchObject([{ tenant: 'a', heldBack: 1 }]);
      expect(await engine.unmute({ tenant: 'a' })).toBe(true);
      await pass(0);
      expect(heard.heard).toEqual(['b 16', 'a 17']);
      expect(await engine.unmute({ tenant: 'a' })).toBe(false);
    });

    it('that end do not send alerts about windows that ended during the mute', async () => {
      const heard = new Hearing();
      const engine = await replica([heard]);
      await engine.mute({ tenant: 'a', forMs: HOUR, reason: 'on it' });
      await engine.breached(aBreach());
      await pass(2 * MINUTE);
      await engine.unmute({ tenant: 'a' });
      await pass(5 * SECOND);
      expect(heard.heard).toEqual([]);
    });

    it('hold back alerts that wait for a group, but only until the mute ends', async () => {
      const heard = new HearingGroups();
      const engine = await replica([heard]);
      await engine.breached(aBreach('a', {}, HOUR));
      await pass(500);
      await engine.mute({ tenant: 'a', forMs: HOUR, reason: 'on it' });
      await pass(600);
      expect([heard.heard, await statuses(engine)]).toEqual([[], ['a suppressed']]);
      await engine.unmute({ tenant: 'a' });
      await pass(SECOND + 10);
      expect([heard.heard, lines.filter((line) => !/mute/i.test(line))]).toEqual([['a 16'], []]);
    });

    it('hold back an alert of a group whose other alerts are still being prepared', async () => {
      const heard = new HearingGroups();
      const counts: AlertSettings['counts'] = (asked) =>
        inMs(asked.some(({ tenantId }) => tenantId === 't59') ? 400 : 0).then(() => asked.map(() => 20));
      const windowOf = () => aWindow('minute', MINUTE);
      const engine = await replica([heard], { counts, windowOf });
      for (let i = 0; i < 60; i++) await engine.breached(aBreach(`t${i}`));
      await pass(SECOND + 200);
      await engine.mute({ category: 'llm', tenant: 't7', forMs: HOUR, by: 'ann', reason: 'known' });
      await pass(5 * SECOND);
      expect([heard.heard.length, heard.heard.includes('t7 20')]).toEqual([59, false]);
    });

    it('that end do not cancel a retry for another tenant whose window has ended', async () => {
      const heard = new Hearing();
      const engine = await replica([heard]);
      await engine.mute({ tenant: 'a', forMs: HOUR, reason: 'on it' });
      heard.answer = () => {
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: 2 * MINUTE });
      };
      for (const tenant of ['a', 'b']) await engine.breached(aBreach(tenant));
      await pass(MINUTE);
      heard.answer = () => undefined;
      await engine.unmute({ tenant: 'a' });
      await pass(2 * MINUTE);
      expect(heard.heard).toEqual(['b 16', 'b 16']);
    });

    it('hold back alerts in channels that only another replica has', async () => {
      const [heard, elsewhere] = [new Hearing(), new Hearing('elsewhere')];
      const engine = await replica([heard]);
      const other = await replica([elsewhere]);
      await pass(3 * SECOND);
      await engine.mute({ tenant: 'a', forMs: HOUR, reason: 'on it' });
      await engine.breached(aBreach('a', {}, HOUR));
      await engine.mute({ tenant: 'b', forMs: HOUR, reason: 'on it' });
      await pass(2 * SECOND);
      await other.breached(aBreach('b', {}, HOUR));
      await pass(5 * SECOND);
      expect([heard.heard, elsewhere.heard, lines.filter((line) => !line.startsWith('Muted'))]).toEqual([[], [], []]);
      expect(await statuses(engine, 'elsewhere')).toEqual(['a suppressed', 'b suppressed']);
    });

    it('that are replaced by a shorter one while the store is away take effect once it is back', async () => {
      const heard = new Hearing();
      const engine = await replica([heard]);
      await engine.mute({ tenant: 'a', forMs: 3 * HOUR, reason: 'on it' });
      await engine.breached(aBreach('a', {}, 24 * HOUR));
      const due = jest.spyOn(state, 'due').mockRejectedValue(new Error('away'));
      await engine.mute({ tenant: 'a', forMs: 10 * SECOND, reason: 'soon' });
      expect(due).toHaveBeenCalled();
      due.mockRestore();
      await pass(13 * SECOND);
      expect(heard.heard).toEqual(['a 16']);
    });

    it('of other replicas apply from the first alert on, but a start waits for them at most half a second', async () => {
      const heard = new Hearing();
      await (await replica([])).mute({ tenant: 'a', forMs: HOUR, reason: 'on it' });
      const engine = await replica([heard]);
      await engine.lookAtMutes();
      await engine.breached(aBreach());
      expect(heard.heard).toEqual([]);
      jest.spyOn(state, 'list').mockImplementation(never);
      const looking = engine.lookAtMutes();
      await pass(499);
      expect(await isDone(looking)).toBe(false);
      await pass(1);
      expect(await isDone(looking)).toBe(true);
    });
  });

  it('archives ended incidents later if the store refuses the history, lists open ones, and logs why', async () => {
    let isRefused = true;
    const unless = <T>(kind: string, work: () => Promise<T>): Promise<T> =>
      isRefused && kind.startsWith('history') ? Promise.reject(new Error('WRONGTYPE of the history')) : work();
    const refusing = Object.assign(Object.create(state) as MemorySharedState, {
      list: (kind: string, most: number) => unless(kind, () => state.list(kind, most)),
      swap: (kind: string, id: string, expected?: string, next?: string, due?: number) =>
        unless(kind, () => state.swap(kind, id, expected, next, due)),
    });
    const heard = new Hearing();
    const engine = await replica([heard], { ...story, isStoreAway: () => false }, refusing);
    await engine.breached(aBreach());
    await pass(HOUR / 2);
    expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
    await engine.breached(aBreach('b'));
    expect(await statuses(engine)).toEqual(['a delivered', 'b delivered']);
    expect((await engine.history()).unread).toEqual(new Error('WRONGTYPE of the history'));
    expect(lines.filter((line) => line.includes('WRONGTYPE'))).toEqual([
      'Incidents have not been updated for a minute (WRONGTYPE of the history)',
    ]);
    isRefused = false;
    await pass(MINUTE);
    expect([...(await state.list('incidents::')).keys(), engine.openIncidents]).toEqual(['story:llm::b', 1]);
    expect((await state.list('history::')).size).toBe(1);
    expect(heard.heard.slice(2)).toEqual(['b opened 16']);
    expect((await engine.history()).unread).toBeUndefined();
  });

  it.each([
    ['what changes', 'a opened 16', () => true],
    ['only that what has ended is removed', 'a opened 16, a resolved 16', (next?: string) => next === undefined],
  ])('logs why the store refuses %s, and ends the incident once it no longer does', async (_, before, refuses) => {
    let isRefused = true;
    const refusing = Object.assign(Object.create(state) as MemorySharedState, {
      swap: (kind: string, id: string, expected?: string, next?: string, due?: number) =>
        isRefused && kind.startsWith('incidents') && refuses(next)
          ? Promise.reject(new Error('NOPERM'))
          : state.swap(kind, id, expected, next, due),
    });
    const heard = new Hearing();
    const engine = await replica([heard], { ...story, isStoreAway: () => false }, refusing);
    await engine.breached(aBreach());
    await pass(HOUR / 2);
    expect(heard.heard.join(', ')).toBe(before);
    expect(lines.filter((line) => line.includes('NOPERM'))).toEqual([
      'Incidents have not been updated for a minute (NOPERM. Grant its user the rights that the docs list under "The least rights")',
    ]);
    isRefused = false;
    await pass(MINUTE);
    expect([heard.heard, engine.openIncidents]).toEqual([['a opened 16', 'a resolved 16'], 0]);
  });

  it('sends to a grouping channel although the store refuses its lease, and logs why', async () => {
    const refusing = Object.assign(Object.create(state) as MemorySharedState, {
      claim: (lease: string, owner: string, forMs: number) =>
        lease.startsWith('channel:')
          ? Promise.reject(new Error('WRONGTYPE of the lease'))
          : state.claim(lease, owner, forMs),
    });
    const heard = new HearingGroups();
    const engine = await replica([heard], { ...story, isStoreAway: () => false }, refusing);
    await engine.breached(aBreach());
    await pass(2 * MINUTE);
    expect(heard.heard).toEqual(['a opened 16']);
    expect(lines.filter((line) => line.includes('WRONGTYPE'))).toEqual([
      'Incidents have not been updated for a minute (WRONGTYPE of the lease)',
    ]);
  });

  describe('an alert among replicas', () => {
    it('is sent by one, or if that dies by the other, once its lease has ended', async () => {
      const [dead, heard] = [new Hearing(), new Hearing()];
      const side = brittle(state);
      const one = await replica([dead], {}, side);
      await replica([heard]);
      dead.answer = never;
      void one.breached(aBreach('a', {}, HOUR));
      await pass(SECOND);
      side.away = true;
      await pass(3 * SECOND);
      expect(heard.heard).toEqual([]);
      await pass(6 * SECOND);
      expect(heard.heard).toEqual(['a 16']);
    });

    it("is sent by the other if the first dies and the store's clock then falls back", async () => {
      const [dead, heard] = [new Hearing(), new Hearing()];
      const side = brittle(state);
      let offset = 0;
      const now = () => Date.now() + offset;
      const one = await replica([dead], { now }, side);
      await replica([heard], { now });
      dead.answer = never;
      void one.breached(aBreach('a', {}, 24 * HOUR));
      await pass(1_500);
      side.away = true;
      offset = -HOUR;
      await pass(3 * SECOND);
      expect(heard.heard).toEqual(['a 16']);
    });

    it('is sent once if the claim of the first runs out while it reads counts, and the other takes over', async () => {
      const [late, heard] = [new Hearing(), new Hearing()];
      let swaps = 0;
      const slow = Object.assign(Object.create(state) as MemorySharedState, {
        swap: async (...args: Parameters<SharedState['swap']>) => {
          if (args[0] === 'incidents::' && ++swaps > 1) await inMs(20 * SECOND);
          const outcome = await state.swap(...args);
          if (args[0] === 'incidents::') await inMs(4_800);
          return outcome;
        },
      });
      await replica([heard]);
      const one = await replica([late], { counts: never }, slow);
      void one.breached(aBreach('a', {}, HOUR));
      await pass(MINUTE);
      expect([late.heard, heard.heard]).toEqual([[], ['a 16']]);
    });

    it('is claimed for longer the more alerts wait to be recorded or sent', async () => {
      const engine = await replica([new HearingGroups()]);
      for (let i = 0; i < 100; i++) void engine.breached(aBreach(`t${i}`));
      await pass(0);
      const [first] = [...(await state.list('incidents::')).values()];
      expect(JSON.parse(first as string)).toMatchObject({ told: { 'hearing#': { until: START + 5_500 } } });
    });

    it('is sent by one only, however long its channel takes', async () => {
      const [slow, heard] = [new Hearing(), new Hearing()];
      const one = await replica([slow]);
      await replica([heard]);
      slow.answer = () => inMs(30 * SECOND);
      void one.breached(aBreach('a', {}, HOUR));
      await pass(MINUTE);
      expect([slow.heard, heard.heard, await statuses(one)]).toEqual([['a 16'], [], ['a delivered']]);
    });

    it('is sent by the one that began, however long it takes, although the other leads the looks', async () => {
      const [heard, slow] = [new Hearing(), new Hearing()];
      await replica([heard]);
      const one = await replica([slow]);
      await pass(2 * SECOND);
      slow.answer = () => {
        slow.answer = () => inMs(30 * SECOND);
        throw new Error('answered 500');
      };
      void one.breached(aBreach('a', {}, HOUR));
      await pass(SECOND);
      const swap = jest.spyOn(state, 'swap');
      await pass(15 * SECOND);
      // The lease is written when half of it is over, not at each look.
      expect(swap.mock.calls.filter(([kind]) => kind === 'incidents::')).toHaveLength(5);
      await pass(MINUTE);
      expect([slow.heard, heard.heard]).toEqual([['a 16', 'a 16'], []]);
      expect((await one.list())[0]?.channels['hearing']).toEqual({ status: 'delivered', attempts: 2 });
    });

    it('is sent by the one that began, however long its own look takes', async () => {
      const [slow, heard] = [new Hearing(), new Hearing()];
      const late = Object.assign(Object.create(state) as MemorySharedState, {
        due: (...args: Parameters<SharedState['due']>) => inMs(20 * SECOND).then(() => state.due(...args)),
      });
      const one = await replica([slow], {}, late);
      await replica([heard]);
      slow.answer = () => inMs(30 * SECOND);
      void one.breached(aBreach('a', {}, HOUR));
      await pass(MINUTE);
      expect([slow.heard, heard.heard]).toEqual([['a 16'], []]);
    });

    it('is sent by the one that began, however many alerts wait, with a few writes for each', async () => {
      const slow = [new Hearing('one'), new Hearing('two'), new Hearing('three')];
      const heard = new Hearing('one');
      const one = await replica(slow, { maxOpenIncidents: 1_000 });
      await replica([heard], { maxOpenIncidents: 1_000 });
      await pass(2 * SECOND);
      for (const each of slow) each.answer = () => inMs(50 * SECOND);
      const swap = jest.spyOn(state, 'swap');
      const read = jest.spyOn(state, 'read');
      await Promise.all(Array.from({ length: 800 }, (_, i) => one.breached(aBreach(`t${i}`, {}, HOUR))));
      const written = (): number => swap.mock.calls.filter(([kind]) => kind === 'incidents::').length;
      expect([written(), read.mock.calls.length]).toEqual([800, 800]);
      await pass(40 * SECOND);
      // Leases of 9 s, those of three channels written together: every 6 s, not one by one.
      expect(written()).toBeLessThan(800 * 8);
      expect(read.mock.calls.length).toBeLessThan(800 + 400);
      expect(heard.heard).toEqual([]);
    });

    it('is sent by the other after a pause of the first, and then not by both', async () => {
      const [slow, paused] = [new Hearing(), new Hearing()];
      await replica([slow]);
      const one = await replica([paused]);
      await pass(2 * SECOND);
      paused.answer = () => {
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: MINUTE });
      };
      slow.answer = () => inMs(20 * SECOND);
      await one.breached(aBreach('a', {}, HOUR));
      await pass(90 * SECOND);
      expect([slow.heard, paused.heard, await statuses(one)]).toEqual([['a 16'], ['a 16'], ['a delivered']]);
    });

    it('waits for the end of a pause that the receiver asked for, even if the paused replica dies', async () => {
      const [dead, heard] = [new Hearing(), new Hearing()];
      const side = brittle(state);
      const one = await replica([dead], {}, side);
      await replica([heard]);
      dead.answer = async () => {
        await inMs(10);
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: MINUTE });
      };
      for (let i = 0; i < 20; i++) void one.breached(aBreach(`t${i}`, {}, HOUR));
      await pass(SECOND);
      const swap = jest.spyOn(state, 'swap');
      await pass(19 * SECOND);
      const written = swap.mock.calls.filter(([kind]) => kind === 'incidents::').length;
      dead.answer = never;
      side.away = true;
      await pass(39 * SECOND);
      expect([written, dead.heard.length, heard.heard]).toEqual([0, 16, []]);
      await pass(10 * SECOND);
      expect(new Set(heard.heard).size).toBe(20);
    });

    it('is left out of a group if its claim ran out while the rest of the group was prepared', async () => {
      const [late, heard] = [new HearingGroups(), new Hearing()];
      let isSlow = false;
      const slow = Object.assign(Object.create(state) as MemorySharedState, {
        read: async (...args: Parameters<SharedState['read']>) => {
          if (isSlow && args[1].some((id) => id.endsWith('t59'))) await inMs(20 * SECOND);
          return state.read(...args);
        },
        swap: async (...args: Parameters<SharedState['swap']>) => {
          if (isSlow) await inMs(20 * SECOND);
          return state.swap(...args);
        },
      });
      const one = await replica([late], {}, slow);
      await replica([heard]);
      for (let i = 0; i < 60; i++) await one.breached(aBreach(`t${i}`, {}, HOUR));
      isSlow = true;
      await pass(MINUTE);
      expect([late.heard, heard.heard.length, new Set(heard.heard).size]).toEqual([[], 60, 60]);
    });

    it('is handed over by one that stops during a pause, with a log line', async () => {
      const [limited, heard] = [new Hearing(), new Hearing()];
      const slow = Object.assign(Object.create(state) as MemorySharedState, {
        read: (...args: Parameters<SharedState['read']>) => inMs(400).then(() => state.read(...args)),
      });
      const one = await replica([limited], {}, slow);
      await replica([heard]);
      limited.answer = () => {
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: MINUTE });
      };
      for (let i = 0; i < 40; i++) void one.breached(aBreach(`t${i}`, {}, HOUR));
      await pass(2 * SECOND);
      const stopping = one.stop();
      await pass(2 * SECOND);
      await stopping;
      await pass(2 * SECOND);
      expect([lines.at(-1), new Set(heard.heard).size]).toEqual([
        'The hearing channel did not send 40 alerts: the process ended first',
        40,
      ]);
    });

    it('is handed over at once by one that stops', async () => {
      const [dead, heard] = [new Hearing(), new Hearing()];
      const one = await replica([dead]);
      await replica([heard]);
      dead.answer = never;
      void one.breached(aBreach('a', {}, HOUR));
      await pass(10);
      const stopping = one.stop();
      await pass(299);
      expect(await isDone(stopping)).toBe(false);
      await pass(1_500);
      expect(await isDone(stopping)).toBe(true);
      await pass(SECOND);
      expect(heard.heard).toEqual(['a 16']);
    });

    it('is counted by the one that has its window, even if one without it leads, as during a deployment', async () => {
      const windowOf = () => aWindow('minute', MINUTE);
      const none = (asked: readonly CountRead[]) => Promise.resolve(asked.map(() => 0));
      const [heard, other] = [new Hearing(), new Hearing('other')];
      const lacks = await replica([other], { ...story, counts: none });
      await pass(2 * SECOND);
      const has = await replica([heard], { ...story, windowOf });
      counts.set('a', 30);
      await has.breached(aBreach());
      await pass(4 * MINUTE);
      for (const { alerts } of [heard, other])
        expect(alerts.at(-1)?.incident).toMatchObject({ status: 'resolved', total: 30, peak: { count: 30 } });
      // Once no replica has it, the highest count that was seen stands.
      await has.breached(aBreach());
      await has.stop();
      await pass(4 * MINUTE);
      expect(other.alerts.at(-1)?.incident).toMatchObject({ status: 'resolved', total: 16 });
      expect(lacks.openIncidents).toBe(0);
    });

    it('is not changed by a count that was read for the previous incident', async () => {
      let meanwhile: (() => Promise<unknown>) | undefined;
      const counts = async (asked: readonly CountRead[]) => {
        await meanwhile?.();
        meanwhile = undefined;
        return asked.map(() => 20);
      };
      const one = await replica([new Hearing()], { ...story, counts });
      await one.breached(aBreach());
      const stored = async () => [...(await state.list('incidents::'))][0] as [string, string];
      let next = '';
      meanwhile = async () => {
        const [id, text] = await stored();
        next = JSON.stringify({ ...(JSON.parse(text) as object), uid: 'next' });
        await state.swap('incidents::', id, text, next);
      };
      while (next === '') await pass(SECOND);
      const [before, after] = [next, (await stored())[1]].map((text) => JSON.parse(text) as Record<string, unknown>);
      expect(after).toMatchObject({
        uid: 'next',
        settledTo: before?.['settledTo'],
        total: 0,
        windows: before?.['windows'],
      });
    });

    it('is sent to a channel that only a new replica has, once all know the channel', async () => {
      const [old, added] = [new Hearing('old'), new Hearing('added')];
      const one = await replica([old]);
      await one.breached(aBreach('a', {}, HOUR));
      await pass(10 * SECOND);
      const both = new Hearing('old');
      await replica([both, added]);
      await pass(5 * SECOND);
      expect([old.heard, both.heard, added.heard]).toEqual([['a 16'], [], ['a 16']]);
    });

    it('is sent to a new channel, and not again to one that returns with it', async () => {
      const one = await replica([new Hearing('back')]);
      await replica([new Hearing('another')]);
      await pass(3 * SECOND);
      await one.breached(aBreach('a', {}, HOUR));
      await one.stop();
      // Until the other one takes that channel for gone.
      await pass(30 * SECOND);
      const [back, added] = [new Hearing('back'), new Hearing('added')];
      await replica([back, added]);
      await pass(5 * SECOND);
      expect([back.heard, added.heard]).toEqual([[], ['a 16']]);
    });

    it('is checked by the one that leads; the other takes only what is overdue', async () => {
      await replica([new Hearing()]);
      await replica([new Hearing()]);
      const due = jest.spyOn(state, 'due');
      await pass(5 * SECOND);
      // Each also asks for all once, for channels that the other one introduces.
      const looks = due.mock.calls.filter(([, until]) => until < 2 * START);
      const behind = looks.map(([, until], i) => Date.now() - until - 4_000 + Math.floor(i / 2) * 1_000);
      expect(new Set(behind)).toEqual(new Set([0, 2_000]));
    });

    it('is checked by one that sends for a grouping channel, too', async () => {
      await replica([new Hearing()]);
      const one = await replica([new Hearing(), new HearingGroups('groups')]);
      await one.breached(aBreach('a', {}, HOUR));
      await pass(2 * SECOND);
      const due = jest.spyOn(state, 'due');
      await pass(3 * SECOND);
      expect(new Set(due.mock.calls.map(([, until]) => until % SECOND))).toEqual(new Set([0]));
      expect(due.mock.calls.map(([, until]) => (until - START) / SECOND)).toEqual([3, 3, 4, 4, 5, 5]);
    });

    it('is sent by each while the store is away, and is one incident when it is back', async () => {
      const sides = [brittle(state), brittle(state)];
      const channels = [new Hearing(), new Hearing()];
      const engines = await Promise.all(sides.map((side, i) => replica([channels[i] as Hearing], story, side)));
      for (const side of sides) side.away = true;
      for (const engine of engines) await engine.breached(aBreach('a', { countedBy: 'instance' }));
      expect(channels.map(({ heard }) => heard)).toEqual([['a opened 16'], ['a opened 16']]);
      await pass(3 * SECOND);
      // Counts are away, too.
      expect(reads).toEqual([]);
      for (const side of sides) side.away = false;
      await pass(5 * SECOND);
      expect(await engines[0]?.list()).toHaveLength(1);
      expect([engines[0]?.openIncidents, engines[1]?.openIncidents]).toEqual([1, 1]);
      await pass(5 * MINUTE);
      const ends = channels.flatMap(({ heard }) => heard.filter((line) => line.includes('resolved')));
      expect(ends).toEqual(['a resolved 16']);
    });
  });

  describe('while the store is away', () => {
    /** The state of a replica that waits for records of a kind, while `isSlow`. */
    const slowToRead = (kind: string, ms: number): MemorySharedState & { isSlow: boolean } => {
      const slow = Object.assign(Object.create(state) as MemorySharedState, {
        isSlow: true,
        read: async (...args: Parameters<SharedState['read']>) => {
          if (slow.isSlow && args[0] === kind) await inMs(ms);
          return state.read(...args);
        },
      });
      return slow;
    };

    it('what was sent about an incident is added to it, although others have ended it', async () => {
      const side = brittle(state);
      const refuses = () => {
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: 10 * MINUTE });
      };
      const [own, theirs] = [new Hearing('own'), new Hearing('theirs')];
      const one = await replica([own], story, side);
      const other = await replica([theirs], { ...story, thresholdNotReached: () => 30 });
      side.away = true;
      await one.breached(aBreach());
      await other.breached(aBreach());
      await pass(0);
      theirs.answer = own.answer = refuses;
      await other.thresholds.changed('llm');
      await pass(0);
      side.away = false;
      await pass(5 * SECOND);
      const [record] = Array.from(await state.list('incidents::'), ([, text]) => JSON.parse(text) as object);
      expect(record).toMatchObject({ closedAt: START, told: { 'own#': { levels: { '': 1 } } } });
    });

    it('an incident that began is shared once it is back, although the history cannot be read', async () => {
      const side = brittle(state);
      const engine = await replica([new Hearing()], story, side);
      side.away = true;
      await engine.breached(aBreach());
      const read = state.read.bind(state);
      const ofHistory = jest.fn(() => Promise.reject(new Error('WRONGTYPE')));
      jest
        .spyOn(state, 'read')
        .mockImplementation((kind, ids) => (kind.startsWith('history') ? ofHistory() : read(kind, ids)));
      side.away = false;
      await pass(5 * SECOND);
      expect(ofHistory).toHaveBeenCalled();
      expect([...(await state.list('incidents::')).keys()]).toEqual(['story:llm::a']);
    });

    it('an incident that others end and archive ends once', async () => {
      const side = brittle(state);
      const heard = new Hearing();
      const one = await replica([heard], story, side);
      await replica([heard], story);
      await one.breached(aBreach());
      await pass(2 * SECOND);
      side.away = true;
      await one.breached(aBreach('a', { count: 17 }));
      await pass(ENDS_AFTER + 5 * SECOND);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
      side.away = false;
      await pass(5 * MINUTE);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
      expect(await one.list()).toHaveLength(1);
      expect(one.openIncidents).toBe(0);
    });

    it('an incident that others end and archive also ends in the message of this replica', async () => {
      const side = brittle(state);
      const messages = new Map<string, string[]>();
      const posting = (name: string): AlertChannel => ({
        name: 'posting',
        send: ({ incident }, previous = name) => {
          messages.set(previous, [...(messages.get(previous) ?? []), incident?.status ?? '']);
          return previous;
        },
      });
      const one = await replica([posting('own')], story, side);
      const other = await replica([posting('theirs')], story);
      side.away = true;
      await one.breached(aBreach('a', { countedBy: 'instance' }));
      await other.breached(aBreach());
      await pass(ENDS_AFTER + 5 * SECOND);
      side.away = false;
      await pass(5 * MINUTE);
      expect(messages.get('own')).toEqual(['opened', 'resolved']);
      expect(messages.get('theirs')).toContain('resolved');
    });

    it('an incident that others end and archive is not merged into the next one', async () => {
      const side = brittle(state);
      const heard = new Hearing();
      const one = await replica([heard], story, side);
      const other = await replica([heard], story);
      await one.breached(aBreach());
      await pass(2 * SECOND);
      side.away = true;
      await one.breached(aBreach('a', { count: 17 }));
      await pass(4 * MINUTE);
      await other.breached(aBreach());
      side.away = false;
      await pass(5 * MINUTE);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16', 'a opened 16', 'a resolved 16']);
      expect(heard.alerts.at(-1)?.incident).toMatchObject({ lastedMs: MINUTE, total: 16 });
    });

    it('an incident is not merged into one that others have begun and ended', async () => {
      const side = brittle(state);
      const one = await replica([new Hearing('own')], story, side);
      const others = new Hearing('theirs');
      const other = await replica([others], { ...story, thresholdNotReached: () => 30 });
      side.away = true;
      await one.breached(aBreach());
      await pass(MINUTE);
      await other.breached(aBreach());
      others.answer = () => {
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: 10 * MINUTE });
      };
      await other.thresholds.changed('llm');
      await pass(0);
      side.away = false;
      await pass(5 * SECOND);
      const records = Array.from(
        await state.list('incidents::'),
        ([, text]) => JSON.parse(text) as { windows: object[] },
      );
      expect(records.map(({ windows }) => windows.length)).toEqual([1]);
    });

    it('each replica sends groups', async () => {
      const sides = [brittle(state), brittle(state)];
      const channels = [new HearingGroups(), new HearingGroups()];
      const engines = await Promise.all(sides.map((side, i) => replica([channels[i] as Hearing], {}, side)));
      await engines[0]?.breached(aBreach('before', {}, HOUR));
      await pass(2 * SECOND);
      for (const side of sides) side.away = true;
      await pass(SECOND);
      for (const engine of engines) await engine.breached(aBreach('a', { countedBy: 'instance' }));
      await pass(2 * SECOND);
      expect(channels.map(({ groups }) => groups)).toEqual([[], []]);
      expect(channels.map(({ heard }) => heard)).toEqual([['before 16', 'a 16'], ['a 16']]);
    });

    /** The replica of a story that is over. */
    const opened = async () => {
      const side = brittle(state);
      const heard = new Hearing();
      const engine = await replica([heard], story, side);
      await engine.breached(aBreach());
      return { side, heard, engine };
    };

    it('no incident ends, because nobody knows the whole count; it ends once a whole window has been seen again', async () => {
      const sides = [brittle(state), brittle(state)];
      const heard = new Hearing();
      const engine = await replica([heard], story, sides[0]);
      await replica([heard], story, sides[1]);
      await engine.breached(aBreach());
      for (const side of sides) side.away = true;
      await pass(10 * MINUTE);
      for (const side of sides) side.away = false;
      await pass(MINUTE);
      expect(heard.heard).toEqual(['a opened 16']);
      await pass(5 * SECOND);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
    });

    it('no incident ends, even if all its windows had been counted', async () => {
      const { side, heard } = await opened();
      await pass(90 * SECOND);
      side.away = true;
      await pass(10 * MINUTE);
      expect(heard.heard).toEqual(['a opened 16']);
      side.away = false;
      await pass(2 * MINUTE);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
    });

    it('an incident that would have ended ends once, even if replicas see the store again one after another', async () => {
      const sides = [brittle(state), brittle(state)];
      const heard = new Hearing();
      const engines = await Promise.all(sides.map((side) => replica([heard], story, side)));
      for (const engine of engines) await engine.breached(aBreach());
      await pass(ENDS_AFTER - 2 * SECOND);
      for (const side of sides) side.away = true;
      await pass(10 * SECOND);
      for (const side of sides) {
        side.away = false;
        await pass(1.5 * SECOND);
      }
      await pass(MINUTE);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
    });

    it('what was sent is not sent again by a replica that is back first, however long the sender takes to write it', async () => {
      const [told, heard] = [new Hearing(), new Hearing()];
      const slow = slowToRead('incidents::', 15 * SECOND);
      slow.isSlow = false;
      const [side, other] = [brittle(slow), brittle(state)];
      const one = await replica([told], {}, side);
      await replica([heard], {}, other);
      told.answer = () => {
        side.away = other.away = true;
      };
      await one.breached(aBreach('a', {}, HOUR));
      await pass(10 * SECOND);
      slow.isSlow = true;
      side.away = other.away = false;
      await pass(MINUTE);
      expect([told.heard, heard.heard, await statuses(one)]).toEqual([['a 16'], [], ['a delivered']]);
    });

    it('what the only cut-off replica sent is not sent again by others before it has written that', async () => {
      const [told, heard] = [new Hearing(), new Hearing()];
      const slow = slowToRead('incidents::', 10 * SECOND);
      slow.isSlow = false;
      const side = brittle(slow);
      const one = await replica([told], {}, side);
      await replica([heard]);
      told.answer = () => {
        side.away = true;
      };
      await one.breached(aBreach('a', {}, HOUR));
      await pass(2 * SECOND);
      slow.isSlow = true;
      side.away = false;
      await pass(MINUTE);
      expect([told.heard, heard.heard, await statuses(one)]).toEqual([['a 16'], [], ['a delivered']]);
    });

    it('what others sent is not sent again by a replica that is back and has not read that yet', async () => {
      const [told, heard] = [new Hearing(), new Hearing()];
      const slow = slowToRead('incidents::', 10 * SECOND);
      slow.isSlow = false;
      const side = brittle(slow);
      const other = await replica([told]);
      const one = await replica([heard], {}, side);
      await one.breached(aBreach('seen', {}, HOUR));
      side.away = true;
      await pass(2 * SECOND);
      slow.isSlow = true;
      side.away = false;
      await pass(2 * SECOND);
      await other.breached(aBreach('a', {}, HOUR));
      await one.breached(aBreach('a', {}, HOUR));
      await one.breached(aBreach('new', {}, HOUR));
      await pass(MINUTE);
      expect([...told.heard, ...heard.heard].sort()).toEqual(['a 16', 'new 16', 'seen 16']);
    });

    it('what others sent is not sent again by a replica in which it waited until the store was back', async () => {
      const [told, heard] = [new Hearing(), new HearingGroups()];
      const side = brittle(slowToRead('history::', 5 * SECOND));
      const other = await replica([told]);
      await other.breached(aBreach('a', {}, HOUR));
      const one = await replica([heard], { groupWaitMs: 3 * SECOND }, side);
      side.away = true;
      await pass(2 * SECOND);
      await one.breached(aBreach('a', {}, HOUR));
      await one.breached(aBreach('new', {}, HOUR));
      side.away = false;
      await pass(MINUTE);
      expect([told.heard, heard.heard]).toEqual([['a 16'], ['new 16']]);
    });

    it('new alerts are sent by a replica that stops before it has read what others wrote', async () => {
      const heard = new Hearing();
      const slow = slowToRead('incidents::', 20 * SECOND);
      slow.isSlow = false;
      const side = brittle(slow);
      const one = await replica([heard], {}, side);
      await one.breached(aBreach('seen', {}, HOUR));
      side.away = true;
      await pass(2 * SECOND);
      slow.isSlow = true;
      side.away = false;
      await pass(2 * SECOND);
      await one.breached(aBreach('new', {}, HOUR));
      expect(heard.heard).toEqual(['seen 16']);
      void one.stop();
      await pass(5 * SECOND);
      expect(heard.heard).toEqual(['seen 16', 'new 16']);
    });

    it('new alerts are sent at once if the replica that was writing has stopped', async () => {
      const heard = new Hearing();
      const slow = slowToRead('incidents::', 15 * SECOND);
      slow.isSlow = false;
      const [side, other] = [brittle(slow), brittle(state)];
      const one = await replica([new Hearing()], {}, side);
      const two = await replica([heard], {}, other);
      side.away = other.away = true;
      await one.breached(aBreach('a', {}, HOUR));
      await pass(3 * SECOND);
      slow.isSlow = true;
      side.away = other.away = false;
      await pass(2 * SECOND);
      void one.stop();
      await pass(5 * SECOND);
      await two.breached(aBreach('b', {}, HOUR));
      await pass(2 * SECOND);
      expect(heard.heard).toContain('b 16');
    });

    it('what is new is told within half a minute beside a replica whose connection comes and goes', async () => {
      const heard = new Hearing();
      const flapping = Object.assign(Object.create(state) as MemorySharedState, {
        due: () => Promise.reject(new Error('timed out')),
      });
      await replica([new Hearing()], {}, flapping);
      const two = await replica([heard]);
      await pass(3 * SECOND);
      await two.breached(aBreach('a', {}, HOUR));
      expect(heard.heard).toEqual([]);
      await pass(29 * SECOND);
      await two.breached(aBreach('b', {}, HOUR));
      expect(heard.heard.sort()).toEqual(['a 16', 'b 16']);
    });

    it('what was sent is not sent again if the channel confirms it before it is written', async () => {
      const heard = new Hearing();
      const side = brittle(slowToRead('history::', 10 * SECOND));
      const one = await replica([heard], {}, side);
      side.away = true;
      heard.answer = () => inMs(8 * SECOND);
      void one.breached(aBreach('a', {}, HOUR));
      await pass(3 * SECOND);
      side.away = false;
      await pass(MINUTE);
      expect([heard.heard, await statuses(one)]).toEqual([['a 16'], ['a delivered']]);
    });

    it('no incident ends before the counter has noticed the outage', async () => {
      const side = brittle(state);
      let isStoreAway = false;
      const heard = new Hearing();
      const engine = await replica([heard], { ...story, isStoreAway: () => isStoreAway }, side);
      await engine.breached(aBreach());
      await pass(ENDS_AFTER - SECOND / 2);
      side.away = true;
      await pass(2.5 * SECOND);
      isStoreAway = true;
      await pass(20 * SECOND);
      expect(heard.heard).toEqual(['a opened 16']);
      isStoreAway = side.away = false;
      await pass(10 * SECOND);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
    });

    it('an incident continues if its tenant is over again once the store is back', async () => {
      const { side, heard, engine } = await opened();
      side.away = true;
      await pass(10 * MINUTE);
      side.away = false;
      await pass(50 * SECOND);
      await engine.breached(aBreach());
      await pass(2 * MINUTE);
      expect(heard.heard).toEqual(['a opened 16']);
      await pass(MINUTE);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
      expect(heard.alerts[1]?.incident).toMatchObject({ lastedMs: 12 * MINUTE, windowsOver: 2 });
    });

    it.each<[what: string, minutes: number, about: Partial<AlertSettings>, isPartial?: true, hasEnded?: boolean]>([
      ['expired meanwhile has a total that is at least so high', 3, { isStoreAway: () => true }, true],
      ['are still in the store has the whole total', 1, { isStoreAway: () => true }, undefined],
      [
        'expired while only its records were away has the whole total',
        3,
        { isStoreAway: () => false },
        undefined,
        true,
      ],
    ])('an incident whose windows %s', async (_, minutes, about, isPartial, hasEnded = false) => {
      const side = brittle(state);
      const heard = new Hearing();
      const engine = await replica([heard], { ...story, ...about }, side);
      await engine.breached(aBreach());
      await pass(MINUTE);
      await engine.breached(aBreach());
      side.away = true;
      await pass(minutes * MINUTE);
      side.away = false;
      await pass(2 * SECOND);
      await engine.breached(aBreach());
      await pass(5 * MINUTE);
      // What its end was sent for does not continue, so the last breach is another one.
      const another = hasEnded ? ['a opened 16', 'a resolved 16'] : [];
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16', ...another]);
      expect(heard.alerts[1]?.incident?.isPartial).toBe(isPartial);
    });

    it('an incident of a replica that died has the whole total if only records were away', async () => {
      const side = brittle(state);
      const heard = new Hearing();
      const one = await replica([new Hearing()], story);
      await replica([heard], { ...story, isStoreAway: () => false }, side);
      await pass(2 * SECOND);
      side.away = true;
      await one.breached(aBreach());
      await one.stop();
      await pass(4 * MINUTE);
      side.away = false;
      await pass(5 * MINUTE);
      expect(heard.heard).toEqual(['a resolved 16']);
      expect(heard.alerts[0]?.incident).not.toHaveProperty('isPartial');
    });

    it('a window that ends is counted once the store is back, so that total and peak are complete', async () => {
      const { side, heard } = await opened();
      counts.set('a', 500);
      side.away = true;
      await pass(40 * SECOND);
      side.away = false;
      await pass(5 * SECOND);
      counts.delete('a');
      await pass(2 * MINUTE);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 500']);
      expect(heard.alerts[1]?.incident).toMatchObject({ total: 500, peak: { count: 500 } });
    });

    it('an incident is counted and ended if only its records are away, as without the rights to them', async () => {
      const side = brittle(state);
      const heard = new Hearing();
      const engine = await replica([heard], { ...story, isStoreAway: () => false }, side);
      await pass(2 * SECOND);
      side.away = true;
      await engine.breached(aBreach());
      counts.set('a', 500);
      await pass(32 * SECOND);
      counts.delete('a');
      await pass(2 * MINUTE);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 500']);
    });

    it('an incident ends in time if the store was away for less than a window', async () => {
      const { side, heard } = await opened();
      await pass(2 * MINUTE);
      side.away = true;
      await pass(20 * SECOND);
      side.away = false;
      await pass(8 * SECOND);
      expect(heard.heard).toEqual(['a opened 16']);
      await pass(4 * SECOND);
      expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
    });
  });

  describe('sends waiting alerts at once', () => {
    it('and reports whether none is left', async () => {
      const heard = new HearingGroups();
      const engine = await replica([heard]);
      await engine.breached(aBreach());
      const flushing = engine.flush(SECOND);
      await pass(100);
      expect([await isDone(flushing), await flushing, heard.heard]).toEqual([true, true, ['a 16']]);
      heard.answer = never;
      await engine.breached(aBreach('b'));
      const hanging = engine.flush(SECOND);
      await pass(SECOND - 1);
      expect(await isDone(hanging)).toBe(false);
      await pass(50);
      expect([await isDone(hanging), await hanging]).toEqual([true, false]);
      const both = await replica([new Hearing('good'), heard], { service: 'both' });
      await both.breached(aBreach('c'));
      const partly = both.flush(SECOND);
      await pass(SECOND + 50);
      expect([await isDone(partly), await partly]).toEqual([true, false]);
    });

    it('and waits for breaches that are being recorded', async () => {
      const heard = new Hearing();
      const engine = await replica([heard]);
      const swap = state.swap.bind(state);
      jest.spyOn(state, 'swap').mockImplementation((...args) => inMs(500).then(() => swap(...args)));
      void engine.breached(aBreach());
      const flushing = engine.flush(5 * SECOND);
      await pass(400);
      expect(await isDone(flushing)).toBe(false);
      await pass(2 * SECOND);
      expect([await isDone(flushing), await flushing, heard.heard]).toEqual([true, true, ['a 16']]);
      jest.spyOn(state, 'swap').mockImplementation(never);
      void engine.breached(aBreach('b'));
      const hanging = engine.flush(SECOND);
      await pass(SECOND);
      expect([await isDone(hanging), await hanging]).toEqual([true, false]);
    });

    it('when it stops, and ends in time whatever hangs', async () => {
      const heard = new HearingGroups();
      const engine = await replica([heard]);
      await engine.breached(aBreach());
      const stopping = engine.stop();
      await pass(100);
      expect([await isDone(stopping), heard.heard]).toEqual([true, ['a 16']]);
      const other = await replica([new Hearing()]);
      for (const method of ['swap', 'claim', 'release'] as const) jest.spyOn(state, method).mockImplementation(never);
      void other.breached(aBreach('b'));
      const hanging = other.stop();
      await pass(1_200);
      expect(await isDone(hanging)).toBe(false);
      await pass(2_500);
      expect(await isDone(hanging)).toBe(true);
      expect(lines).toEqual(['1 breach was not recorded, and sent to no channel: the process ended first']);
    });

    it('when it stops, and does not log as lost what is recorded in its last second', async () => {
      const heard = new Hearing();
      const [engine] = [await replica([new Hearing()]), await replica([heard])];
      const swap = state.swap.bind(state);
      jest.spyOn(state, 'swap').mockImplementation((...args) => inMs(500).then(() => swap(...args)));
      void engine.breached(aBreach('a', {}, HOUR));
      const stopping = engine.stop();
      await pass(SECOND);
      expect([await isDone(stopping), lines]).toEqual([true, []]);
      await pass(10 * SECOND);
      expect(heard.heard).toEqual(['a 16']);
    });
  });

  it('ends in time an incident that the store has lost, however many records of a newer version there are', async () => {
    const [heard, newer] = [new Hearing(), 200];
    const engine = await replica([heard], { ...story, maxOpenIncidents: 2 * newer });
    for (let i = 0; i < newer; i++) await engine.breached(aBreach(`t${i}`));
    await engine.breached(aBreach('lost'));
    for (const [id, text] of await state.list('incidents::'))
      await state.swap('incidents::', id, text, id.endsWith('lost') ? undefined : '{"schema":2}');
    await pass(ENDS_AFTER + 2 * SECOND);
    expect([heard.heard.slice(newer + 1), await state.size('incidents::')]).toEqual([['lost resolved 16'], newer]);
  });

  it.each(['the replica that knows it', 'another'])(
    'sends the end of an incident that the store has lost, even if %s has opened the next one',
    async (who) => {
      const heard = [new Hearing(), new Hearing()];
      const [first, second] = [
        await replica([heard[0] as Hearing], story),
        await replica([heard[1] as Hearing], story),
      ];
      await first.breached(aBreach());
      for (const [id, text] of await state.list('incidents::')) await state.swap('incidents::', id, text, undefined);
      await pass(MINUTE / 2);
      await (who === 'another' ? second : first).breached(aBreach());
      await pass(ENDS_AFTER + MINUTE);
      const alerts = heard.flatMap((channel) => channel.alerts);
      const ids = new Set(alerts.map(({ incident }) => incident?.id));
      const told = Array.from(ids, (id) =>
        alerts.flatMap(({ incident }) => (incident?.id === id ? incident?.status : [])),
      );
      const whole = ['opened', 'resolved'];
      expect([told.map((each) => each.sort()), await state.size('incidents::')]).toEqual([[whole, whole], 0]);
    },
  );

  it('retries what a channel refused, no sooner than it asked for', async () => {
    const heard = new Hearing();
    const engine = await replica([heard]);
    heard.answer = () => {
      throw new DeliveryError('answered 429', { retry: true, retryAfterMs: 20 * SECOND });
    };
    await engine.breached(aBreach('a', {}, HOUR));
    await pass(10);
    expect(await engine.list()).toMatchObject([
      {
        channels: {
          hearing: { status: 'retried', attempts: 1, reason: 'answered 429', retryAt: new Date(START + 20_000) },
        },
      },
    ]);
    heard.answer = () => undefined;
    await pass(19 * SECOND);
    expect(heard.alerts).toHaveLength(1);
    await pass(2 * SECOND);
    expect([heard.alerts.length, await statuses(engine)]).toEqual([2, ['a delivered']]);
  });

  it('sends an alert once even if its claim runs out while the delivery is being written', async () => {
    const heard = new Hearing();
    const engine = await replica([heard]);
    const swap = state.swap.bind(state);
    const swaps = jest.spyOn(state, 'swap').mockImplementation((...args) => {
      const isConfirmed = args[3]?.includes('"status":"delivered"') ?? false;
      return isConfirmed && swaps.mock.calls.length < 10 ? inMs(7 * SECOND).then(() => swap(...args)) : swap(...args);
    });
    void engine.breached(aBreach());
    await pass(MINUTE);
    expect(heard.heard).toEqual(['a 16']);
    expect(await statuses(engine)).toEqual(['a delivered']);
  });

  it('holds alerts while a channel is off, and sends them once a test alert goes through', async () => {
    const heard = new Hearing();
    const engine = await replica([heard]);
    heard.answer = async () => {
      await inMs(10);
      throw new DeliveryError('answered 410', { retry: false, switchOff: true });
    };
    for (let i = 0; i < 20; i++) await engine.breached(aBreach(`t${i}`, {}, i < 16 ? MINUTE : DAY));
    await pass(SECOND);
    expect([heard.alerts.length, engine.channels()[0]?.queued]).toEqual([16, 20]);
    const swap = jest.spyOn(state, 'swap');
    await pass(5 * MINUTE);
    expect([swap.mock.calls.filter(([, id]) => id.includes('t19')).length, heard.alerts.length]).toEqual([0, 16]);
    await pass(30 * MINUTE);
    heard.answer = () => undefined;
    await engine.sendTest();
    await pass(0);
    expect(heard.heard.slice(16)).toEqual(['test 2', 't16 16', 't17 16', 't18 16', 't19 16']);
    expect(engine.channels()[0]?.queued).toBe(0);
  });

  it('leaves an alert to the replica that took it over, even if its own attempt fails later', async () => {
    const [late, heard] = [new Hearing(), new Hearing()];
    const side = brittle(state);
    const one = await replica([late], {}, side);
    await replica([heard]);
    late.answer = () => inMs(20 * SECOND).then(() => Promise.reject(new Error('answered 500')));
    heard.answer = () => inMs(30 * SECOND);
    void one.breached(aBreach('a', {}, HOUR));
    await pass(SECOND);
    side.away = true;
    await pass(14 * SECOND);
    side.away = false;
    late.answer = () => undefined;
    await pass(MINUTE);
    expect([late.heard, heard.heard, await statuses(one)]).toEqual([['a 16'], ['a 16'], ['a delivered']]);
  });

  describe('if a failover loses acknowledged changes of a record', () => {
    /** The record as it is now, and what puts it back. */
    const saved = async (): Promise<() => Promise<unknown>> => {
      const [[id, before] = ['', '']] = await state.list('incidents::');
      const { lookAt } = JSON.parse(before) as { lookAt: number };
      return async () => state.swap('incidents::', id, (await state.read('incidents::', [id]))[0], before, lookAt);
    };

    it.each([
      ['nothing happened', () => undefined],
      ['the store was away', () => jest.spyOn(state, 'due').mockRejectedValueOnce(new Error('away'))],
    ])('sends an alert once that was sent and confirmed, when %s', async (_, happens) => {
      const heard = new Hearing();
      const engine = await replica([heard]);
      let answer = (): void => undefined;
      heard.answer = () => new Promise<void>((resolve) => (answer = resolve));
      const raising = engine.breached(aBreach());
      await pass(10);
      const putBack = await saved();
      answer();
      await raising;
      await pass(10);
      happens();
      await putBack();
      await pass(MINUTE);
      expect([heard.heard, await statuses(engine)]).toEqual([['a 16'], ['a delivered']]);
    });

    it('sends a crossed level that only this replica knows', async () => {
      const heard = new HearingGroups();
      const engine = await replica([heard], story);
      await engine.breached(aBreach());
      await pass(2 * SECOND);
      const putBack = await saved();
      await engine.breached(aBreach('a', { count: 80, level: CRITICAL }));
      await putBack();
      await pass(10 * SECOND);
      expect(heard.heard).toEqual(['a opened 16', 'a escalated 80']);
    });

    it('opens an incident again that ended in the same window', async () => {
      const heard = new HearingGroups();
      const [engine, other] = [await replica([heard], story), await replica([heard], story)];
      await engine.breached(aBreach());
      await pass(2 * SECOND);
      const [[id, text] = ['', '']] = await state.list('incidents::');
      await state.swap('incidents::', id, text, undefined);
      await other.breached(aBreach());
      await pass(5 * SECOND);
      expect(heard.heard).toEqual(['a opened 16', 'a opened 16']);
    });

    it('does not send a level that another replica is sending', async () => {
      const heard = new Hearing();
      const [one, other] = [await replica([heard], story), await replica([heard], story)];
      const highest = { at: 10, severity: 'critical' } as const;
      await one.breached(aBreach());
      await pass(2 * SECOND);
      const putBack = await saved();
      await one.breached(aBreach('a', { count: 80, level: CRITICAL }));
      await pass(SECOND);
      await putBack();
      heard.answer = () => inMs(2 * SECOND);
      void other.breached(aBreach('a', { count: 200, level: highest }));
      await pass(100);
      void one.breached(aBreach('a', { count: 201, level: highest }));
      await pass(10 * SECOND);
      expect(heard.heard).toEqual(['a opened 16', 'a escalated 80', 'a escalated 200']);
    });

    describe('and a channel has not sent the end yet', () => {
      let [heard, slow] = [new Hearing(), new Hearing()];
      const limited = (): void => {
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: 4 * MINUTE });
      };

      beforeEach(() => ([heard, slow] = [new Hearing(), new Hearing('slow')]));

      it('sends a breach that comes after the lost end, and its end', async () => {
        const engine = await replica([heard, slow], story);
        await engine.breached(aBreach());
        await pass(ENDS_AFTER - 5 * SECOND);
        const putBack = await saved();
        slow.answer = limited;
        await pass(10 * SECOND);
        await putBack();
        await engine.breached(aBreach('a', { count: 17 }));
        await pass(5 * SECOND);
        await engine.breached(aBreach('a', { count: 80, level: CRITICAL }));
        slow.answer = () => undefined;
        await pass(20 * MINUTE);
        const another = ['a opened 17', 'a escalated 80', 'a resolved 80'];
        expect(heard.heard).toEqual(['a opened 16', 'a resolved 16', ...another]);
      });

      it('sends the end of one that a raised threshold had ended here and that continued elsewhere', async () => {
        const one = await replica([heard, slow], { ...story, thresholdNotReached: () => 30 });
        const other = await replica([heard, slow], story);
        await one.breached(aBreach('a', {}, HOUR));
        await pass(2 * SECOND);
        const putBack = await saved();
        slow.answer = limited;
        await one.thresholds.changed('llm');
        await pass(SECOND);
        expect(heard.heard).toEqual(['a opened 16', 'a resolved 16']);
        await putBack();
        heard.answer = () => inMs(2 * SECOND);
        void other.breached(aBreach('a', { count: 80, level: CRITICAL }, HOUR));
        await pass(100);
        void one.breached(aBreach('a', { count: 81, level: CRITICAL }, HOUR));
        await pass(10 * SECOND);
        [heard.answer, slow.answer] = [() => undefined, () => undefined];
        await pass(2 * HOUR);
        expect(heard.heard.at(-1)).toMatch(/resolved/);
      });

      it('ends one once, even if the record of the next is written long before its own', async () => {
        const [one, other] = [await replica([heard, slow], story), await replica([heard, slow], story)];
        await other.breached(aBreach());
        await one.breached(aBreach('a', { count: 17 }));
        await pass(SECOND);
        slow.answer = limited;
        for (let i = 0; i < 1_200 && heard.alerts.at(-1)?.incident?.status !== 'resolved'; i++) await pass(SECOND / 4);
        const swap = state.swap.bind(state);
        let isLate = true;
        jest.spyOn(state, 'swap').mockImplementation(async (...args) => {
          const waits = isLate && args[1].includes('~');
          if (waits) isLate = false;
          if (waits) await inMs(6 * SECOND);
          return swap(...args);
        });
        void one.breached(aBreach('a', { count: 18 }));
        await pass(10 * SECOND);
        slow.answer = () => undefined;
        await pass(20 * MINUTE);
        expect(heard.alerts.filter(({ incident }) => incident?.status === 'resolved')).toHaveLength(2);
      });
    });
  });

  it('retries a failed alert after a quarter of a second, then after twice that', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(1);
    const heard = new Hearing();
    const engine = await replica([heard]);
    heard.answer = () => {
      throw new Error('answered 500');
    };
    await engine.breached(aBreach('a', {}, HOUR));
    const tries: number[] = [];
    for (const ms of [240, 20, 480, 30]) {
      await pass(ms);
      tries.push(heard.alerts.length);
    }
    expect(tries).toEqual([1, 2, 2, 3]);
  });

  it('retries at once what waits for the end of a pause when a test alert goes through', async () => {
    const heard = new Hearing();
    const engine = await replica([heard]);
    heard.answer = () => {
      throw new DeliveryError('answered 429', { retry: true, retryAfterMs: MINUTE });
    };
    await engine.breached(aBreach('a', {}, HOUR));
    await pass(10);
    heard.answer = () => undefined;
    expect(await engine.sendTest()).toEqual([{ channel: 'hearing', delivered: true }]);
    await pass(0);
    expect([heard.heard, await statuses(engine)]).toEqual([['a 16', 'test 2', 'a 16'], ['a delivered']]);
    expect((await engine.list())[0]?.channels['hearing']).toEqual({ status: 'delivered', attempts: 2 });
  });
});
