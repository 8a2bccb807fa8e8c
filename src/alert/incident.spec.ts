import fc from 'fast-check';

import { anAlert } from '../../test/support/alerts.js';
import type { Tenant } from '../model/tenant.js';
import type { RateAlert } from '../model/rate-alert.js';
import * as incidents from './incident.js';
import type { Incident } from './incident.js';

const MINUTE_MS = 60_000;
const FIRST = 29_000_000;
const THRESHOLD = 15;
const id = (): string => 'inc_1';
const at = (window: number): Date => new Date(window * MINUTE_MS);
const breach = (window: number, count: number, more: Partial<RateAlert> = {}): RateAlert =>
  anAlert({ windowStart: at(FIRST + window), count, threshold: THRESHOLD, ...more });
/** As the next replica finds it. */
const stored = (incident: Incident): Incident => JSON.parse(JSON.stringify(incident)) as Incident;
const opened = (count = 20): Incident => incidents.withBreach(undefined, breach(0, count), id);
const critical = { level: { at: 5, severity: 'critical' as const } };

describe('an incident', () => {
  it('is opened by its first breach, escalates by a higher level, and is spoken of again after a while', () => {
    const now = 1_000;
    const tell = (incident: Incident, alert: RateAlert, later = 0) =>
      incidents.worthTelling(incident, alert, now + later, 500);
    expect(tell(opened(), breach(0, 20))).toBe('opened');
    const told = incidents.withTold(opened(), breach(0, 20), now);
    expect(tell(told, breach(1, 20), 499)).toBeUndefined();
    expect(tell(told, breach(1, 20), 500)).toBe('reminded');
    expect(tell(told, breach(1, 90, critical))).toBe('escalated');
    const escalated = incidents.withTold(told, breach(1, 90, critical), now);
    expect(tell(escalated, breach(1, 90, critical))).toBeUndefined();
    expect(tell(incidents.withTold(escalated, breach(2, 20), now), breach(2, 90, critical))).toBeUndefined();
  });

  it('keeps its worst level, its route and what it was when it ends', () => {
    const worst = incidents.withBreach(opened(), breach(1, 90, critical), id);
    const later = breach(2, 20);
    delete later.route;
    const alert = incidents.resolvedAlert(stored(incidents.withBreach(worst, later, id)));
    expect(alert).toMatchObject({ ...critical, count: 90, windowStart: at(FIRST + 1), route: anAlert().route });
    expect(alert.incident).toMatchObject({ id: 'inc_1', status: 'resolved', startedAt: at(FIRST) });
  });

  it('counts a window as over a second after its end, and not too many at once', () => {
    const end = (FIRST + 1) * MINUTE_MS;
    expect(incidents.overWindows(opened(), end + 999)).toEqual([]);
    expect(incidents.overWindows(opened(), end + 1_000)).toEqual([FIRST]);
    expect(incidents.overWindows(opened(), end + 1_000 * MINUTE_MS)).toHaveLength(100);
  });

  it('is over after so long without a breach, once its last window is settled', () => {
    const over = (FIRST + 3) * MINUTE_MS;
    const isResolved = (incident: Incident, now: number) => incidents.isResolved(incident, now, 2 * MINUTE_MS);
    expect(isResolved(opened(), over)).toBe(false);
    const settled = incidents.withSettled(opened(), new Map([[FIRST, 20]]));
    expect([isResolved(settled, over - 1), isResolved(settled, over)]).toEqual([false, true]);
  });

  it('takes no final count twice, none out of order, and none below what was seen', () => {
    const counts = new Map([[FIRST, 0]]);
    const settled = incidents.withSettled(opened(), counts);
    expect(settled).toMatchObject({ total: 20, unsettled: FIRST + 1, seen: {} });
    expect(incidents.withSettled(settled, counts)).toEqual(settled);
    expect(incidents.withSettled(settled, new Map([[FIRST + 2, 5]]))).toEqual(settled);
  });

  it('keeps a tenant that the store can take, whatever its resolver made of it', () => {
    const attributes = { plan: 'pro', seats: 3n, self: {} } as unknown as NonNullable<Tenant['attributes']>;
    attributes.self = attributes as unknown as string;
    const tenant = { id: '__proto__', name: 'x'.repeat(10_240), attributes };
    const kept = stored(incidents.withBreach(undefined, breach(0, 20, { tenant }), id)).tenant;
    expect(kept).toMatchObject({ id: '__proto__', attributes: { plan: 'pro', seats: '3' } });
    expect(kept.name).toHaveLength(200);
  });

  it('has the total, peak and length of a plain sum, whenever anybody settles', () => {
    const window = fc.record({
      count: fc.nat(4 * THRESHOLD),
      /** How much of it the breaches saw, in percent. */
      seen: fc.array(fc.nat(100), { minLength: 1, maxLength: 3 }),
      settledAfterMs: fc.option(fc.nat(MINUTE_MS - 1)),
      settledTwice: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(window, { minLength: 1, maxLength: 12 }), (windows) => {
        const counts = [THRESHOLD + 1, ...windows.map(({ count }) => count)];
        const settled = (incident: Incident, now: number): Incident =>
          incidents.withSettled(
            incident,
            new Map(incidents.overWindows(incident, now).map((number) => [number, counts[number - FIRST] ?? 0])),
          );
        let incident = opened(THRESHOLD + 1);
        windows.forEach(({ count, seen, settledAfterMs, settledTwice }, i) => {
          const breaches = count > THRESHOLD ? seen : [];
          for (const percent of breaches) {
            const sofar = THRESHOLD + Math.ceil(((count - THRESHOLD) * Math.max(percent, 1)) / 100);
            incident = incidents.withBreach(stored(incident), breach(i + 1, sofar), id);
          }
          if (settledAfterMs === null) return;
          const now = (FIRST + i + 1) * MINUTE_MS + settledAfterMs;
          incident = settled(stored(incident), now);
          if (settledTwice) incident = settled(stored(incident), now);
        });
        const end = incidents.told(settled(stored(incident), (FIRST + 100) * MINUTE_MS), 'resolved');

        const last = counts.findLastIndex((count) => count > THRESHOLD);
        const within = counts.slice(0, last + 1);
        expect(end).toMatchObject({
          startedAt: at(FIRST),
          lastedMs: within.length * MINUTE_MS,
          total: within.reduce((sum, count) => sum + count, 0),
        });
        expect(end.peak.count).toBe(Math.max(...within));
        expect(counts[end.peak.windowStart.getTime() / MINUTE_MS - FIRST]).toBe(end.peak.count);
      }),
      { numRuns: 500 },
    );
  });
});
