import { aBreach } from '../../test/support/a-breach.js';
import { NOWHERE, oneLength } from '../../test/support/alert-settings.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { MAX_IN_A_TURN } from '../store/records.js';
import { Claims } from './claims.js';
import { withBreach, type Due, type Incident } from './incident/incident.js';
import { IncidentRecords } from './incident/incident-records.js';
import { Mutes } from './mutes.js';
import { PresentCounts } from './present-counts.js';
import type { ChannelDelivery, Present } from './sending/channel-delivery.js';
import { ChannelRoster } from './sending/channel-roster.js';
import { Leases } from './sending/leases.js';
import { SEND_LEASE_MS } from './sending/which-replica-sends.js';
import { Sight } from './sight.js';
import type { V01Incidents } from './v0-1/v0-1-incidents.js';

const MINUTE = 60_000;
/** The middle of a window. */
const START = 1_764_000_030_000;
const critical = { at: 5, severity: 'critical' } as const;

/** A replica with one channel, of which is noted what it is told to do. */
function aReplica(state: MemorySharedState, me: string) {
  const clock = { laterMs: 0 };
  const counting = { begins: (): void => undefined };
  const now = () => START + clock.laterMs;
  const steps: string[] = [];
  const delivery = {
    key: 'chat#',
    name: 'chat',
    channel: { name: 'chat', send: () => undefined },
    isGrouped: false,
    pausedMs: 0,
    waiting: 0,
    sending: [] as string[],
    ids: () => delivery.sending,
    push: (id: string, { status }: Due, isSuspect: boolean) =>
      steps.push(`push ${id} ${status}${isSuspect ? ' suspect' : ''}`),
    awaitPause: (id: string) => steps.push(`pause ${id}`),
    suppressed: () => steps.push('suppressed'),
    forget: (id: string) => steps.push(`forget ${id}`),
  };
  const deliveries = new Map([['chat#', delivery as unknown as ChannelDelivery]]);
  const store = { isStoreAway: () => false, now };
  const records = new IncidentRecords(state, 'app', 100);
  const writers = { isOne: false, areOthers: false, done: undefined };
  const sight = new Sight(records, writers, store);
  const counts = new PresentCounts(records, sight, {
    ...store,
    windowOf: () => undefined,
    counts: (reads) => {
      counting.begins();
      return Promise.resolve(reads.map(() => 99));
    },
    contributors: () => Promise.resolve([]),
  });
  const mutes = new Mutes(state, 'app', ['llm_call'], now, { log: () => undefined });
  const raising = new Set<unknown>();
  const settings = { remindAfterMs: 30 * MINUTE, resolveAfterMs: undefined, periodEnd: oneLength };
  const roster = new ChannelRoster(state, 'app', new Map([['chat#', {}]]));
  const v01 = { isGone: true, ended: async (of: Incident) => void (of.v01 && steps.push(`remove ${of.v01} of 0.1`)) };
  const claims = new Claims({
    ...{ me, records, sight, counts, mutes, deliveries, raising, settings, origin: NOWHERE, now },
    ...{ roster, v01: v01 as unknown as V01Incidents },
    leases: new Leases(state, 'app', me, () => records.isAway),
  });
  const breached = (id: string, more: object = {}) =>
    claims.update(id, (before) => withBreach(before, aBreach(START - 30_000, { count: 16, ...more }), true, now()));
  const told = async (id: string) => (await records.read([id]))[0]?.told['chat#'];
  const present = async (...ids: string[]) => await claims.present('chat#', ids);
  const parts = { claims, records, sight, mutes, roster, writers, v01, delivery, steps, raising, clock, counting };
  return { ...parts, breached, told, present };
}

const delivered = (memory?: string) => ({ delivered: true, memory }) as const;
const failed = (more: object = {}) =>
  ({
    delivered: false,
    refused: false,
    reason: 'slow',
    isSuspect: false,
    itsFault: false,
    waitMs: 0,
    ...more,
  }) as const;
const noted = (): void => undefined;
const over = (there: Incident | undefined) => ({ ...(there as Incident), settledTo: START + 9 * MINUTE });
/** A new incident that replaced it, as a replica without channels writes it. */
const replaced = (there: Incident | undefined) => ({ ...(there as Incident), uid: 'next', told: {} });

