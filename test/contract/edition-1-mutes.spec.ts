import { setTimeout as wait } from 'node:timers/promises';

import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';

import type { AlertEngine } from '../../src/alert/alert-engine.js';
import type { MutedScope } from '../../src/alert/mutes.js';
import { RedisSharedState } from '../../src/store/redis/redis-shared-state.js';
import { alertReplica } from '../support/alert-replica.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const MINUTE = 60_000;

Logger.overrideLogger(false);

/** A replica of edition 1, as far as its mutes go: the same records, in code copied from it. */
class Edition1 {
  private readonly key: string;

  constructor(
    private readonly client: Redis,
    keyPrefix: string,
  ) {
    this.key = `${keyPrefix}:{alerts}:mutes`;
  }

  async mute({ tenant, category }: MutedScope, forMs = MINUTE): Promise<void> {
    const scope = { ...(tenant === undefined ? {} : { tenant }), ...(category === undefined ? {} : { category }) };
    const kept = { ...scope, until: Date.now() + forMs, reason: 'set by edition 1', heldBack: 0 };
    await this.client.hset(this.key, this.idOf(scope), JSON.stringify(kept));
  }

  async unmute(scope: MutedScope): Promise<boolean> {
    return (await this.client.hdel(this.key, this.idOf(scope))) === 1;
  }

  async holdBack(scope: MutedScope): Promise<void> {
    const mute = JSON.parse((await this.client.hget(this.key, this.idOf(scope))) as string) as { heldBack: number };
    await this.client.hset(this.key, this.idOf(scope), JSON.stringify({ ...mute, heldBack: mute.heldBack + 1 }));
  }

  async over(category: string, tenantId: string): Promise<boolean> {
    const kept = (await this.client.hvals(this.key)).map((text) => JSON.parse(text) as MutedScope & { until: number });
    return kept.some(
      (mute) =>
        mute.until > Date.now() && (mute.tenant ?? tenantId) === tenantId && (mute.category ?? category) === category,
    );
  }

  async size(): Promise<number> {
    return this.client.hlen(this.key);
  }

  private idOf({ tenant, category }: MutedScope): string {
    return JSON.stringify([category ?? null, tenant ?? null]);
  }
}

describe('mutes, in a rolling deployment from edition 1', () => {
  const { client, keyPrefix } = sharedRedis();
  const state = new RedisSharedState(client, keyPrefix);
  const old = new Edition1(client, keyPrefix);
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
  const isMuted = ({ mutes }: AlertEngine, tenant: string): boolean => mutes.of('llm_call', tenant) !== undefined;

  afterEach(async () => {
    await Promise.all(replicas.map((alerts) => alerts.stop()));
    replicas = [];
    await lose();
  });
  afterAll(() => client.quit());

  it('hold here if edition 1 has set them, before this replica started or after, until edition 1 ends them', async () => {
    await old.mute({ tenant: 'before' });
    const both = [await replica(), await replica()] as const;
    await old.mute({ tenant: 'after', category: 'llm_call' });
    await until(() => both.every((one) => isMuted(one, 'before') && isMuted(one, 'after')));
    await old.holdBack({ tenant: 'before' });
    await old.unmute({ tenant: 'after', category: 'llm_call' });
    await until(() => both.every((one) => !isMuted(one, 'after')));
    await wait(1_100);
    expect(both.map((one) => [isMuted(one, 'before'), isMuted(one, 'after')])).toEqual(Array(2).fill([true, false]));
    const [mute] = await both[0].mutes.list();
    expect(mute).toMatchObject({ tenant: 'before', reason: 'set by edition 1' });
  });

  it('hold in edition 1 if they were set here, and end on both sides, no matter where they are ended', async () => {
    const both = [await replica(), await replica()] as const;
    for (const tenant of ['a', 'b', 'c'])
      await both[0].mutes.mute({ tenant, forMs: tenant === 'c' ? 700 : MINUTE, reason: 'set here' });
    expect(await Promise.all(['a', 'b', 'c'].map((id) => old.over('llm_call', id)))).toEqual([true, true, true]);
    await until(() => isMuted(both[1], 'a') && isMuted(both[1], 'b'));
    await old.holdBack({ tenant: 'a' });
    expect(await old.unmute({ tenant: 'a' })).toBe(true);
    expect(await both[1].unmute({ tenant: 'b' })).toBe(true);
    await until(() => both.every((one) => !isMuted(one, 'a') && !isMuted(one, 'b')));
    expect(await old.over('llm_call', 'b')).toBe(false);
    await wait(1_100);
    expect(both.some((one) => isMuted(one, 'a') || isMuted(one, 'b'))).toBe(false);
    // Nobody of edition 1 may be left to remove what has run out.
    await until(async () => (await old.size()) === 0, 5_000);
  });

  it('can be replaced on both sides: the later one holds', async () => {
    const alerts = await replica();
    const until2 = async (): Promise<number> => ((await alerts.mutes.list())[0]?.until.getTime() ?? 0) - Date.now();
    await alerts.mutes.mute({ tenant: 'a', forMs: MINUTE, reason: 'set here' });
    await old.mute({ tenant: 'a' }, 5 * MINUTE);
    expect(await until2()).toBeGreaterThan(4 * MINUTE);
    await alerts.unmute({ tenant: 'a' });
    expect([await old.over('llm_call', 'a'), await alerts.mutes.list()]).toEqual([false, []]);
    await old.mute({ tenant: 'a' }, 3 * MINUTE);
    expect(await until2()).toBeGreaterThan(2 * MINUTE);
  });

  it('of one environment hold in no other, though edition 1 knows none', async () => {
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

  it('are put back on both sides if Redis loses its data, and what cannot be read there harms nothing', async () => {
    const both = [await replica(), await replica()] as const;
    await both[0].mutes.mute({ tenant: 'a', forMs: MINUTE, reason: 'set here' });
    await until(() => isMuted(both[1], 'a'));
    await lose();
    await client.hset(`${keyPrefix}:{alerts}:mutes`, 'broken', '{');
    await until(() =>
      old
        .over('llm_call', 'a')
        .catch(() => false)
        .then(async () => (await old.size()) === 2),
    );
    await wait(2_200);
    expect(both.map((one) => isMuted(one, 'a'))).toEqual([true, true]);
  });
});
