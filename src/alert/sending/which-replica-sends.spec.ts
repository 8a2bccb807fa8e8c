import { oneLength } from '../../../test/support/alert-settings.js';
import { aBreach } from '../../../test/support/a-breach.js';
import type { AlertLevel } from '../../model/level.js';
import { extended, leaseOf, released, SEND_LEASE_MS, takeToSend, type Sender } from './which-replica-sends.js';
import { CLOCK_FELL_BACK_MS, withBreach, type Incident, type Told } from '../incident/incident.js';
import { withTold } from '../incident/told.js';
import type { Mute } from '../mutes.js';

const NOW = 1_700_000_000_000;
const OVER: AlertLevel = { at: 1, severity: 'warning' };

const MINUTE = 60_000;
const START = NOW - 10_000;
const END = NOW + 50_000;

/** A breach of a window of a minute that began ten seconds ago, or that many windows later. */
function over(before: Incident | undefined, { isStory = false, level = OVER, windowsLater = 0 } = {}): Incident {
  const start = START + windowsLater * MINUTE;
  return withBreach(before, aBreach(start, { count: 16, level }), isStory, start);
}

const tell = (incident: Incident, told: Partial<Told>, key = 'log'): Incident =>
  withTold(incident, key, { levels: {}, delivery: { status: 'queued', attempts: 0 }, ...told });

/** An incident that another replica began to send, and has not confirmed in time. */
function begun(): Incident {
  const incident = over(undefined);
  const delivery = { status: 'queued' as const, attempts: 0 };
  return withTold(incident, 'log', { levels: {}, delivery, by: 'other', until: NOW - 1 });
}

const sender = (more: Partial<Sender>): Sender => ({
  me: 'me',
  now: NOW,
  settings: { remindAfterMs: 60_000, resolveAfterMs: undefined, periodEnd: oneLength },
  mute: undefined,
  seesSince: undefined,
  channels: new Map([['log', {}]]),
  own: () => ({ pausedMs: 0, leaseMs: SEND_LEASE_MS }),
  isMine: () => true,
  mayClose: true,
  mayTakeOver: true,
  mayTakeNew: true,
  ...more,
});

describe('an alert that another replica began to send and did not confirm', () => {
  it('is sent by this one', () => {
    const { taken, incident } = takeToSend(begun(), begun(), sender({}));
    expect([...taken.keys()]).toEqual(['log']);
    expect(incident?.told.log).toMatchObject({ by: 'me' });
  });

  it('is left to that replica for a moment after the store was away, and stays due', () => {
    const { taken, incident, isDone } = takeToSend(begun(), begun(), sender({ mayTakeOver: false }));
    expect([...taken.keys()]).toEqual([]);
    expect(incident?.told.log).toMatchObject({ by: 'other' });
    expect(incident?.lookAt).toBeLessThanOrEqual(NOW);
    expect(isDone).toBe(false);
  });

  it.each([
    ['what seems new', over(undefined)],
    ['what another replica began', begun()],
  ])('is left to replicas that still write what they sent during an outage: %s', (_, incident) => {
    const { taken, incident: left } = takeToSend(undefined, incident, sender({ mayTakeNew: false }));
    expect([taken.size, left?.told.log?.by]).toEqual([0, incident.told.log?.by]);
    expect(left?.lookAt).toBeLessThanOrEqual(NOW);
  });

  it('is sent again at once by the one that began, even if others still write what they sent during an outage', () => {
    const mine = withTold(begun(), 'log', { ...(begun().told.log as Told), by: 'me' });
    expect([...takeToSend(mine, mine, sender({ mayTakeNew: false })).taken.keys()]).toEqual(['log']);
  });

  it('is sent again at once by the one that began', () => {
    expect([...takeToSend(begun(), begun(), sender({ me: 'other', mayTakeOver: false })).taken.keys()]).toEqual([
      'log',
    ]);
  });
});

