import { notByKey } from '../../test/support/counted.js';
import type { AlertLevel, Levels } from '../model/level.js';
import type { CountedCategory } from '../model/window.js';
import { tenantKey } from '../model/tenant.js';
import { fixedSpans } from '../model/window-spans.js';
import type { Counted } from '../store/counter-store.js';
import { levelsOf, NO_LEVELS } from '../threshold/levels.js';
import { TenantTotal } from './tenant-total.js';

const MINUTE = 60_000;
const [WARNING, CRITICAL]: AlertLevel[] = [
  { at: 1, severity: 'warning' },
  { at: 2, severity: 'critical' },
];
/** Over 10 and over 20. */
const LEVELS = levelsOf(10, [WARNING as AlertLevel, CRITICAL as AlertLevel]);
const acme = { id: 'acme', name: 'Acme' };
const route = { method: 'POST', path: '/llm/call', handler: 'LlmController.call' };

describe('TenantTotal', () => {
  const category: CountedCategory = { name: 'llm_call', maxCost: 1e9, windows: [] };
  const window = (windowMs = MINUTE) => ({
    name: 'hour',
    lengthName: 'hour',
    spanAt: fixedSpans(windowMs),
    levelsFor: notByKey(() => LEVELS),
  });
  const open = (windowMs = MINUTE, levels = LEVELS, earlierMs?: number, key = 'acme'): TenantTotal => {
    const spanAt = fixedSpans(windowMs);
    const span = spanAt(10 * windowMs);
    const earlier =
      earlierMs === undefined ? undefined : [spanAt(9 * windowMs), spanAt(8 * windowMs), spanAt(7 * windowMs)];
    const of = { category, window: window(windowMs), span, earlier, keepMs: 2 * windowMs };
    const total = new TenantTotal(of, key, 'me');
    if (levels !== NO_LEVELS) total.setLevels(levels);
    return total;
  };
  const answer = (tracked: TenantTotal, more: Partial<Counted> = {}) => {
    const { total } = tracked.send();
    return tracked.taken(total, { count: total, announced: 0, announce: 0, ...more });
  };
  const add = (total: TenantTotal, cost = 1) => total.add(cost, acme);
  const judged = (total: TenantTotal, levels: Levels) => {
    total.setLevels(levels);
    return total.urgency();
  };
  /** Counted and published, so that the first request is over. */
  const known = (count: number, more: Partial<Counted> = {}): TenantTotal => {
    const total = open();
    add(total, count);
    answer(total, more);
    return total;
  };

  describe('is urgent', () => {
    it('until the store has answered once, for which requests wait in a window of more than a minute', () => {
      const [minute, longer] = [open(), open(MINUTE + 1)];
      expect([add(minute), add(minute), add(longer), add(longer)]).toEqual(['now', 'now', 'wait', 'wait']);
      answer(minute);
      answer(longer);
      expect([add(minute), add(longer)]).toEqual(['later', 'later']);
      expect(add(open(), 11)).toBe('wait');
      // The store is sent nothing that costs nothing, so it never answers about it.
      expect(add(open(MINUTE + 1), 0)).toBe('later');
      const zero = open(MINUTE, levelsOf(0, LEVELS.steps));
      expect([add(zero), zero.alone(), zero.unraise(CRITICAL as AlertLevel), add(zero)]).toEqual([
        ...['wait', CRITICAL, undefined, 'now'],
      ]);
    });

    it('from half of the next level on, and one request waits for each level', () => {
      const total = known(1);
      const urgencies = Array.from({ length: 21 }, () => add(total));
      expect(urgencies).toEqual([
        ...[...Array<string>(4).fill('later'), ...Array<string>(5).fill('now'), 'wait'],
        ...Array<string>(11).fill('later'),
      ]);
    });

    it('above half of it only, however the count got there', () => {
      const total = known(1);
      expect([add(total, 4), judged(total, LEVELS), add(total, 0.1)]).toEqual(['later', 'later', 'now']);
    });

    it('for a level above 0, at the first request, and again if its alert could not be recorded', () => {
      const total = open(MINUTE, levelsOf(0, [WARNING as AlertLevel]));
      expect(add(total)).toBe('wait');
      answer(total, { announce: 1 });
      total.unraise(WARNING as AlertLevel);
      expect(total.alone()).toEqual(WARNING);
    });

    it('for the next level once the last one was announced, by anyone', () => {
      const total = known(11, { announced: 1 });
      // Over half of 20 already.
      expect(add(total)).toBe('now');
      expect([add(total, 8), add(total), add(total)]).toEqual(['now', 'wait', 'later']);
      const far = known(11, { announced: 2 });
      expect(add(far, 1e6)).toBe('later');
    });

    it('by the counts of the others too, and no longer once levels are raised', () => {
      const total = known(1, { count: 5 });
      expect(add(total)).toBe('now');
      expect([judged(total, levelsOf(1_000, LEVELS.steps)), add(total, 400)]).toEqual(['later', 'later']);
      expect([add(total, 99), judged(total, LEVELS)]).toEqual(['now', 'wait']);
    });

    it('not while its levels are unknown', () => {
      const total = open(MINUTE, NO_LEVELS);
      expect([total.knownLevels, total.currentLevels]).toEqual([undefined, NO_LEVELS]);
      add(total);
      answer(total);
      expect(add(total, 1e6)).toBe('later');
      expect(judged(total, LEVELS)).toBe('wait');
      expect(total.knownLevels).toBe(LEVELS);
    });
  });

  it('knows the version of its levels', () => {
    const total = open();
    expect([0, 1].map((version) => total.isAskedFor(version))).toEqual([false, false]);
    total.asking(1);
    expect([0, 1].map((version) => total.isAskedFor(version))).toEqual([false, true]);
    total.askAgain();
    expect([0, 1].map((version) => total.isAskedFor(version))).toEqual([false, false]);
  });

  it('is in one queue at a time, and the urgent one wins', () => {
    const total = open();
    expect(total.dequeue()).toBe(false);
    expect([total.enqueue('later'), total.enqueue('later'), total.enqueue('urgent')]).toEqual([true, false, true]);
    expect([total.enqueue('urgent'), total.enqueue('later')]).toEqual([false, false]);
    expect([total.dequeue(), total.dequeue()]).toEqual([true, false]);
    expect(total.enqueue('later')).toBe(true);
  });

  it('sends its total, the highest it sent before, and what is known of others', () => {
    const total = open();
    add(total, 3);
    const sent = { category: 'llm_call', tenant: 'acme', instance: 'me', levels: LEVELS, keepMs: 2 * MINUTE };
    const { span: window } = total.window;
    const earlier = undefined;
    expect(total.send()).toEqual({ ...sent, window, earlier, total: 3, sent: 0, others: 0, announced: 0 });
    // The answer was lost.
    add(total, 2);
    expect(total.send()).toMatchObject({ total: 5, sent: 3 });
    expect([total.isPending, total.unpublished]).toEqual([true, 5]);
    answer(total, { count: 9, announced: 1 });
    expect(total.send()).toMatchObject({ total: 5, sent: 5, others: 4, announced: 1 });
    expect([total.isPending, total.unpublished, total.known]).toEqual([false, 0, 9]);
    // An older answer that comes late takes nothing back.
    total.taken(3, { count: 7, announced: 0, announce: 0 });
    expect(total.unpublished).toBe(0);
    expect(total.send()).toMatchObject({ others: 4, announced: 1 });
    answer(total, { count: 2 });
    expect(total.send().others).toBe(0);
  });

  it('is held back for either reason, until it is released or the store takes it', () => {
    for (const [why, isRefused] of [
      ['refused', true],
      ['lease', false],
    ] as const) {
      const total = known(1);
      expect([total.isHeld, total.isRefused]).toEqual([false, false]);
      total.hold(why);
      expect([total.isHeld, total.isRefused]).toEqual([true, isRefused]);
      total.release();
      expect([total.isHeld, total.isRefused]).toEqual([false, false]);
      total.hold(why);
      answer(total);
      expect(total.isHeld).toBe(!isRefused);
    }
  });

  it('gives up what is unpublished, once', () => {
    const total = known(2);
    add(total, 3);
    expect([total.giveUp(), total.giveUp(), total.isPending]).toEqual([3, 0, false]);
  });

  describe('raises a level', () => {
    it('that it gets, once, but none that is unknown or settled', () => {
      const total = open();
      add(total, 11);
      expect(answer(total, { announce: 1 })).toBe(WARNING);
      expect(answer(total, { announce: 1 })).toBeUndefined();
      expect(answer(total, { announce: 1.5 })).toBeUndefined();
      expect(answer(total, { announced: 2, announce: 2 })).toBeUndefined();
    });

    it('that its own count exceeds, once, and again if the alert was not recorded', () => {
      const total = open();
      add(total, 10);
      expect(total.alone()).toBeUndefined();
      add(total);
      expect([total.alone(), total.alone()]).toEqual([WARNING, undefined]);
      total.unraise(CRITICAL as AlertLevel);
      expect(total.alone()).toBeUndefined();
      total.unraise(WARNING as AlertLevel);
      expect(total.alone()).toBe(WARNING);
      total.confirm(WARNING as AlertLevel);
      total.unraise(WARNING as AlertLevel);
      expect([total.alone(), total.send().announced]).toEqual([undefined, 1]);
      add(total, 10);
      expect(total.alone()).toBe(CRITICAL);
    });

    it('and reports the highest recorded one to the others', () => {
      const total = known(25);
      total.confirm(CRITICAL as AlertLevel);
      total.confirm(WARNING as AlertLevel);
      expect(total.send().announced).toBe(2);
      answer(total, { announced: 1 });
      expect(total.send().announced).toBe(2);
    });

    it('or waits for the instance that got it', () => {
      expect([known(10).awaitsAnother, known(11).awaitsAnother]).toEqual([false, true]);
      const total = known(11);
      add(total);
      expect(total.awaitsAnother).toBe(false);
      expect(known(11, { announced: 1 }).awaitsAnother).toBe(false);
      expect(known(1, { count: 11 }).awaitsAnother).toBe(true);
    });
  });

  it('is hot over half of the first level, and once a level was crossed', () => {
    expect([known(5).isHot, known(6).isHot]).toEqual([false, true]);
    expect(known(1, { announced: 1 }).isHot).toBe(true);
    const cooled = known(11, { announced: 1 });
    cooled.setLevels(levelsOf(1_000, LEVELS.steps));
    expect(cooled.isHot).toBe(true);
    const free = open(MINUTE, NO_LEVELS);
    add(free, 1e6);
    expect(free.isHot).toBe(false);
  });

  it('describes its breach: who, where, how much and against which threshold', () => {
    const total = open();
    const told = {
      category: 'llm_call',
      window: 'hour',
      threshold: 10,
      level: WARNING,
      route: undefined,
      windowStart: total.window.span.start,
      windowEnd: total.window.span.end,
    };
    expect(total.breach(WARNING as AlertLevel, 'all')).toEqual({
      ...told,
      tenant: { id: 'acme' },
      count: 0,
      own: 0,
      countedBy: 'all',
    });
    expect(total.hasRoute).toBe(false);
    add(total, 11);
    total.seenOn(route);
    expect(total.hasRoute).toBe(true);
    answer(total, { count: 15 });
    for (const [countedBy, count] of [
      ['all', 15],
      ['instance', 11],
    ] as const)
      expect(total.breach(WARNING as AlertLevel, countedBy)).toEqual({
        ...told,
        tenant: acme,
        count,
        own: 11,
        countedBy,
        route,
      });
    const sliding = open(MINUTE, LEVELS, MINUTE);
    add(sliding, 1);
    answer(sliding, { earlier: 4 });
    expect([sliding.known, sliding.breach(WARNING as AlertLevel, 'all').count]).toEqual([5, 5]);
    expect(sliding.breach(WARNING as AlertLevel, 'all').windowStart).toBe(7 * MINUTE);
  });

  it.each([
    ['is too long to be shown', 'x'.repeat(2_000)],
    ['looks like a key', tenantKey('x'.repeat(2_000))],
  ])('describes its breach with the key of a tenant whose id %s, before and after it is forgotten', (_, id) => {
    const total = open(MINUTE, LEVELS, undefined, tenantKey(id));
    const tenant = () => total.breach(WARNING as AlertLevel, 'all').tenant;
    total.add(11, { id, name: 'Acme' });
    expect(tenant()).toEqual({ id: tenantKey(id), name: 'Acme' });
    answer(total, { announced: 1 });
    total.forgetTenant();
    expect(tenant().id).toBe(tenantKey(id));
  });

  describe('forgets its last request', () => {
    const tenantOf = (total: TenantTotal) => total.breach(WARNING as AlertLevel, 'all');

    it('if all is published and no level is near', () => {
      const total = open();
      add(total, 5);
      total.seenOn(route);
      total.forgetTenant();
      expect(tenantOf(total)).toMatchObject({ tenant: acme, route });
      answer(total);
      total.forgetTenant();
      expect(tenantOf(total)).toMatchObject({ tenant: { id: 'acme' }, route: undefined });
      expect(tenantOf(total).tenant).not.toHaveProperty('name');
    });

    it('except for what an alert names if a level is near, and not while its levels are unknown', () => {
      const near = known(6);
      near.seenOn(route);
      near.forgetTenant();
      expect(tenantOf(near)).toMatchObject({ tenant: acme, route });
      expect(tenantOf(near).tenant).not.toBe(acme);
      // An id that is longer than its key, and no name.
      near.add(1, { id: 'acme, at its full length' });
      answer(near);
      near.forgetTenant();
      expect(tenantOf(near).tenant).toEqual({ id: 'acme, at its full length' });
      const total = open(MINUTE, NO_LEVELS);
      add(total);
      answer(total);
      total.forgetTenant();
      expect(tenantOf(total).tenant).toBe(acme);
    });
  });

  describe('reports to usage', () => {
    it('each change of count, of others, of earlier spans and of the threshold, once', () => {
      const total = known(3);
      expect(total.takeNews()).toEqual({ more: 3, isNew: true, name: 'Acme' });
      expect(total.takeNews()).toBeUndefined();
      answer(total);
      total.setLevels({ ...LEVELS });
      expect(total.takeNews()).toBeUndefined();
      answer(total, { count: 5 });
      expect(total.takeNews()).toMatchObject({ more: 0 });
      answer(total, { count: 5, earlier: 1 });
      expect(total.takeNews()).toMatchObject({ more: 0 });
      total.setLevels(levelsOf(11, LEVELS.steps));
      expect(total.takeNews()).toMatchObject({ more: 0 });
    });

    it('a name of at most 200 characters, even after the request was forgotten', () => {
      const total = open();
      total.add(1, { id: 'acme', name: 'x'.repeat(300) });
      expect(total.takeNews()?.name).toHaveLength(200);
      total.add(1, { id: 'acme', name: 'y'.repeat(300) });
      answer(total);
      total.forgetTenant();
      expect(total.takeNews()?.name).toBe('y'.repeat(200));
      // Nothing new about it: usage has the name.
      total.add(1, { id: 'acme' });
      answer(total);
      total.forgetTenant();
      expect(total.takeNews()).toEqual({ more: 1, isNew: false, name: undefined });
      // A request without a name that comes before usage has looked.
      const named = known(1);
      named.forgetTenant();
      named.add(1, { id: 'acme' });
      answer(named);
      named.forgetTenant();
      expect(named.takeNews()).toEqual({ more: 2, isNew: true, name: 'Acme' });
      const seen = known(1);
      seen.takeNews();
      seen.forgetTenant();
      seen.add(1, { id: 'acme' });
      expect(seen.takeNews()).toEqual({ more: 1, isNew: false, name: undefined });
    });
  });
});
