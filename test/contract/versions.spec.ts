import { randomUUID } from 'node:crypto';

import { calmWindowMs } from '../support/calm-window.js';
import { VersionProcess, type Version } from '../support/version-process.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const windowMs = calmWindowMs();
const categories = {
  llm_call: {
    threshold: 10,
    windowMs,
    levels: [
      { at: 1, severity: 'warning' as const },
      { at: 2, severity: 'critical' as const },
    ],
  },
};
const other: Record<Version, Version> = { '0.1': 'this', this: '0.1' };

// Whole apps, each in a process of its own.
describe('apps of both versions on one Redis', () => {
  const { client, keyPrefix } = sharedRedis();
  const started: VersionProcess[] = [];
  const start = async (version: Version): Promise<VersionProcess> => {
    const options = { keyPrefix, categories, counting: 'await' as const, waitAtMostMs: 5_000 };
    const app = await VersionProcess.start(version, process.env.TEST_REDIS_URL as string, options);
    started.push(app);
    return app;
  };

  afterAll(async () => {
    await Promise.all(started.map((app) => app.stop()));
    client.disconnect();
  });

  it.each<Version>(['0.1', 'this'])(
    'from %s to the other version and back: sums are right, and each level alerts once',
    async (before) => {
      const tenant = randomUUID();
      const stored = async (): Promise<number> =>
        Number(await client.hget(`${keyPrefix}:{llm_call:${tenant}}:${Math.floor(Date.now() / windowMs)}`, 'total'));
      const alerted = (): number[] =>
        started.flatMap(({ alerts }) => alerts.filter((alert) => alert.tenant === tenant).map(({ at }) => at));
      // The last one knows nothing of what was announced until it counts.
      const [old, next, again] = (await Promise.all([before, other[before], before].map(start))) as [
        VersionProcess,
        VersionProcess,
        VersionProcess,
      ];
      expect(await old.count(tenant, 6)).toBe(6);
      expect(await next.count(tenant, 3)).toBe(9);
      // Over the first level, by the sum of both.
      expect(await old.count(tenant, 2)).toBe(11);
      await until(() => alerted().length === 1);
      expect(await next.count(tenant, 4)).toBe(15);
      await old.stop();
      // Over the second level, which only the other version was close to.
      expect(await next.count(tenant, 6)).toBe(21);
      await until(() => alerted().length === 2);
      // And back again.
      expect(await again.count(tenant, 2)).toBe(23);
      await next.stop();
      expect(await again.count(tenant, 3)).toBe(26);
      expect(await stored()).toBe(26);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(alerted().sort()).toEqual([1, 2]);
      const lines = started.flatMap((app) => app.lines);
      expect(lines.filter((line) => /^error | is away | refused /.test(line))).toEqual([]);
      await again.stop();
    },
  );
});
