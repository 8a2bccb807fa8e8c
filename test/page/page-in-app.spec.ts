import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Controller, Post, UseGuards, type DynamicModule } from '@nestjs/common';
import type { Browser } from 'playwright-core';

import { AlertService, MonitorRate } from '../../src/index.js';
import { ASSETS, type Assets } from '../../src/dashboard/assets.js';
import { RateMonitorDashboardModule } from '../../src/dashboard/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmCategories, calmWindowMs } from '../support/calm-window.js';
import { AuthGuard, LlmController } from '../support/controllers.js';
import { sharedRedis } from '../support/redis.js';
import { until } from '../support/until.js';
import { launchChromium, LOOKS, openPage, type WatchedPage } from './browser.js';

const HOSTILE = { 'x-project': 'proj_1', 'x-name': '<img src=x onerror=document.title=1>' };

let assets: Assets;
let browser: Browser;
let redis: ReturnType<typeof sharedRedis>;
let apps: TestApp[];
let watched: WatchedPage[];

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'page-'));
  execFileSync('node', ['scripts/build-page.mjs', '--out', directory]);
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
  assets = { 'index.html': read('index.html'), 'app.js': read('app.js'), 'app.css': read('app.css') };
  rmSync(directory, { recursive: true });
  browser = await launchChromium();
});
beforeEach(() => {
  redis = sharedRedis();
  apps = [];
  watched = [];
});
afterEach(async () => {
  await Promise.all(watched.map(({ page }) => page.context().close()));
  await Promise.all(apps.map((app) => app.close()));
  await redis.client.quit();
  expect(watched.flatMap(({ complaints }) => complaints)).toEqual([]);
});
afterAll(() => browser?.close());

@UseGuards(AuthGuard)
@Controller('outcome')
class OutcomeController {
  @Post('answer')
  @MonitorRate('llm_tokens', { after: (result) => (result as { tokens: number }).tokens })
  answer(): { tokens: number } {
    return { tokens: 450 };
  }

  @Post('fail')
  @MonitorRate('failures', { when: 'failure' })
  fail(): never {
    throw new Error('no');
  }
}

/** The dashboard as an app imports it, with the page built from the sources. */
function dashboard(authorize: () => string | boolean): DynamicModule {
  const module = RateMonitorDashboardModule.forRoot({ authorize });
  return { ...module, providers: [...(module.providers ?? []), { provide: ASSETS, useValue: assets }] };
}

async function start(authorize: () => string | boolean = () => 'dana', fastify = false): Promise<TestApp> {
  const app = await startApp({
    fastify,
    metadata: { imports: [dashboard(authorize)], controllers: [LlmController] },
    options: { redis: redis.client, keyPrefix: redis.keyPrefix, categories: calmCategories() },
    prepare: (nest) => void nest.setGlobalPrefix('ops'),
  });
  apps.push(app);
  return app;
}

async function open({ url }: { url: string }, hash = ''): Promise<WatchedPage['page']> {
  const one = await openPage(browser, `${url}/ops/rate-monitor${hash}`, LOOKS.light);
  watched.push(one);
  return one.page;
}

const call = async (app: TestApp, times: number, headers: Record<string, string>): Promise<void> =>
  void (await Promise.all(Array.from({ length: times }, () => app.post('/ops/llm/call', headers))));

it.each([
  ['Express', false],
  ['Fastify', true],
])('shows traffic of every replica within three refreshes, one a second, on %s', async (_, fastify) => {
  const [one, other] = [await start(undefined, fastify), await start(undefined, fastify)];
  const page = await open(one);
  await page.getByText('No tenant has been seen yet.').waitFor();
  await Promise.all([call(one, 20, HOSTILE), call(other, 20, HOSTILE)]);
  let looks = 0;
  page.on('request', (request) => void (looks += Number(request.url().endsWith('/api/overview'))));
  await page
    .locator('.hot')
    .getByText(/of 15 in \d/)
    .waitFor();
  expect(looks).toBeLessThanOrEqual(3);
  await until(async () => (await page.locator('.state').textContent()) === '1 over');
  await page.locator('.hot tbody b', { hasText: '40' }).waitFor();
  expect(await page.locator('.hot .name').textContent()).toBe(HOSTILE['x-name']);
  await page.locator('.facts', { hasText: 'Instances 2' }).waitFor();
});

