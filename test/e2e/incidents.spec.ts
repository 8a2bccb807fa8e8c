import type { RateAlert } from '../../src/index.js';
import { DiscordServer } from '../support/discord-server.js';
import { InstanceProcess } from '../support/instance-process.js';
import { sharedRedis } from '../support/redis.js';
import { endsWithin, until } from '../support/until.js';

const REPLICAS = 4;
const acme = { 'x-project': 'proj_1', 'x-name': 'Acme' };
const options = {
  incidents: true,
  groupWaitMs: 0,
  categories: {
    evaluations: { threshold: 3 },
    llm_call: {
      threshold: 15,
      levels: [
        { at: 1, severity: 'warning' as const },
        { at: 5, severity: 'critical' as const },
      ],
    },
  },
};

describe('an incident over four processes on one Redis', () => {
  let redis: ReturnType<typeof sharedRedis>;
  let discord: DiscordServer;
  let replicas: InstanceProcess[];

  beforeEach(async () => {
    redis = sharedRedis();
    discord = await new DiscordServer({ rateLimit: { requests: 100, perMs: 1_000 } }).start();
    const env = { RATE_MONITOR_DISCORD_WEBHOOK_URL: discord.url };
    const start = () =>
      InstanceProcess.start(
        process.env.TEST_REDIS_URL as string,
        { ...options, keyPrefix: redis.keyPrefix },
        { movedClock: true, env },
      );
    replicas = await Promise.all(Array.from({ length: REPLICAS }, start));
    // Then the test stays in a known window for most of a minute.
    await advance(65_000 - (Date.now() % 60_000));
  });
  afterEach(async () => {
    await Promise.all(replicas.map((replica) => replica.kill()));
    await discord.close();
    await redis.client.quit();
  });

  const alive = () => replicas.filter(({ isRunning }) => isRunning);
  const alerts = (): RateAlert[] => replicas.flatMap((replica) => replica.alerts);
  const statuses = () => alerts().map(({ incident }) => incident?.status);
  const advance = (ms: number) => Promise.all(alive().map((replica) => replica.ask({ advance: ms })));
  /** After everything is published: the clock skips the second in which a window's last totals may arrive. */
  const next = async (minutes = 1) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await advance(minutes * 60_000);
  };
  const call = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const { url } = alive()[i % alive().length] as InstanceProcess;
      expect((await fetch(`${url}/llm/call`, { method: 'POST', headers: acme })).status).toBe(201);
    }
  };
  /** Whether the id of Discord's message is in the store, for all replicas. */
  const noted = async (): Promise<boolean> => {
    const keys = await redis.client.keys(`${redis.keyPrefix}:{alerts}:v2:incidents:*`);
    const hash = keys.find((key) => !/:(due|written)$/.test(key));
    const incidents = hash ? await redis.client.hvals(hash) : [];
    return incidents.some((incident) => incident.includes(`"memory":"${discord.messages[0]?.id}`));
  };
  const told = (expected: string[]) => until(() => statuses().join() === expected.join());

  /** Three hot minutes, then calm. */
  async function threeHotMinutes(between: () => Promise<void>): Promise<void> {
    await call(20);
    await told(['opened']);
    await until(noted);
    await between();
    await next();
    await call(80);
    await until(() => statuses().includes('escalated'));
    // The clock jumps, but the lease of a killed replica ends in real time.
    await until(() => discord.messages.length === 2);
    await next();
    await call(30);
    await next(6);
    await until(() => statuses().includes('resolved'));
  }

  /** The escalation is a new message, for people to notice; the older one is edited to say so, and the end is an edit of the new one. */
  async function toldInTwoMessages(): Promise<void> {
    await until(() => discord.messages[1]?.versions.length === 2);
    expect(discord.messages.map(({ versions }) => versions.length)).toEqual([2, 2]);
  }

  function expectOneStory(): void {
    expect(statuses().sort()).toEqual(['escalated', 'opened', 'resolved']);
    const [resolved] = alerts().filter(({ incident }) => incident?.status === 'resolved');
    const { startedAt, peak } = resolved?.incident as NonNullable<RateAlert['incident']>;
    expect(resolved?.incident).toMatchObject({ lastedMs: 180_000, total: 130, peak: { count: 80 } });
    expect(new Date(peak.windowStart).getTime() - new Date(startedAt).getTime()).toBe(60_000);
    expect(new Set(alerts().map(({ incident }) => incident?.id)).size).toBe(1);
  }

  it('is opened, escalated and resolved once each, with its peak, total and duration, in a message for each', async () => {
    await threeHotMinutes(() => Promise.resolve());
    expectOneStory();
    await toldInTwoMessages();
    const titles = discord.messages.map(({ versions }) => versions.map(({ embeds }) => embeds?.[0]?.title));
    expect(titles).toEqual([
      ['"Acme" (proj\\_1) is over the llm_call threshold', '"Acme" (proj\\_1) is over the llm_call threshold'],
      ['"Acme" (proj\\_1) is over the llm_call threshold', '"Acme" (proj\\_1) is back under the llm_call threshold'],
    ]);
    await next(10);
    expect(statuses()).toHaveLength(3);
  });

  it('continues the same message if the replica that opened it is killed', async () => {
    await threeHotMinutes(async () => {
      const opener = replicas.find((replica) => replica.alerts.length > 0) as InstanceProcess;
      // What it counted last is published by then.
      await new Promise((resolve) => setTimeout(resolve, 500));
      await opener.kill();
    });
    expectOneStory();
    await toldInTwoMessages();
  });
});

