import { setTimeout as wait } from 'node:timers/promises';

import { Logger } from '@nestjs/common';

import type { AlertEngine, AlertSettings } from '../../src/alert/alert-engine.js';
import { DiscordChannel, type AlertChannel, type RateAlert } from '../../src/index.js';
import { RedisSharedState } from '../../src/store/redis/redis-shared-state.js';
import { aWindow } from '../support/alert-settings.js';
import { aBreachNow } from '../support/a-breach.js';
import { alertReplica } from '../support/replica-with-alerts.js';
import { anAlert } from '../support/alerts.js';
import { CapturingChannel } from '../support/app.js';
import { DiscordServer } from '../support/discord-server.js';
import { v01, V01Replica } from '../support/v0-1.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const GREEN = 0x2ecc71;
const RESOLVE_AFTER_MS = 3_500;
const WINDOW_MS = 1_000;
/** In a record: that its message was posted. */
const NOTED = '"notes":{"discord":';

Logger.overrideLogger(false);

const statusesIn = ({ alerts }: CapturingChannel): (string | undefined)[] =>
  alerts.map(({ incident }) => incident?.status);

/** Replicas of both versions on one Redis. */
class Scene {
  readonly redis = sharedRedis();
  readonly heard = new CapturingChannel();
  readonly heardByOld = new CapturingChannel();
  private readonly started: { stop(): Promise<void> }[] = [];

  static async play(story: (scene: Scene) => Promise<void>): Promise<void> {
    const scene = new Scene();
    try {
      await story(scene);
    } finally {
      await Promise.all(scene.started.map((replica) => replica.stop()));
      await scene.redis.client.quit();
    }
  }

  async v01(channels: readonly AlertChannel[] = [this.heardByOld]): Promise<V01Replica> {
    const { client, keyPrefix } = this.redis;
    const incidents = { remindAfterMs: 86_400_000, resolveAfterMs: RESOLVE_AFTER_MS };
    const replica = await V01Replica.start(client, keyPrefix, channels, incidents);
    this.started.push(replica);
    return replica;
  }

  async v1(channels: readonly AlertChannel[] = [this.heard], more: Partial<AlertSettings> = {}): Promise<AlertEngine> {
    const incidents = { remindAfterMs: 86_400_000, resolveAfterMs: RESOLVE_AFTER_MS };
    const state = new RedisSharedState(this.redis.client, this.redis.keyPrefix);
    const windowOf = () => aWindow(`${WINDOW_MS}ms`, WINDOW_MS);
    const alerts = await alertReplica(state, channels, { incidents, windowOf, ...more });
    this.started.push(alerts);
    return alerts;
  }

  /** Open incidents as 0.1 keeps them. */
  recordsOfOld(): Promise<Record<string, string>> {
    return this.redis.client.hgetall(`${this.redis.keyPrefix}:{alerts}:incidents`);
  }

  statuses(): (string | undefined)[] {
    return statusesIn(this.heard);
  }

  statusesOfOld(): (string | undefined)[] {
    return statusesIn(this.heardByOld);
  }
}

const over = (windowMs = WINDOW_MS): RateAlert =>
  anAlert({ windowMs, windowStart: new Date(Date.now() - (Date.now() % windowMs)), count: 20 });