it('shows categories that are counted by outcome', async () => {
  const windowMs = calmWindowMs();
  const app = await startApp({
    metadata: { imports: [dashboard(() => 'dana')], controllers: [OutcomeController] },
    options: {
      redis: redis.client,
      keyPrefix: redis.keyPrefix,
      categories: { llm_tokens: { threshold: 1_000, windowMs }, failures: { threshold: 2, windowMs } },
    },
    prepare: (nest) => void nest.setGlobalPrefix('ops'),
  });
  apps.push(app);
  const page = await open(app);
  const handlers = page.locator('.empty .handlers li');
  await handlers.first().waitFor();
  expect((await handlers.allInnerTexts()).map((text) => text.replace(/\s+/g, ' '))).toEqual([
    'OutcomeController.answer llm_tokens has never seen a tenant',
    'OutcomeController.fail failures has never seen a tenant',
  ]);
  for (let i = 0; i < 3; i++) {
    expect((await app.post('/ops/outcome/answer', { 'x-project': 'proj_1' })).status).toBe(201);
    expect((await app.post('/ops/outcome/fail', { 'x-project': 'proj_1' })).status).toBe(500);
  }
  const row = (category: string) => page.locator('.hot tbody tr').filter({ hasText: category });
  await row('llm_tokens')
    .getByText(/1,350 of 1,000 in \d/)
    .waitFor();
  await row('failures')
    .getByText(/3 of 2 in \d/)
    .waitFor();
  // One tenant, in two categories.
  expect(await page.locator('.state').textContent()).toBe('1 over');
});

it('mutes in another replica too, before it reports success, and logs who did it', async () => {
  const [one, other] = [await start(), await start()];
  await call(one, 20, { 'x-project': 'proj_1', 'x-name': 'Acme' });
  const page = await open(one, '#/llm_call/proj_1');
  await page.getByRole('heading', { level: 1, name: 'Acme' }).waitFor();
  await page.getByRole('button', { name: 'Mute 1 h' }).click();
  await page.locator('.notice').waitFor();
  expect(await other.app.get(AlertService).mutes()).toMatchObject([{ tenant: 'proj_1' }]);
  // Nest's logger is one for the process: that of the app which started last.
  expect([one, other].flatMap(({ log }) => log.of('by dana'))).toHaveLength(1);
  await page.getByRole('button', { name: 'Unmute' }).click();
  await until(async () => (await other.app.get(AlertService).mutes()).length === 0);
});

it('is closed unless authorize grants access', async () => {
  const app = await start(() => false);
  const context = await browser.newContext();
  const page = await context.newPage();
  const answer = await page.goto(`${app.url}/ops/rate-monitor`);
  expect(answer?.status()).toBe(403);
  expect(await page.locator('#app').count()).toBe(0);
  await context.close();
});

it('accepts no change from a page of another site', async () => {
  const app = await start();
  const foreign = createServer(
    (_, response) => void response.setHeader('content-type', 'text/html').end('<p>elsewhere'),
  );
  await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`);
  const statuses: number[] = [];
  const server = app.app.getHttpServer() as Server;
  server.on('request', (_, response) => response.on('finish', () => statuses.push(response.statusCode)));
  // As a form would, without asking first. The answer cannot be read there.
  await page.evaluate(async (url) => {
    const body = JSON.stringify({ category: 'llm_call', forMs: 60_000, reason: 'hidden' });
    await fetch(url, { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body }).catch(
      () => undefined,
    );
  }, `${app.url}/ops/rate-monitor/api/mute`);
  await until(() => statuses.length > 0);
  expect(statuses).toEqual([403]);
  expect(await app.app.get(AlertService).mutes()).toEqual([]);
  await context.close();
  await new Promise((resolve) => foreign.close(resolve));
});
