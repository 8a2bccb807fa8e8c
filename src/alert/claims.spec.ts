import { aBreach } from '../../test/support/a-breach.js';
import { NOWHERE, oneLength } from '../../test/support/alert-settings.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
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
import { V01Incidents } from './v0-1/v0-1-incidents.js';

const MINUTE = 60_000;
/** The middle of a window. */
const START = 1_764_000_030_000;
const critical = { at: 5, severity: 'critical' } as const;

/** A replica with one channel, of which is noted what it is told to do. */
function aReplica(state: MemorySharedState, me: string) {
  const clock = { laterMs: 0 };
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
  const sight = new Sight(records, store);
  const counts = new PresentCounts(records, sight, {
    ...store,
    windowOf: () => undefined,
    counts: (reads) => Promise.resolve(reads.map(() => 99)),
    contributors: () => Promise.resolve([]),
  });
  const mutes = new Mutes(state, 'app', ['llm_call'], now, { log: () => undefined });
  const raising = new Set<unknown>();
  const settings = { remindAfterMs: 30 * MINUTE, resolveAfterMs: undefined, periodEnd: oneLength };
  const claims = new Claims({
    ...{ me, records, sight, counts, mutes, deliveries, raising, settings, origin: NOWHERE, now },
    v01: new V01Incidents(state, 'app', []),
    roster: new ChannelRoster(state, 'app', new Map([['chat#', {}]])),
    leases: new Leases(state, 'app', me, () => records.isAway),
    writers: { isOne: false, areOthers: false },
  });
  const breached = (id: string, more: object = {}) =>
    claims.update(id, (before) => withBreach(before, aBreach(START - 30_000, { count: 16, ...more }), true, now()));
  const told = async (id: string) => (await records.read([id]))[0]?.told['chat#'];
  const present = async (...ids: string[]) => await claims.present('chat#', ids);
  return { claims, records, mutes, delivery, steps, raising, clock, breached, told, present };
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

describe('a change of an incident', () => {
  let state: MemorySharedState;
  beforeEach(() => (state = new MemorySharedState()));

  it('hands what is due to the channel, under a lease that is longer the more breaches are being recorded', async () => {
    const { breached, told, steps, raising } = aReplica(state, 'me');
    for (let i = 0; i < 100; i++) raising.add(i);
    expect(await breached('a')).toBe(true);
    expect(steps).toEqual(['push a opened']);
    expect(await told('a')).toMatchObject({ by: 'me', until: START + SEND_LEASE_MS + 500 });
  });

  it('hands nothing on if there is no incident', async () => {
    const { claims, steps } = aReplica(state, 'me');
    expect(await claims.update('a', (there) => there)).toBe(false);
    expect(steps).toEqual([]);
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

  it('counts what a mute holds back, and tells a channel that is paused', async () => {
    const { mutes, breached, steps, delivery } = aReplica(state, 'me');
    await mutes.mute({ tenant: 'b', forMs: MINUTE, reason: 'a test' });
    await breached('b', { tenant: { id: 'b' } });
    delivery.pausedMs = MINUTE;
    await breached('a');
    expect(steps).toEqual(['suppressed', 'pause a']);
    await mutes.flush();
    expect(await mutes.list()).toMatchObject([{ heldBack: 1 }]);
  });

  it('ends one that is over, but not just after the store went away', async () => {
    const { claims, records, clock, breached } = aReplica(state, 'me');
    for (const id of ['a', 'b']) await breached(id);
    clock.laterMs = 10 * MINUTE;
    const counted = (there: Incident | undefined) => ({ ...(there as Incident), settledTo: START + 9 * MINUTE });
    await claims.update('a', counted);
    records.storeIsAway();
    await claims.update('b', counted);
    const ends = (await records.read(['a', 'b'])).map((incident) => incident?.closedAt);
    expect(ends).toEqual([START + 10 * MINUTE, undefined]);
  });

  it('puts away an incident that is over and of which nothing is due', async () => {
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

  it('is at hand at once if it was just counted, else read again', async () => {
    expect(me.claims.present('chat#', ['a'])).toMatchObject([{ due: { status: 'opened' }, alert: { count: 16 } }]);
    me.clock.laterMs = 1_000;
    expect(me.claims.present('chat#', ['a'])).toBeInstanceOf(Promise);
    expect(await me.present('a')).toMatchObject([{ alert: { count: 99 }, also: [], isAtFault: false }]);
  });

  it('is nothing once the claim has run out, as another replica may have it', async () => {
    me.clock.laterMs = SEND_LEASE_MS - 100;
    expect(await me.present('a')).toMatchObject([{ alert: { count: 99 } }]);
    me.clock.laterMs = SEND_LEASE_MS + 100;
    expect(await me.present('a', 'gone')).toEqual([undefined, undefined]);
  });

  it('is claimed for longer while it is being sent', async () => {
    me.delivery.sending = ['a'];
    await me.claims.extend();
    const { until = 0 } = (await me.told('a')) ?? {};
    me.clock.laterMs = SEND_LEASE_MS * 0.75;
    await me.claims.extend();
    expect((await me.told('a'))?.until).toBeGreaterThanOrEqual(until + SEND_LEASE_MS * 0.75);
  });

  const reported = async (outcome: ReturnType<typeof delivered> | ReturnType<typeof failed>, note = noted) => {
    const [present] = await me.present('a');
    return me.claims.report('chat#', 'a', present as Present, outcome, note);
  };

  it('is noted before what is due next is handed on', async () => {
    const [present] = await me.present('a');
    await me.breached('a', { level: critical, count: 90 });
    await me.claims.report('chat#', 'a', present as Present, delivered('message 1'), () => me.steps.push('noted'));
    expect(me.steps).toEqual(['push a opened', 'noted', 'push a escalated']);
    expect(await me.told('a')).toMatchObject({ levels: { '': 1 }, count: 16, memory: 'message 1' });
  });

  it('waits after a failure for as long as the channel asked, and is sent at once if it is to be tried again', async () => {
    expect(await reported(failed({ waitMs: 9_000 }))).toBe(9_000);
    expect(await me.told('a')).toMatchObject({ faults: 1, delivery: { status: 'retried', reason: 'slow' } });
    expect(await me.told('a')).not.toHaveProperty('by');
    await me.claims.update('a', (there) => there);
    expect(me.steps).toEqual(['push a opened']);
    await me.claims.again('chat#', 'a');
    expect(me.steps).toEqual(['push a opened', 'push a opened']);
  });

  it('is left to the replica that has taken it over meanwhile, if it failed here', async () => {
    const other = aReplica(state, 'other');
    const [present] = await me.present('a');
    other.clock.laterMs = SEND_LEASE_MS + 100;
    await other.claims.update('a', (there) => there);
    expect(await me.claims.report('chat#', 'a', present as Present, failed({ waitMs: 9_000 }), noted)).toBe(0);
    await me.claims.again('chat#', 'a');
    expect(await other.told('a')).toMatchObject({ by: 'other', delivery: { attempts: 0 } });
  });
});