// Side by side, since most of their time is waiting.
describe('open incidents of 0.1', () => {
  const story = (name: string, play: (scene: Scene) => Promise<void>): void =>
    it.concurrent(name, () => Scene.play(play));

  story('are ended once, by one of the replicas that took over, in the message that 0.1 posted', async (scene) => {
    const { heard } = scene;
    const discord = await new DiscordServer().start();
    const { DiscordChannel: OldDiscordChannel } = await v01();
    const old = await scene.v01([new OldDiscordChannel({ url: discord.url })]);
    old.alerts.raise(over());
    await until(async () => Object.values(await scene.recordsOfOld()).some((record) => record.includes(NOTED)));
    await old.stop();
    for (let i = 0; i < 2; i++) await scene.v1([heard, new DiscordChannel({ url: discord.url })]);
    await until(() => scene.statuses().length > 0 && discord.messages[0]?.now.embeds?.[0]?.color === GREEN);
    await wait(1_500);
    expect(scene.statuses()).toEqual(['resolved']);
    expect(discord.messages).toHaveLength(1);
    expect(heard.alerts[0]).toMatchObject({ count: 20, tenant: { id: 'proj_1', name: 'Acme' } });
    expect(await scene.recordsOfOld()).toEqual({});
    await discord.close();
  });

  story('are taken over beside one that cannot be read whole', async (scene) => {
    const old = await scene.v01();
    old.alerts.raise(over());
    await old.stop();
    const [[key, record] = ['', '']] = Object.entries(await scene.recordsOfOld());
    // Redis keeps a small hash in its order: the bad ones come first.
    const { client, keyPrefix } = scene.redis;
    const [hash, { seen, ...rest }] = [
      `${keyPrefix}:{alerts}:incidents`,
      JSON.parse(record) as Record<string, unknown>,
    ];
    expect(seen).toBeDefined();
    const bad = {
      a: { ...rest, id: 'a' },
      b: { ...rest, seen, id: 'b', first: 'x' },
      c: { ...rest, seen, id: 'c', total: null },
    };
    await client.del(hash);
    for (const [id, one] of Object.entries(bad)) await client.hset(hash, id, JSON.stringify(one));
    await client.hset(hash, key, record);
    await scene.v1();
    await until(() => scene.statuses().includes('resolved'));
  });

  story('are left to 0.1 while one of its replicas runs', async (scene) => {
    const old = await scene.v01();
    const alerts = await scene.v1();
    old.alerts.raise(over());
    await until(() => scene.statusesOfOld().includes('resolved'));
    await wait(1_500);
    expect([scene.statusesOfOld(), scene.statuses(), await alerts.list()]).toEqual([['opened', 'resolved'], [], []]);
  });

  story('go on in the same story, in one service only', async (scene) => {
    // Its window does not end during the test.
    const old = await scene.v01();
    old.alerts.raise(over(86_400_000));
    await old.stop();
    expect(scene.statusesOfOld()).toEqual(['opened']);
    // Another window was added beside its own meanwhile.
    const named = { windowOf: () => aWindow('24h', 86_400_000, { name: '24h' }) };
    const both = [await scene.v1([scene.heard], named), await scene.v1([scene.heard], { ...named, service: 'other' })];
    const stories = async () => (await Promise.all(both.map((alerts) => alerts.list()))).map(({ length }) => length);
    await until(async () => (await stories()).includes(1));
    await wait(1_100);
    const found = await stories();
    expect(found.sort()).toEqual([0, 1]);
    const [one] = both as [AlertEngine];
    const owner = (await one.list()).length > 0 ? one : both[1];
    await owner?.breached(aBreachNow(86_400_000, { window: '24h', level: { at: 5, severity: 'critical' }, count: 90 }));
    await until(() => scene.statuses().length > 0);
    expect(scene.statuses()).toEqual(['escalated']);
  });

  story('stay as they are for a way back, on which 0.1 ends them and nobody else does', async (scene) => {
    const old = await scene.v01();
    old.alerts.raise(over());
    await old.stop();
    const before = await scene.recordsOfOld();
    expect(Object.keys(before)).toHaveLength(1);
    const first = await scene.v1();
    await until(async () => (await first.list()).length > 0);
    await first.stop();
    expect(await scene.recordsOfOld()).toEqual(before);
    const back = await scene.v01();
    await until(() => scene.statusesOfOld().includes('resolved'));
    await back.stop();
    const second = await scene.v1();
    await until(async () => (await second.list())[0]?.alert.incident?.status === 'resolved');
    await wait(1_100);
    expect([scene.statusesOfOld(), scene.statuses(), await scene.recordsOfOld()]).toEqual([
      ['opened', 'resolved'],
      [],
      {},
    ]);
  });
});