describe('a change of an incident', () => {
  let state: MemorySharedState;
  beforeEach(() => (state = new MemorySharedState()));

  it('hands what is due to the channel, with a longer lease the more breaches are being recorded', async () => {
    const { breached, told, steps, raising } = aReplica(state, 'me');
    for (let i = 0; i < 100; i++) raising.add(i);
    expect(await breached('a')).toBe(true);
    expect(steps).toEqual(['push a opened']);
    expect(await told('a')).toMatchObject({ by: 'me', until: START + SEND_LEASE_MS + 500 });
  });

  it('hands nothing over if there is no incident', async () => {
    const { claims, records, steps } = aReplica(state, 'me');
    expect(await claims.update('a', (there) => there)).toBe(false);
    expect(steps).toEqual([]);
    expect(records.isAway).toBe(false);
  });

  it('leaves alone what another replica is sending, until that stops', async () => {
    const [one, other] = [aReplica(state, 'one'), aReplica(state, 'other')];
    await one.breached('a');
    await other.claims.update('a', (there) => there);
    expect(other.steps).toEqual([]);
    await other.claims.release('chat#', ['a']);
    expect(await other.told('a')).toMatchObject({ by: 'one' });
    await one.claims.release('chat#', ['a', 'gone']);
    expect(await other.told('a')).not.toHaveProperty('by');
    await other.claims.update('a', (there) => there);
    expect(other.steps).toEqual(['push a opened']);
  });

  it('does not take over what another replica began to send while it has yet to write what it sent itself', async () => {
    const [one, other] = [aReplica(state, 'one'), aReplica(state, 'other')];
    await one.breached('a');
    other.clock.laterMs = SEND_LEASE_MS;
    other.writers.isOne = true;
    await other.claims.update('a', (there) => there);
    expect(other.steps).toEqual([]);
    other.writers.isOne = false;
    await other.claims.update('a', (there) => there);
    expect(other.steps).toEqual(['push a opened']);
  });

  it('counts once what a mute holds back, and tells a channel that is paused', async () => {
    const { claims, mutes, breached, steps, delivery } = aReplica(state, 'me');
    await mutes.mute({ tenant: 'b', forMs: MINUTE, reason: 'a test' });
    await breached('b', { tenant: { id: 'b' } });
    for (const total of [1, 2]) await claims.update('b', (there) => ({ ...(there as Incident), total }));
    delivery.pausedMs = MINUTE;
    await breached('a');
    expect(steps).toEqual(['suppressed', 'pause a']);
    await mutes.flush();
    expect(await mutes.list()).toMatchObject([{ heldBack: 1 }]);
  });

  it('is held back by a mute also for channels that only other replicas have', async () => {
    const { mutes, roster, breached, steps, records } = aReplica(state, 'me');
    await new ChannelRoster(state, 'app', new Map([['mail#', {}]])).look(START);
    await roster.look(START);
    await mutes.mute({ tenant: 'b', forMs: MINUTE, reason: 'a test' });
    expect(await breached('b', { tenant: { id: 'b' } })).toBe(true);
    expect(steps).toEqual(['suppressed']);
    const suppressed = { delivery: { status: 'suppressed' } };
    expect((await records.read(['b']))[0]?.told).toMatchObject({ 'chat#': suppressed, 'mail#': suppressed });
  });

  it('ends an incident that is over, but not just after the store went away', async () => {
    const { claims, records, clock, breached } = aReplica(state, 'me');
    for (const id of ['a', 'b']) await breached(id);
    clock.laterMs = 10 * MINUTE;
    await claims.update('a', over);
    records.storeIsAway();
    await claims.update('b', over);
    const ends = (await records.read(['a', 'b'])).map((incident) => incident?.closedAt);
    expect(ends).toEqual([START + 10 * MINUTE, undefined]);
  });

  it('does not end an incident whose windows were missed while the store was away, until another was seen', async () => {
    const { claims, records, sight, clock, breached } = aReplica(state, 'me');
    await breached('a');
    sight.lost(START);
    clock.laterMs = 10 * MINUTE;
    sight.regained();
    const isOver = async () => {
      await claims.update('a', over);
      return (await records.read(['a']))[0]?.closedAt !== undefined;
    };
    expect(await isOver()).toBe(false);
    clock.laterMs = 12 * MINUTE;
    expect(await isOver()).toBe(true);
  });

  it('ends an incident of 0.1 only if none of its replicas runs, and removes the original then', async () => {
    const { claims, records, clock, breached, steps, v01 } = aReplica(state, 'me');
    v01.isGone = false;
    for (const id of ['new', 'old']) await breached(id);
    await claims.update('old', (there) => ({ ...(there as Incident), v01: 'key' }));
    clock.laterMs = 10 * MINUTE;
    for (const id of ['new', 'old']) await claims.update(id, over);
    const areOver = async () => (await records.read(['new', 'old'])).map((one) => one?.closedAt !== undefined);
    expect(await areOver()).toEqual([true, false]);
    expect(steps).not.toContain('remove key of 0.1');
    v01.isGone = true;
    await claims.update('old', over);
    expect(await areOver()).toEqual([true, true]);
    expect(steps).toContain('remove key of 0.1');
  });

  it('archives an incident that is over and has nothing due', async () => {
    const { claims, breached, records, steps } = aReplica(state, 'me');
    await breached('a');
    await claims.update('a', (there) => ({ ...(there as Incident), closedAt: START - 61 * MINUTE }));
    expect(steps).toEqual(['push a opened', 'forget a']);
    expect(await records.read(['a'])).toEqual([undefined]);
  });
});