describe('what is due to channels', () => {
  const HOUR = 60 * MINUTE;
  const delivered: Told = { levels: { [START]: 1 }, when: START, delivery: { status: 'delivered', attempts: 1 } };
  const mute: Mute = { until: new Date(NOW + HOUR), reason: 'a load\ntest', heldBack: 0 };
  const change = (before: Incident | undefined, after: Incident | undefined, more: Partial<Sender> = {}) =>
    takeToSend(before, after, sender(more));
  const take = (incident: Incident | undefined, more: Partial<Sender> = {}) => change(incident, incident, more);

  it('is nothing without a record', () => {
    expect(take(undefined)).toEqual({
      incident: undefined,
      taken: new Map(),
      held: [],
      paused: [],
      isDone: false,
    });
  });

  it('is taken by a replica that has the channel, with a lease of five seconds', () => {
    const { incident, taken, held, paused, isDone } = take(over(undefined));
    expect(taken.get('log')).toMatchObject({ status: 'opened', level: OVER });
    expect({ held, paused, isDone }).toEqual({ held: [], paused: [], isDone: false });
    expect(incident?.status).toBe('opened');
    expect(incident?.told).toEqual({
      log: { levels: {}, delivery: { status: 'queued', attempts: 0 }, by: 'me', until: NOW + 5_000 },
    });
    expect(incident?.lookAt).toBe(NOW + 5_000);
  });

  it('is queued in the record for others if no channel of this replica takes it', () => {
    const queued = { log: { levels: {}, delivery: { status: 'queued', attempts: 0 } } };
    for (const left of [{ own: () => undefined }, { isMine: () => false }]) {
      const { incident, taken, paused } = take(over(undefined), left);
      expect([taken.size, paused]).toEqual([0, []]);
      expect(incident?.told).toEqual(queued);
      expect(incident?.lookAt).toBe(NOW);
    }
  });

  it.each(['delivered', 'suppressed'] as const)('is a separate delivery after one that was %s', (status) => {
    const delivery = { status, attempts: 3, reason: 'x' };
    const { incident } = take(tell(over(undefined), { ...delivered, levels: { [START]: 0.5 }, delivery }), {
      isMine: () => false,
    });
    expect(incident?.told.log?.delivery).toEqual({ status: 'queued', attempts: 0 });
    expect(incident?.told.log?.levels).toEqual({ [START]: 0.5 });
  });

  it('keeps its number of failed attempts', () => {
    const delivery = { status: 'retried', attempts: 3, reason: 'answered 503' } as const;
    expect(take(tell(over(undefined), { delivery })).incident?.told.log).toMatchObject({ by: 'me', delivery });
  });

  it('waits if the channel is paused, and the record states why', () => {
    const paused = { own: () => ({ pausedMs: 30_000, leaseMs: SEND_LEASE_MS }) };
    const fresh = take(over(undefined), paused);
    expect([fresh.paused, fresh.taken.size]).toEqual([['log'], 0]);
    expect(fresh.incident?.told.log).toEqual({
      levels: {},
      next: NOW + 30_000,
      delivery: { status: 'failed', attempts: 0, reason: 'the channel accepts nothing at the moment' },
    });
    expect(fresh.incident?.lookAt).toBe(NOW + 30_000);
    const delivery = { status: 'retried', attempts: 3, reason: 'answered 503' } as const;
    expect(take(tell(over(undefined), { delivery }), paused).incident?.told.log).toEqual({
      levels: {},
      next: NOW + 30_000,
      delivery,
    });
  });

  it('is taken during a short pause, to be ranked with everything that waits until it ends', () => {
    const { incident, taken, paused } = take(over(undefined), {
      own: () => ({ pausedMs: 5_000, leaseMs: SEND_LEASE_MS }),
    });
    expect([[...taken.keys()], paused, incident?.told.log?.delivery.status]).toEqual([['log'], [], 'queued']);
  });

  it('stays due at the same time, however often a replica that cannot send looks', () => {
    const later = { isMine: () => false, now: NOW + 1_000 };
    const before = take(over(undefined), { isMine: () => false }).incident as Incident;
    expect(before.lookAt).toBe(NOW);
    expect(take(before, later).incident?.lookAt).toBe(NOW);
    // What is due earlier than the record has it is due now.
    expect(take({ ...before, lookAt: NOW + 9_000 }, later).incident?.lookAt).toBe(NOW + 1_000);
    expect(change(undefined, before, later).incident?.lookAt).toBe(NOW + 1_000);
    // What is not due any more is not overdue.
    expect(take(tell(before, { ...delivered, when: NOW }), later).incident?.lookAt).toBeGreaterThan(NOW + 1_000);
  });

  describe('while a mute holds it back', () => {
    it('is suppressed, with the reason of the mute, and due again when that ends', () => {
      const { incident, held, taken } = change(undefined, over(undefined), { mute });
      expect([held, taken.size]).toEqual([['log'], 0]);
      expect(incident?.told.log).toEqual({
        levels: {},
        held: NOW + HOUR,
        delivery: { status: 'suppressed', attempts: 0, reason: 'muted: a load test' },
      });
      expect(incident?.told.log?.levels).toEqual({});
      const again = take(incident, { mute });
      expect(again.held).toEqual([]);
      expect(again.incident).toEqual(incident);
    });

    it('is counted as held back if it is new: another mute, or another window', () => {
      const until = (ms: number) => ({ mute: { ...mute, until: new Date(NOW + ms) } });
      const known = tell(over(undefined), { ...delivered, levels: {}, held: NOW + 20_000 });
      expect(take(known, until(20_000)).held).toEqual([]);
      expect(take(known, until(30_000)).held).toEqual(['log']);
      const next = tell(over(known, { windowsLater: 1 }), { ...delivered, levels: {}, held: NOW + 80_000 });
      const at = { ...until(80_000), now: NOW + MINUTE };
      expect(change(known, next, at).held).toEqual(['log']);
      expect(change(next, next, at).held).toEqual([]);
      const suppressed = { status: 'suppressed', attempts: 0 } as const;
      expect(change(known, tell(next, { held: NOW + 80_000, delivery: suppressed }), at).held).toEqual([]);
    });
  });

  describe('once the tenant is calm', () => {
    const story = tell(over(undefined, { isStory: true }), { ...delivered, levels: { '': 1 } });
    const settled = { ...story, settledTo: END };
    const later = NOW + HOUR;

    it('is the end, if all counts are final', () => {
      const { incident, taken, isDone } = take(settled, { now: later });
      expect(incident?.closedAt).toBe(later);
      expect(taken.get('log')?.status).toBe('resolved');
      expect(isDone).toBe(false);
      expect(take(story, { now: later }).incident?.closedAt).toBeUndefined();
    });

    it('is not yet the end while the tenant may come back, or if the replica may not end it', () => {
      expect(take(settled).incident?.closedAt).toBeUndefined();
      expect(take(settled, { now: later, mayClose: false }).incident?.closedAt).toBeUndefined();
    });

    it('ends once', () => {
      expect(take({ ...settled, closedAt: NOW }, { now: later }).incident?.closedAt).toBe(NOW);
    });

    it('is nothing, and the record is finished, once each channel knows', () => {
      const ended = tell({ ...settled, closedAt: NOW, lookAt: NOW }, { ...delivered, resolved: true });
      const { incident, isDone, taken } = take(ended, { now: NOW + 30 * MINUTE });
      expect([isDone, taken.size]).toEqual([true, 0]);
      // Unless it is put away, which may fail.
      expect(incident?.lookAt).toBe(NOW + 30 * MINUTE + 10_000);
    });

    it('is nothing for a window that is its own alert, whose counts need not be final', () => {
      const { incident, isDone } = take(tell(over(undefined), delivered), { now: later });
      expect([incident?.closedAt, isDone]).toEqual([later, true]);
    });
  });
});

