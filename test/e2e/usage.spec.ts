import { Controller, Injectable, Post, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { MonitorRate, UsageService } from '../../src/index.js';
import type { Overview } from '../../src/dashboard/api.js';
import { RateMonitorDashboardModule } from '../../src/dashboard/index.js';
import { startApp, type TestApp, type TestAppOptions } from '../support/app.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';

@Injectable()
class Knows implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string>; auth?: unknown }>();
    request.auth = { project: { id: request.headers['x-project'], name: `Name of ${request.headers['x-project']}` } };
    return true;
  }
}

@Controller()
class LlmController {
  @Post('call')
  @MonitorRate('llm_call')
  call(): string {
    return 'ok';
  }

  @Post('never')
  @MonitorRate('evaluations')
  never(): string {
    return 'ok';
  }
}

const apps: TestApp[] = [];
const start = async (options: TestAppOptions['options']) => {
  const app = await startApp({
    options: { service: 'checkout-api', environment: 'test', ...options },
    metadata: {
      imports: [RateMonitorDashboardModule.forRoot({ authorize: () => 'dana' })],
      controllers: [LlmController],
    },
    prepare: (nest) => void nest.useGlobalGuards(new Knows()),
  });
  apps.push(app);
  return app;
};
afterEach(async () => void (await Promise.all(apps.splice(0).map((app) => app.close()))));

const overviewOf = async ({ url }: TestApp) =>
  (await (await fetch(`${url}/rate-monitor/api/overview`)).json()) as Overview;

describe('usage in an app', () => {
  it('shows traffic of two replicas on the page of each within seconds, and mutes for both', async () => {
    const { client, keyPrefix } = sharedRedis();
    const [a, b] = [await start({ redis: client, keyPrefix }), await start({ redis: client, keyPrefix })];
    for (let i = 0; i < 20; i++) await (i % 2 ? a : b).post('/call', { 'x-project': 'proj_1' });
    await a.post('/call', { 'x-project': 'proj_2' });
    await until(async () => {
      const [row] = (await overviewOf(b)).rows;
      return row?.count === 20;
    }, 5_000);
    for (const app of [a, b]) {
      await until(async () => (await overviewOf(app)).instances.length === 2, 12_000);
      const overview = await overviewOf(app);
      expect(overview).toMatchObject({
        ...{ state: 'over', over: 1, service: 'checkout-api', environment: 'test', who: 'dana' },
        store: { up: true },
        rows: [{ tenant: { id: 'proj_1', name: 'Name of proj_1' }, threshold: 15, severity: 'warning' }],
      });
      expect(overview.handlers).toContainEqual({
        handler: 'LlmController.never',
        categories: ['evaluations'],
        seen: false,
      });
      expect(overview.handlers).toContainEqual({ handler: 'LlmController.call', categories: ['llm_call'], seen: true });
      const usage = app.app.get(UsageService);
      const { counts } = await usage.history('llm_call', 'proj_1', { from: Date.now() - 5 * 60_000 });
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20);
      expect(await usage.active('llm_call', { from: Date.now() - 5 * 60_000 })).toBe(2);
    }
    const found = await fetch(`${a.url}/rate-monitor/api/tenants?search=name%20of%20proj_2`);
    expect(await found.json()).toMatchObject({
      rows: [{ tenant: { id: 'proj_2', name: 'Name of proj_2' }, count: 1 }],
    });
    const answer = await fetch(`${a.url}/rate-monitor/api/mute`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
      body: JSON.stringify({ category: 'llm_call', tenant: 'proj_1', forMs: 3_600_000, reason: 'known' }),
    });
    expect(answer.status).toBe(200);
    await until(async () => (await overviewOf(b)).rows[0]?.mute?.reason === 'known', 3_000);
    await client.quit();
  });

  it('writes what was counted when the app ends', async () => {
    const { client, keyPrefix } = sharedRedis();
    const a = await start({ redis: client, keyPrefix });
    await a.post('/call', { 'x-project': 'proj_1' });
    await a.app.close();
    const [key] = await client.keys(`${keyPrefix}:{llm_call:proj_1}:h/*`);
    expect(Object.values(await client.hgetall(key as string))).toEqual(['1']);
    await client.quit();
  });

  it('keeps nothing if usage is off', async () => {
    const { client, keyPrefix } = sharedRedis();
    const a = await start({ redis: client, keyPrefix, usage: false });
    await a.post('/call', { 'x-project': 'proj_1' });
    await expect(a.app.get(UsageService).top('llm_call')).rejects.toThrow('usage is off');
    expect(await overviewOf(a)).toMatchObject({ state: 'calm', rows: [] });
    await a.app.close();
    expect((await client.keys(`${keyPrefix}:*`)).filter((key) => /seen|live|\}:h\//.test(key))).toEqual([]);
    await client.quit();
  });

  it('can be looked at from a terminal, from Redis alone', async () => {
    const { client, keyPrefix } = sharedRedis();
    const a = await start({ redis: client, keyPrefix });
    for (let i = 0; i < 16; i++) await a.post('/call', { 'x-project': 'proj_1' });
    const run = (...args: string[]) =>
      promisify(execFile)('node', ['-r', './test/support/register.js', 'src/cli/index.ts', ...args], {
        env: { ...process.env, REDIS_PASSWORD: '' },
      }).catch((error: { code: number; stdout: string; stderr: string }) => error) as Promise<{
        code?: number;
        stdout: string;
        stderr: string;
      }>;
    const url = process.env.TEST_REDIS_URL as string;
    await until(async () => (await client.keys(`${keyPrefix}:{llm_call}:live/*`)).length > 0);
    const json = JSON.parse((await run('top', '--redis', url, '--prefix', keyPrefix, '--json')).stdout);
    expect(json.rows).toMatchObject([
      { category: 'llm_call', tenant: 'proj_1', name: 'Name of proj_1', count: expect.any(Number), threshold: 15 },
    ]);
    const { stdout } = await run('top', '--redis', url, '--prefix', keyPrefix);
    expect(stdout).toMatch(
      /^TENANT +ID +CATEGORY +COUNT +RATIO +SHARE\nName of proj_1 +proj_1 +llm_call +\d+ of 15 +1\.\dx +100 %\n$/,
    );
    const away = await run('top', '--redis', 'redis://:s3cret@127.0.0.1:1');
    expect([away.code, away.stdout + away.stderr]).toEqual([1, expect.not.stringContaining('s3cret')]);
    const wrong = await run('top', '--pasword=s3cret');
    expect([wrong.code, wrong.stderr.includes('--redis <url>'), wrong.stderr.includes('s3cret')]).toEqual([
      2,
      true,
      false,
    ]);
    await client.quit();
  });
});