it('another replica sends an alert within ten seconds if one is killed 300 ms after a breach, before it sent anything', async () => {
  const redis = sharedRedis();
  const discord = await new DiscordServer().start();
  const start = () =>
    InstanceProcess.start(
      process.env.TEST_REDIS_URL as string,
      {
        keyPrefix: redis.keyPrefix,
        groupWaitMs: 2_000,
        categories: {
          evaluations: { threshold: 15, windowMs: 86_400_000 },
          llm_call: { threshold: 15, windowMs: 86_400_000 },
        },
      },
      { env: { RATE_MONITOR_DISCORD_WEBHOOK_URL: discord.url } },
    );
  const noticing = await start();
  // It sends for the channel before another replica exists.
  await until(async () => (await redis.client.keys(`${redis.keyPrefix}:*channel:*`)).length > 0);
  const other = await start();
  try {
    for (let i = 0; i < 16; i++) await fetch(`${noticing.url}/llm/call`, { method: 'POST', headers: acme });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await noticing.kill();
    expect(discord.messages).toHaveLength(0);
    const told = until(() => discord.messages.length === 1);
    expect(await endsWithin(told, 10_000)).toBe(true);
    expect(JSON.stringify(discord.messages[0]?.now)).toContain('16');
  } finally {
    await Promise.all([noticing.kill(), other.kill()]);
    await discord.close();
    await redis.client.quit();
  }
});

it('another replica sends the end of an incident if one is killed after it closed the incident, before it sent that', async () => {
  const redis = sharedRedis();
  const discord = await new DiscordServer().start();
  const start = () =>
    InstanceProcess.start(
      process.env.TEST_REDIS_URL as string,
      { ...options, keyPrefix: redis.keyPrefix, groupWaitMs: 2_500 },
      { movedClock: true, env: { RATE_MONITOR_DISCORD_WEBHOOK_URL: discord.url } },
    );
  const closing = await start();
  // It is elected, and sends for the channel, before another replica exists.
  await until(async () => (await redis.client.keys(`${redis.keyPrefix}:*lease:*`)).length > 1);
  const other = await start();
  const holds = async (text: string): Promise<boolean> => {
    const keys = await redis.client.keys(`${redis.keyPrefix}:{alerts}:v2:incidents:*`);
    const hash = keys.find((key) => !/:(due|written)$/.test(key));
    return (await redis.client.hvals(hash as string)).some((record) => record.includes(text));
  };
  const isClosed = () => holds('"closedAt"');
  try {
    for (let i = 0; i < 16; i++) await fetch(`${closing.url}/llm/call`, { method: 'POST', headers: acme });
    // Killed before Discord's answer is in the record, it would leave a message that nobody can edit.
    await until(async () => discord.messages.length === 1 && (await holds(discord.messages[0]?.id as string)));
    expect(await isClosed()).toBe(false);
    for (const replica of [closing, other]) await replica.ask({ advance: 10 * 60_000 });
    await until(isClosed);
    await closing.kill();
    const requests = discord.requests.length;
    expect(discord.messages[0]?.now.embeds?.[0]?.title).toContain('is over');
    const isGreen = (): boolean => discord.messages[0]?.now.embeds?.[0]?.title?.includes('is back under') ?? false;
    expect(await endsWithin(until(isGreen), 12_000)).toBe(true);
    expect([discord.messages.length, discord.requests.length]).toEqual([1, requests + 1]);
  } finally {
    await Promise.all([closing.kill(), other.kill()]);
    await discord.close();
    await redis.client.quit();
  }
});