describe('what a channel is sent', () => {
  let me: ReturnType<typeof aReplica>;
  let state: MemorySharedState;
  beforeEach(async () => {
    state = new MemorySharedState();
    me = aReplica(state, 'me');
    await me.breached('a');
  });

  it('is known at once if it was just counted, and otherwise read again', async () => {
    expect(me.claims.present('chat#', ['a'])).toMatchObject([{ due: { status: 'opened' }, alert: { count: 16 } }]);
    me.clock.laterMs = 1_000;
    expect(me.claims.present('chat#', ['a'])).toBeInstanceOf(Promise);
    expect(await me.present('a')).toMatchObject([
      { alert: { count: 99, incident: { lastedMs: 31_000 } }, also: [], isAtFault: false, isSuspect: false },
    ]);
    expect(me.claims.present('chat#', ['a', 'a'])).toBeInstanceOf(Promise);
  });

  it('is nothing once the claim has run out, because another replica may have taken over', async () => {
    me.clock.laterMs = SEND_LEASE_MS - 100;
    expect(await me.present('a')).toMatchObject([{ alert: { count: 99 } }]);
    me.clock.laterMs = SEND_LEASE_MS;
    expect(await me.present('a', 'gone')).toEqual([undefined, undefined]);
  });

  it('is nothing if the claim ran out while the others of a group were read', async () => {
    await me.breached('b');
    const gone = Array.from({ length: MAX_IN_A_TURN }, () => 'gone');
    me.clock.laterMs = 1_000;
    let reads = 0;
    me.counting.begins = () => void (++reads === 2 && (me.clock.laterMs = SEND_LEASE_MS));
    expect((await me.present('a', ...gone, 'b'))[0]).toBeUndefined();
    expect(reads).toBe(2);
  });

  it('is nothing if a new incident has replaced it', async () => {
    await me.records.change('a', replaced);
    me.clock.laterMs = 1_000;
    expect(await me.present('a')).toEqual([undefined]);
  });

  it('has a new id if it is a further reminder', async () => {
    const ids: (string | undefined)[] = [];
    for (const laterMs of [0, 31, 62].map((minutes) => minutes * MINUTE)) {
      me.clock.laterMs = laterMs;
      await me.breached('long', { windowEnd: START + 120 * MINUTE });
      const [present] = await me.present('long');
      ids.push(present?.alert.id);
      await me.claims.report('chat#', 'long', present as Present, delivered(), noted);
    }
    expect(me.steps.slice(1)).toEqual(['push long opened', 'push long reminded', 'push long reminded']);
    expect(new Set(ids).size).toBe(3);
  });

  it('has its claim extended while it is being sent, from the middle of its lease on', async () => {
    me.delivery.sending = ['gone', 'a'];
    const untilAt = async (laterMs: number) => {
      me.clock.laterMs = laterMs;
      await me.claims.extend();
      return ((await me.told('a'))?.until ?? 0) - START;
    };
    expect(await untilAt(SEND_LEASE_MS / 2)).toBe(SEND_LEASE_MS);
    expect(await untilAt(SEND_LEASE_MS / 2 + 1)).toBe(1.5 * SEND_LEASE_MS + 1);
    expect(me.steps).toEqual(['push a opened']);
  });

  it('is claimed again if a new incident replaced it while it was being sent', async () => {
    me.delivery.sending = ['a'];
    await me.records.change('a', replaced);
    await me.claims.extend();
    expect(me.steps).toEqual(['push a opened', 'push a opened']);
  });

  const reported = async (outcome: ReturnType<typeof delivered> | ReturnType<typeof failed>, note = noted) => {
    const [present] = await me.present('a');
    return me.claims.report('chat#', 'a', present as Present, outcome, note);
  };

  it('is recorded before the next due alert is handed over', async () => {
    const [present] = await me.present('a');
    await me.breached('a', { level: critical, count: 90 });
    await me.claims.report('chat#', 'a', present as Present, delivered('message 1'), () => me.steps.push('noted'));
    expect(me.steps).toEqual(['push a opened', 'noted', 'push a escalated']);
    expect(await me.told('a')).toMatchObject({ levels: { '': 1 }, count: 16, memory: 'message 1' });
  });

  it('waits after a failure as long as the channel asked, and is sent at once on a retry', async () => {
    expect(await reported(failed({ waitMs: 9_000, isSuspect: true }))).toBe(9_000);
    expect(await me.told('a')).toMatchObject({ faults: 1, delivery: { status: 'retried', reason: 'slow' } });
    expect(await me.told('a')).not.toHaveProperty('by');
    await me.claims.update('a', (there) => there);
    expect(me.steps).toEqual(['push a opened']);
    await me.claims.again('chat#', 'a');
    expect(me.steps).toEqual(['push a opened', 'push a opened suspect']);
    await me.claims.again('chat#', 'a');
    expect(me.steps).toHaveLength(3);
  });

  it('is left to the replica that has taken it over, if it failed here', async () => {
    const other = aReplica(state, 'other');
    const [present] = await me.present('a');
    other.clock.laterMs = SEND_LEASE_MS + 100;
    await other.claims.update('a', (there) => there);
    expect(await me.claims.report('chat#', 'a', present as Present, failed({ waitMs: 9_000 }), noted)).toBe(0);
    expect(await me.present('a')).toEqual([undefined]);
    await me.claims.again('chat#', 'a');
    expect(await other.told('a')).toMatchObject({ by: 'other', delivery: { attempts: 0 } });
  });
});