describe('the lease of what is being sent', () => {
  const sending: Told = { levels: {}, delivery: { status: 'queued', attempts: 0 }, by: 'me', until: NOW + 100 };

  it('is extended by the replica that has it', () => {
    expect(extended(sending, 'me', NOW + SEND_LEASE_MS)).toEqual({ ...sending, until: NOW + SEND_LEASE_MS });
    expect(extended(sending, 'other', NOW)).toBe(sending);
  });

  it.each([
    [0, 5_000],
    [100, 5_500],
    [8_000, 45_000],
    [100_000, 45_000],
  ])('lasts longer the more others wait: with %i %i ms', (waiting, ms) => {
    expect(leaseOf(waiting)).toBe(ms);
    const own = () => ({ pausedMs: 0, leaseMs: leaseOf(waiting) });
    expect(takeToSend(undefined, over(undefined), sender({ own })).incident?.told.log).toMatchObject({
      until: NOW + ms,
    });
    // A lease much longer than this is taken for one from before the clock fell back.
    expect(ms).toBeLessThan(CLOCK_FELL_BACK_MS);
  });

  it('is given up by that replica, so that another may send at once', () => {
    const incident = tell(over(undefined), sending);
    const { by, until, ...free } = sending;
    expect([by, until]).toEqual(['me', NOW + 100]);
    expect(released(incident, 'log', 'me', NOW)).toEqual({ ...tell(incident, free), lookAt: NOW });
    expect(released(incident, 'log', 'other', NOW)).toBe(incident);
    expect(released(incident, 'chat', 'me', NOW)).toBe(incident);
    expect(released(undefined, 'log', 'me', NOW)).toBeUndefined();
  });
});
