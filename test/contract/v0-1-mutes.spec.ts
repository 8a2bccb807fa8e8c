import { setTimeout as wait } from 'node:timers/promises';

import { Logger } from '@nestjs/common';

import type { AlertEngine } from '../../src/alert/alert-engine.js';
import type { MutedScope } from '../../src/alert/mutes.js';
import { RedisSharedState } from '../../src/store/redis/redis-shared-state.js';
import { alertReplica } from '../support/replica-with-alerts.js';
import { anAlert } from '../support/alerts.js';
import { CapturingChannel } from '../support/app.js';
import { V01Replica } from '../support/v0-1.js';
import { sharedRedis } from '../support/redis.js';
import { patiently, until } from '../support/until.js';

const MINUTE = 60_000;

Logger.overrideLogger(false);

describe('mutes, in a rolling deployment from 0.1', () => {
  const { client, keyPrefix } = sharedRedis();
  const state = new RedisSharedState(client, keyPrefix);
  const heardByOld = new CapturingChannel();
  let old: V01Replica;
  let replicas: AlertEngine[] = [];

  const replica = async (more = {}): Promise<AlertEngine> => {
    const started = await alertReplica(state, [], more);
    replicas.push(started);
    return started;
  };
  const lose = async (): Promise<void> => {
    const keys = await client.keys(`${keyPrefix}:*`);
    if (keys.length > 0) await client.del(keys);
  };
  const mutedByOld = async (scope: MutedScope, forMs = MINUTE): Promise<void> =>
    void (await old.alerts.mute({ ...scope, forMs, reason: 'set by 0.1' }));
  /** The mutes as 0.1 keeps them. */
  const keptByOld = async (): Promise<Record<string, string>> => {
    const kept = await client.hgetall(`${keyPrefix}:{alerts}:mutes`);
    return Object.fromEntries(Object.entries(kept).filter(([id]) => id !== ''));
  };
  /** Whether 0.1 holds an alert on the tenant back, as it now knows the mutes, and counts it in the mute's record. */
  const oldHoldsBack = async (tenant: string): Promise<boolean> => {
    await old.alerts.mutes();
    const heard = (): number => heardByOld.alerts.filter((alert) => alert.tenant.id === tenant).length;
    const before = heard();
    old.alerts.raise(anAlert({ tenant: { id: tenant } }));
    return !(await patiently(() => heard() > before, 250));
  };
  const isMuted = ({ mutes }: AlertEngine, tenant: string): boolean => mutes.of('llm_call', tenant) !== undefined;

  beforeEach(async () => (old = await V01Replica.start(client, keyPrefix, [heardByOld])));
  afterEach(async () => {
    await Promise.all([old, ...replicas].map((one) => one.stop()));
    replicas = [];
    await lose();
  });
  afterAll(() => client.disconnect());

  it('apply here if 0.1 has set them, before or after this replica started, until 0.1 ends them', async () => {
    await mutedByOld({ tenant: 'before' });
    const both = [await replica(), await replica()] as const;
    await mutedByOld({ tenant: 'after', category: 'llm_call' });
    await until(() => both.every((one) => isMuted(one, 'before') && isMuted(one, 'after')));
    expect(await oldHoldsBack('before')).toBe(true);
    await old.alerts.unmute({ tenant: 'after', category: 'llm_call' });
    await until(() => both.every((one) => !isMuted(one, 'after')));
    await wait(1_100);
    expect(both.map((one) => [isMuted(one, 'before'), isMuted(one, 'after')])).toEqual(Array(2).fill([true, false]));
    const [mute] = await both[0].mutes.list();
    expect(mute).toMatchObject({ tenant: 'before', reason: 'set by 0.1' });
  });

  it('apply in 0.1 if they were set here, and end in both, wherever they are ended', async () => {
    const both = [await replica(), await replica()] as const;
    for (const tenant of ['a', 'b', 'c'])
      await both[0].mutes.mute({ tenant, forMs: tenant === 'c' ? 3_000 : MINUTE, reason: 'set here' });
    expect(await Promise.all(['a', 'b', 'c', 'd'].map(oldHoldsBack))).toEqual([true, true, true, false]);
    await until(() => isMuted(both[1], 'a') && isMuted(both[1], 'b'));
    expect(await old.alerts.unmute({ tenant: 'a' })).toBe(true);
    expect(await both[1].unmute({ tenant: 'b' })).toBe(true);
    await until(() => both.every((one) => !isMuted(one, 'a') && !isMuted(one, 'b')));
    expect(await oldHoldsBack('b')).toBe(false);
    await wait(1_100);
    expect(both.some((one) => isMuted(one, 'a') || isMuted(one, 'b'))).toBe(false);
    // Nobody of 0.1 may be left to remove what has run out.
    await old.stop();
    await until(async () => Object.keys(await keptByOld()).length === 0);
  });

  it('can be replaced in both: the later one applies', async () => {
    const alerts = await replica();
    const until2 = async (): Promise<number> => ((await alerts.mutes.list())[0]?.until.getTime() ?? 0) - Date.now();
    await alerts.mutes.mute({ tenant: 'a', forMs: MINUTE, reason: 'set here' });
    await mutedByOld({ tenant: 'a' }, 5 * MINUTE);
    expect(await until2()).toBeGreaterThan(4 * MINUTE);
    await alerts.unmute({ tenant: 'a' });
    expect([await oldHoldsBack('a'), await alerts.mutes.list()]).toEqual([false, []]);
    await mutedByOld({ tenant: 'a' }, 3 * MINUTE);
    expect(await until2()).toBeGreaterThan(2 * MINUTE);
  });

  it('of one environment apply in no other, although 0.1 has no environments', async () => {
    const [production, staging] = [
      await replica({ environment: 'production' }),
      await replica({ environment: 'staging' }),
    ];
    await production.mutes.mute({ tenant: 'a', forMs: MINUTE, reason: 'production' });
    await staging.mutes.mute({ tenant: 'a', forMs: 2 * MINUTE, reason: 'staging' });
    await wait(1_100);
    await staging.unmute({ tenant: 'a' });
    await wait(1_100);
    expect([isMuted(production, 'a'), isMuted(staging, 'a')]).toEqual([true, false]);
  });

  it('are restored in both if Redis loses its data, and unreadable ones do no harm', async () => {
    const both = [await replica(), await replica()] as const;
    await both[0].mutes.mute({ tenant: 'a', forMs: MINUTE, reason: 'set here' });
    await until(() => isMuted(both[1], 'a'));
    await lose();
    await client.hset(`${keyPrefix}:{alerts}:mutes`, 'broken', '{');
    await until(async () => Object.values(await keptByOld()).some((mute) => mute.includes('"tenant":"a"')));
    await wait(2_200);
    expect(both.map((one) => isMuted(one, 'a'))).toEqual([true, true]);
  });

  it('continue if Redis evicts only the key that 0.1 reads, and are restored there', async () => {
    const both = [await replica(), await replica()] as const;
    for (const tenant of ['a', 'b']) await both[0].mutes.mute({ tenant, forMs: MINUTE, reason: 'set here' });
    await until(() => isMuted(both[1], 'b'));
    await wait(1_100);
    await client.del(`${keyPrefix}:{alerts}:mutes`);
    await until(async () => Object.keys(await keptByOld()).length === 2);
    await wait(1_100);
    expect(both.map((one) => [isMuted(one, 'a'), isMuted(one, 'b')])).toEqual(Array(2).fill([true, true]));
    expect([await oldHoldsBack('a'), (await old.alerts.mutes()).map(({ tenant }) => tenant).sort()]).toEqual([
      true,
      ['a', 'b'],
    ]);
    // What 0.1 ends afterwards is over, the last one too.
    for (const tenant of ['a', 'b']) {
      await old.alerts.unmute({ tenant });
      await until(() => both.every((one) => !isMuted(one, tenant)));
    }
  });
});
