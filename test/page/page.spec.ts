import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

import { startPageStandIn, type PageStandIn, type StandInOptions } from '../support/page-stand-in.js';
import type { CategoryAnswer, Overview, PageIncident, TenantRow } from '../../src/dashboard/api.js';
import { until } from '../support/until.js';
import { launchChromium, LOOKS, openPage, type WatchedPage } from './browser.js';

const AXE = readFileSync(createRequire(join(process.cwd(), 'x.js')).resolve('axe-core/axe.min.js'), 'utf8');
const HTML_NAME = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';
const RTL_NAME = '\u202eمختبرات الفجر';
const LONG_NAME = `${'Research and Development '.repeat(7)}${'W'.repeat(25)}`;

let assets: string;
let browser: Browser;
let standIn: PageStandIn | undefined;
let watched: WatchedPage | undefined;
/** One for each look: a new tab is a new process, and took a third of all the time. Each stand-in is an origin of its own. */
const tabs = new Map<BrowserContextOptions, WatchedPage>();

beforeAll(async () => {
  assets = mkdtempSync(join(tmpdir(), 'page-'));
  execFileSync('node', ['scripts/build-page.mjs', '--out', assets]);
  browser = await launchChromium();
});

afterEach(async () => {
  const complaints = watched?.complaints ?? [];
  await watched?.page.goto('about:blank');
  await standIn?.close();
  watched = standIn = undefined;
  // Whatever a test is about: no error, nothing asked of elsewhere, nothing blocked.
  expect(complaints).toEqual([]);
});

afterAll(async () => {
  await browser?.close();
  rmSync(assets, { recursive: true });
});

async function open(
  options: Omit<StandInOptions, 'assets'> = {},
  { look = LOOKS.light, hash = '' }: { look?: BrowserContextOptions; hash?: string } = {},
): Promise<{ page: Page; server: PageStandIn }> {
  standIn = await startPageStandIn({ assets, ...options });
  watched = tabs.get(look) ?? (await openPage(browser, 'about:blank', look));
  tabs.set(look, watched);
  Object.assign(watched, { origin: new URL(standIn.url).origin, complaints: [] });
  await watched.page.emulateMedia({ colorScheme: look.colorScheme });
  await watched.page.goto(standIn.url + hash);
  return { page: watched.page, server: standIn };
}

const rowOf = (page: Page, tenant: string, category = 'llm_call'): Locator =>
  page.locator(`.hot tbody tr[data-tenant="${tenant}"]`).filter({ hasText: category });
const lineOf = (page: Page, category: string): Locator =>
  page.getByRole('slider', { name: `Threshold line of ${category}` });
const cardOf = (page: Page, category: string): Locator => page.getByRole('article', { name: category });

describe('the first look', () => {
  it('shows how many are over, who is worst, by how much, for how long, the contributors and the notified channels', async () => {
    const { page } = await open();
    await page.locator('.hot').waitFor();
    expect(await page.locator('.state').textContent()).toBe('5 over');
    expect(await page.title()).toBe('5 over · checkout-api');
    const facts = await page.locator('.facts').innerText();
    for (const fact of [
      'Redis up',
      'Instances 4',
      'Uncounted 0',
      'Channels log, sentry, discord',
      'checkout-api · production',
    ])
      expect(facts).toContain(fact);
    expect(facts).not.toContain('silent');

    const ratios = (await page.locator('.hot .ratio').allTextContents()).map(parseFloat);
    expect(ratios).toEqual([...ratios].sort((a, b) => b - a));
    const [worst = ''] = await page.locator('.hot tbody tr').allInnerTexts();
    for (const part of [
      'Acme chatbot',
      'proj_1',
      'llm_call',
      '311 of 15 in 1 min',
      '20.7×',
      '17 min',
      'sk-****19f2 70 %',
      'discord ✓',
    ])
      expect(worst).toContain(part);
    expect(await rowOf(page, 'proj_71', 'evaluations').innerText()).toContain('muted until 21:15');
    expect(await page.locator('.event.critical .what .contributors').first().innerText()).toMatch(
      /^sk-\*{4}\w+ 7\d %$/,
    );
    expect(await rowOf(page, 'proj_71').innerText()).toContain('discord ↻');
  });

  it('draws bars as wide as the counts are, and states each share of the category', async () => {
    const { page, server } = await open();
    await page.locator('.hot').waitFor();
    const { rows } = (await (await fetch(`${server.url}api/overview`)).json()) as Overview;
    expect(rows.length).toBeGreaterThan(5);
    // They grow into their width.
    await page.waitForTimeout(400);
    const drawn = await page.locator('.hot tbody tr').evaluateAll((elements) =>
      elements.map((row) => {
        const box = (of: string): DOMRect => row.querySelector(`.bar ${of}`)?.getBoundingClientRect() ?? new DOMRect();
        const { left, width } = box('.track');
        const mark = box('.threshold');
        return {
          fill: box('.fill').width / width,
          threshold: (mark.left + mark.width / 2 - left) / width,
          share: row.querySelector('.cell-ratio .dim')?.firstChild?.textContent,
        };
      }),
    );
    for (const [i, { count, threshold, share }] of rows.entries()) {
      const max = Math.max(count, threshold * 1.6);
      expect(drawn[i]?.fill).toBeCloseTo(count / max, 2);
      expect(drawn[i]?.threshold).toBeCloseTo(threshold / max, 2);
      expect(drawn[i]?.share).toBe(share > 0 && share < 0.01 ? '<1 %' : `${Math.round(share * 100)} %`);
    }
    // Parts of one whole.
    const shares = rows.filter(({ category }) => category === 'llm_call').reduce((sum, { share }) => sum + share, 0);
    expect(shares).toBeGreaterThan(0.5);
    expect(shares).toBeLessThanOrEqual(1);
  });

  it('marks alerts in the totals of a category at their time and height', async () => {
    const { page, server } = await open();
    const chart = cardOf(page, 'llm_call').locator('.chart');
    await chart.locator('canvas').waitFor();
    const { totals, alerts } = (await (
      await fetch(`${server.url}api/category?category=llm_call`)
    ).json()) as CategoryAnswer;
    // A point each ten minutes, counted back from the last whole minute.
    const whole = totals.counts.length - 1;
    const values = Array.from({ length: Math.floor(whole / 10) }, (_, i) =>
      totals.counts.slice((whole % 10) + 10 * i, (whole % 10) + 10 * i + 10).reduce((all, one) => all + one, 0),
    );
    const first = totals.start + (whole % 10) * totals.stepMs;
    const marks = alerts
      .map(({ at }) => Math.min(Math.floor((at - first) / (10 * totals.stepMs)), values.length - 1))
      .filter((index) => index >= 0);
    expect(new Set(marks).size).toBeGreaterThan(2);
    await page.waitForTimeout(300);
    const { reds, plot } = await chart.evaluate((figure) => {
      const canvas = figure.querySelector('canvas') as HTMLCanvasElement;
      const scale = canvas.width / canvas.getBoundingClientRect().width;
      const [over, all] = [figure.querySelector('.u-over'), canvas].map((part) => part?.getBoundingClientRect());
      if (!over || !all) throw new Error('There is no plot');
      const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
      const context = copy.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
      context.drawImage(canvas, 0, 0);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const reds: [number, number][] = [];
      for (let i = 0; i < data.length; i += 4)
        if ((data[i] ?? 0) > 160 && (data[i + 1] ?? 0) < 60 && (data[i + 3] ?? 0) > 200)
          reds.push([((i / 4) % canvas.width) / scale, Math.floor(i / 4 / canvas.width) / scale]);
      const plot = { left: over.left - all.left, top: over.top - all.top, width: over.width, height: over.height };
      return { reds, plot };
    });
    const max = Math.max(...values) * 1.08;
    const expected = [...new Set(marks)].map((index): [number, number] => [
      plot.left + (index / (values.length - 1)) * plot.width,
      plot.top + (1 - (values[index] ?? 0) / max) * plot.height,
    ]);
    const isNear = ([x, y]: [number, number], [toX, toY]: [number, number]): boolean =>
      Math.hypot(x - toX, y - toY) < 5;
    expect(expected.filter((mark) => !reds.some((red) => isNear(red, mark)))).toEqual([]);
    expect(reds.filter((red) => !expected.some((mark) => isNear(red, mark)))).toEqual([]);
  });

  it('looks calm if no tenant is near', async () => {
    const { page, server } = await open();
    server.patch({ state: 'calm', over: 0, rows: [], incidents: [], alerts: [] });
    await page.getByText('Nobody is near a threshold.').waitFor();
    expect(await page.locator('.state').textContent()).toBe('Calm');
  });

  it('shows since when it is blind, which channels are off and what was not counted', async () => {
    const { page, server } = await open();
    server.patch({
      state: 'blind',
      blindSince: Date.UTC(2026, 10, 25, 20, 31, 4),
      store: { name: 'Redis', up: false },
      instancesReadAt: Date.UTC(2026, 10, 25, 20, 31, 2),
      uncounted: 1_204,
      channels: [
        {
          name: 'discord',
          on: false,
          reason: 'Discord answered 404',
          offSince: Date.UTC(2026, 10, 25, 20, 31, 4),
          queued: 3,
        },
      ],
    });
    await page.getByText('Redis has been away since 20:31:04.').waitFor();
    const facts = await page.locator('.facts').innerText();
    for (const fact of ['Redis away', 'Instances 4 as of 20:31:02', 'Uncounted 1,204', 'discord off'])
      expect(facts).toContain(fact);
    expect(await page.locator('.state').textContent()).toBe('Blind for 10 min');
    expect(await page.locator('.channel').innerText()).toContain('off since 20:31: Discord answered 404');
  });

  it('does not say that nobody is over while that cannot be read', async () => {
    const { page, server } = await open();
    server.patch({ state: 'blind', store: { name: 'Redis', up: false }, over: 0, rows: [] });
    await page.getByText('Who is over cannot be read while Redis is away.').waitFor();
    expect(await page.getByText('Nobody is near').count()).toBe(0);
  });

  it('names what cannot be read, shows the rest, and does not claim that all is calm', async () => {
    const { page, server } = await open();
    const unread = ['alerts', 'usage of llm_call'];
    server.patch({ unread });
    await page.getByText('Cannot be read: alerts, usage of llm_call.').waitFor();
    expect(await page.locator('.hot tbody tr').count()).toBeGreaterThan(0);
    expect(await page.locator('.state').textContent()).toMatch(/over$/);
    server.patch({ unread, state: 'calm', over: 0, rows: [] });
    await page.getByText('Nobody is near a threshold in what can be read.').waitFor();
    expect(await page.locator('.state').textContent()).toBe('Incomplete');
    await page.getByLabel('Find a tenant').fill('nobody of that name');
    await page.getByText('No tenant with that in its name or id is in what can be read.').waitFor();
    server.patch({ state: 'blind' });
    await page.locator('.banner').getByText('has been away').waitFor();
    expect(await page.getByText('Cannot be read').count()).toBe(0);
  });

  it('lists the monitored handlers before the first tenant, and which were never called', async () => {
    const { page } = await open({ empty: true });
    await page.getByText('No tenant has been seen yet.').waitFor();
    expect(await page.locator('.hot').count()).toBe(0);
    expect(await page.locator('section .handlers').innerText()).toMatch(
      /LlmController\.complete\s+llm_call\s+has never seen a tenant/,
    );
  });

  it('shows what changed by its next look, once a second, and asks nothing while the tab is hidden', async () => {
    const { page, server } = await open();
    await page.locator('.hot').waitFor();
    const looks = () => server.asked.filter((path) => path.endsWith('/overview')).length;
    server.setCount('llm_call', 'proj_20', 400);
    const before = looks();
    await page.getByText('400 of 15').first().waitFor();
    // The next answer may have been on its way before.
    expect(looks() - before).toBeLessThanOrEqual(2);

    await hide(page, true);
    await page.waitForTimeout(300);
    const asked = server.asked.length;
    await page.waitForTimeout(2_500);
    expect(server.asked.slice(asked)).toEqual([]);
    server.setCount('llm_call', 'proj_20', 500);
    await hide(page, false);
    await page.getByText('500 of 15').first().waitFor();
  });

  it('counts tenants as far as it is told of them', async () => {
    const { page, server } = await open();
    await page.locator('.hot').waitFor();
    server.patch({ over: 366, moreRows: 346 });
    await page.getByText('366+ over').waitFor();
    expect(await page.locator('.hot + .more').textContent()).toMatch(/^346\+ more at half of a threshold or above/);
    server.patch({ over: 199, moreRows: 179 });
    await page.getByText('199 over').waitFor();
    expect(await page.locator('.hot + .more').textContent()).toMatch(/^179 more /);
  });

  it('counts open incidents as far as it is told of them', async () => {
    const { page, server } = await open();
    const { incidents } = (await (await fetch(`${server.url}api/overview`)).json()) as Overview;
    const some = (length: number) =>
      Array.from({ length }, (_, i) => ({ ...(incidents[0] as PageIncident), id: `i${i}` }));
    server.patch({ incidents: some(499) });
    await page.getByRole('heading', { name: /^Open incidents 499$/ }).waitFor();
    server.patch({ incidents: some(500) });
    await page.getByRole('heading', { name: /^Open incidents 500\+$/ }).waitFor();
  });

  it('shows when it is not live, and continues once it is', async () => {
    const { page, server } = await open();
    await page.locator('.hot').waitFor();
    server.fail(503);
    await page.locator('.live.off').waitFor();
    expect(await page.locator('.state').textContent()).toBe('Not live');
    server.fail(0);
    await page.locator('.live.on').waitFor();
    expect(await page.locator('.state').textContent()).toBe('5 over');
    if (watched) watched.complaints = watched.complaints.filter((complaint) => !complaint.includes('503'));
  });

  it('tells users without access that it is closed', async () => {
    const { page, server } = await open();
    server.fail(403);
    await page.reload();
    await page.getByRole('heading', { name: 'You do not have access to this page' }).waitFor();
    expect(await page.locator('.state').textContent()).toBe('Not live');
    if (watched) watched.complaints = watched.complaints.filter((complaint) => !complaint.includes('403'));
  });

  it.each([
    ['401', { status: 401, body: '{"message":"Unauthorized","statusCode":401}' }, 'The server answered 401.'],
    ['a sign-in page', { status: 200, body: '<!doctype html>' }, "The answer is not the monitor's."],
    ['nothing', { status: 200, body: 'null' }, "The answer is not the monitor's."],
    ['data of something else', { status: 200, body: '{}' }, "The answer is not the monitor's."],
  ])('tells users whose session has expired what to do (%s)', async (_, answer, says) => {
    const { page } = await open();
    await page.locator('.hot').waitFor();
    await page.route('**/api/**', (route) => route.fulfill(answer));
    await page.getByRole('alert').getByText(`${says} Sign in, then reload this page`).waitFor();
    expect(await page.locator('.hot').count()).toBe(1);
    await page.unroute('**/api/**');
    if (watched) watched.complaints = watched.complaints.filter((complaint) => !complaint.includes('401'));
  });

  it('is printed dark on white', async () => {
    const { page } = await open({}, { look: LOOKS.dark });
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(246, 247, 249)');
    await page.emulateMedia({ media: 'screen' });
  });
});

describe('names from strangers', () => {
  it.each(['light', 'phone'] as const)(
    'stay text, do not change the direction of other text, and break nothing (%s)',
    async (look) => {
      const { page } = await open({ names: [HTML_NAME, RTL_NAME, LONG_NAME, '', '  '] }, { look: LOOKS[look] });
      await rowOf(page, 'proj_1').waitFor();
      await page.locator('.ladder').first().waitFor();
      expect(await rowOf(page, 'proj_1').locator('.name').textContent()).toBe(HTML_NAME);
      expect(await page.title()).toBe('5 over · checkout-api');
      expect(await page.locator('#app img, #app script').count()).toBe(0);
      expect(await rowOf(page, 'proj_20').locator('bdi.name').textContent()).toBe(RTL_NAME);
      expect((await rowOf(page, 'proj_37').locator('.name').boundingBox())?.height).toBeLessThan(60);
      expect(await rowOf(page, 'proj_71').locator('.name').textContent()).toBe('proj_71');
      expect(await overflowOf(page)).toBe(0);
      for (const hash of ['#/llm_call/proj_1', '#/llm_call/proj_37']) {
        await page.evaluate((to) => (location.hash = to), hash);
        await page.locator('.tenant .ratio').waitFor();
        expect(await overflowOf(page)).toBe(0);
      }
    },
  );
});

it('an id with half of a surrogate pair, which no address can hold, hides nothing else on the page', async () => {
  const { page, server } = await open();
  const { rows, incidents, alerts } = (await (await fetch(`${server.url}api/overview`)).json()) as Overview;
  const strange = { tenant: { id: 'half \ud800' } };
  server.patch({
    rows: rows.map((row, i) => (i === 0 ? { ...row, ...strange } : row)),
    incidents: incidents.map((incident) => ({ ...incident, ...strange })),
    alerts: alerts.map((alert) => ({ ...alert, ...strange })),
  });
  await page.locator('.hot .name', { hasText: 'half' }).first().waitFor();
  expect(await page.locator('.hot .name').count()).toBe(rows.length);
});

it('an id that differs from another only in invisible characters looks different', async () => {
  const { page, server } = await open();
  const { rows } = (await (await fetch(`${server.url}api/overview`)).json()) as Overview;
  const [row] = rows as [TenantRow];
  const ids = ['proj_1', 'proj_1\u200b', ' proj_1', 'proj\u202e_1', 'proj_1 ', 'proj\u00a0_1', 'proj  1', 'proj 1'];
  server.patch({ rows: ids.map((id) => ({ ...row, tenant: { id, name: 'Acme' } })) });
  await page
    .locator('.hot .name', { hasText: /^Acme$/ })
    .nth(ids.length - 1)
    .waitFor();
  expect(await page.locator('.hot .id').allTextContents()).toEqual([
    ...['proj_1', 'proj_1\\u{200b}', '\\u{20}proj_1', 'proj\\u{202e}_1', 'proj_1\\u{20}', 'proj\\u{a0}_1'],
    ...['proj \\u{20}1', 'proj 1'],
  ]);
});

it('the window of an alert is named if the category has several', async () => {
  const { page, server } = await open();
  const overview = (await (await fetch(`${server.url}api/overview`)).json()) as Overview;
  const named = <T extends object>(entries: readonly T[]): T[] =>
    entries.map((entry) => ({ ...entry, window: 'minute', category: 'evaluations' }));
  server.patch({ incidents: named(overview.incidents), alerts: named(overview.alerts), rows: named(overview.rows) });
  await page.locator('.event .chip', { hasText: 'evaluations · minute' }).first().waitFor();
  const chips = page.locator('.chip:visible', { hasText: ' · minute' });
  expect(await chips.count()).toBeGreaterThan(overview.incidents.length + overview.rows.length);
  const cut = await chips.evaluateAll((all) => all.filter((chip) => chip.scrollWidth > chip.clientWidth).length);
  expect(cut).toBe(0);
});

it('nothing is cut off on a narrow screen, or after the window was wide', async () => {
  const { page } = await open();
  try {
    await page.locator('.ladder').first().waitFor();
    await page.setViewportSize({ width: 320, height: 800 });
    const beyond = (): Promise<string[]> =>
      page.locator('main *, header *').evaluateAll((all) => {
        const seen = all.filter((one) => !one.closest('.unseen, .as-table, .canvas'));
        const { clientWidth } = document.documentElement;
        return seen.filter((one) => one.getBoundingClientRect().right > clientWidth).map((one) => one.outerHTML);
      });
    await until(async () => (await beyond()).length === 0);
  } finally {
    await page.setViewportSize(LOOKS.light.viewport);
  }
});

describe.each([1, 500])('with %i tenants', (tenants) => {
  it('is drawn at once and stays within its width', async () => {
    const { page } = await open({ tenants });
    const address = page.url();
    await page.goto('about:blank');
    let looks = 0;
    // Of the first answer: no later look gets one.
    await page.route('**/api/overview', (route) => (looks++ === 0 ? route.continue() : undefined));
    await page.goto(address);
    await page.locator('.hot tbody tr').first().waitFor();
    await page.unroute('**/api/overview');
    expect(await page.locator('.hot tbody tr').count()).toBeLessThanOrEqual(20);
    await page.locator('.ladder').first().waitFor();
    expect(await overflowOf(page)).toBe(0);
    if (tenants < 500) return;
    await page.getByLabel('Find a tenant').fill('proj_8486');
    await rowOf(page, 'proj_8486').waitFor();
    await page.getByLabel('Find a tenant').fill('nobody of that name');
    await page.getByText('No tenant with that in its name or id').waitFor();
  });
});

it('follows an address that changes while the page is first drawn', async () => {
  const { server } = await open();
  const tab = await openPage(browser, 'about:blank', LOOKS.light);
  await tab.page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector('.state')) return;
      observer.disconnect();
      location.hash = '#/llm_call/proj_1';
    }).observe(document, { childList: true, subtree: true });
  });
  await tab.page.goto(server.url);
  await tab.page.getByText('Set a threshold at run time').waitFor();
  await tab.page.context().close();
});

describe('the threshold line', () => {
  it('sits on top of the bar of a tenant with just that count, to the pixel', async () => {
    const { page, server } = await open();
    // Three tenants, far apart: each bar is wide, and its top is known.
    server.setDay('collections', 'proj_54', Array<number>(1_440).fill(12));
    await page.reload();
    const card = cardOf(page, 'collections');
    await card.locator('.ladder').waitFor();
    const trial = card.getByLabel('Trial threshold of collections');
    await trial.fill('12');
    await trial.blur();
    const tops = await barTops(card);
    const { names, tops: heights } = tops;
    expect(names).toContain(12);
    const line = await lineOf(page, 'collections').boundingBox();
    const box = await card.locator('.bars').boundingBox();
    const lineY = (line?.y ?? 0) + (line?.height ?? 0) / 2 - (box?.y ?? 0);
    expect(Math.abs(lineY - (heights[names.indexOf(12)] ?? 0))).toBeLessThanOrEqual(1.5);
    expect(await card.locator('.verdict').innerText()).toMatch(/^At\s+: (\d+ alerts?) in 24 h/);
  });

  it('shows, while dragged, how many alerts there would have been, and then the variable to copy', async () => {
    const { page } = await open();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const card = cardOf(page, 'llm_call');
    const line = lineOf(page, 'llm_call');
    await line.scrollIntoViewIfNeeded();
    const verdict = card.locator('.verdict');
    const before = await verdict.innerText();
    const alertsBefore = alertsIn(before);
    const box = await line.boundingBox();
    if (!box) throw new Error('The line is not there');
    const [x, y] = [box.x + 40, box.y + 1];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x, y - 22, { steps: 8 });
    await page.mouse.up();
    const at = Number(await line.getAttribute('aria-valuenow'));
    expect(at).toBeGreaterThan(20);
    const after = await verdict.innerText();
    expect(alertsIn(after)).toBeLessThan(alertsBefore);
    expect(after).toContain(`Now, at 15: ${alertsBefore} alerts`);
    // The line is under the hand that moved it.
    const moved = await line.boundingBox();
    expect(Math.abs((moved?.y ?? 0) - (box.y - 22))).toBeLessThan(6);

    await card.getByRole('button', { name: 'Copy' }).click();
    await page.getByText(`Copied RATE_MONITOR_THRESHOLD_LLM_CALL=${at}`).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`RATE_MONITOR_THRESHOLD_LLM_CALL=${at}`);
  });

  it('moves by keyboard and announces its value', async () => {
    const { page } = await open();
    const line = lineOf(page, 'llm_call');
    await line.focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    expect(await line.getAttribute('aria-valuenow')).toBe('17');
    expect(await line.getAttribute('aria-valuetext')).toMatch(/^17: \d+ alerts? in 24 hours, \d+ tenants?$/);
    await page.keyboard.press('PageUp');
    expect(await line.getAttribute('aria-valuenow')).toBe('19');
    await page.keyboard.press('Home');
    expect(await line.getAttribute('aria-valuenow')).toBe('1');
    await page.keyboard.press('End');
    expect(await cardOf(page, 'llm_call').locator('.verdict').innerText()).toContain('0 alerts in 24 h, 0 tenants');
  });

  it('is drawn across a tenant’s day where the counts say', async () => {
    const { page } = await open({}, { hash: '#/llm_call/proj_20' });
    // Half of the day exactly at the threshold, the rest at nothing: the line lies on the edge of the area.
    standIn?.setDay('llm_call', 'proj_20', [...Array<number>(720).fill(15), ...Array<number>(720).fill(0)]);
    await page.reload();
    await page.locator('.chart canvas').waitFor();
    await page.waitForTimeout(300);
    const { line, edge } = await page.locator('.chart canvas').evaluate((canvas: HTMLCanvasElement) => {
      const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
      const context = copy.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
      context.drawImage(canvas, 0, 0);
      const columnAt = (part: number): Uint8ClampedArray =>
        context.getImageData(Math.floor(canvas.width * part), 0, 1, canvas.height).data;
      const rows = (data: Uint8ClampedArray, is: (r: number, g: number, b: number) => boolean): number[] =>
        Array.from({ length: canvas.height }, (_, y) => y).filter(
          (y) => (data[y * 4 + 3] ?? 0) > 200 && is(data[y * 4] ?? 0, data[y * 4 + 1] ?? 0, data[y * 4 + 2] ?? 0),
        );
      const isOrange = (r: number, g: number, b: number): boolean => r > 150 && g < 130 && b < 90;
      const isArea = (r: number, g: number, b: number): boolean => r > 210 && r < 235 && b > 240 && g > 220;
      // The line is dashed: some of a few neighbouring columns has it.
      const lines = [0.8, 0.803, 0.806, 0.809].flatMap((part) => rows(columnAt(part), isOrange));
      return { line: Math.min(...lines), edge: Math.min(...rows(columnAt(0.3), isArea)) };
    });
    expect(Math.abs(line - edge)).toBeLessThanOrEqual(2);
  });

  it('can be set at run time, with a reason, and removed', async () => {
    const { page, server } = await open();
    const card = cardOf(page, 'llm_call');
    await card.getByLabel('Trial threshold of llm_call').fill('20');
    await card.getByText('Set 20 at run time').click();
    await card.getByLabel('Reason').fill('advice of today');
    await card.getByRole('button', { name: 'Set', exact: true }).click();
    await card.getByText('Set to 20 by dana: advice of today').waitFor();
    expect(server.posted.at(-1)).toEqual({
      path: 'api/threshold',
      body: { category: 'llm_call', threshold: 20, reason: 'advice of today' },
    });
    await card.getByRole('button', { name: 'Remove it' }).click();
    await until(() => server.posted.at(-1)?.body['threshold'] === null);
  });

  it('keeps typed text while somebody else sets another threshold', async () => {
    const { page, server } = await open({}, { hash: '#/llm_call/proj_1' });
    await page.getByText('Set a threshold at run time').click();
    await page.getByLabel('Threshold', { exact: true }).fill('100');
    await fetch(`${server.url}api/threshold`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
      body: JSON.stringify({ category: 'llm_call', tenant: 'proj_1', threshold: 33, reason: 'other tab' }),
    });
    await page.getByText('Set to 33 by').waitFor();
    await page.locator('.now').getByText('of 33 in').first().waitFor();
    await page.getByRole('button', { name: 'Set', exact: true }).click();
    await until(() => server.posted.at(-1)?.body['threshold'] === 100);
  });

  it('follows the line that the user drags after typing', async () => {
    const { page, server } = await open();
    const card = cardOf(page, 'llm_call');
    await card.getByText(/^Set \d+ at run time$/).click();
    const field = card.getByLabel('Threshold', { exact: true });
    await field.fill('100');
    await card.getByLabel('Trial threshold of llm_call').fill('40');
    await card.getByText('Set 40 at run time').waitFor();
    await card.getByRole('button', { name: 'Set', exact: true }).click();
    await until(() => server.posted.at(-1)?.body['threshold'] === 40);
  });

  it('is not 0 for a tenant without a threshold', async () => {
    const { page, server } = await open();
    const { posted } = server;
    const before = posted.length;
    await page.route('**/api/tenant?**', async (route) => {
      const answer = (await (await route.fetch()).json()) as { rows: TenantRow[] };
      const rows = answer.rows.map((row) => ({ ...row, threshold: 0, hourThreshold: undefined }));
      await route.fulfill({ json: { ...answer, rows } });
    });
    await page.goto(`${page.url()}#/llm_call/proj_1`);
    await page.getByText('Set a threshold at run time').click();
    const field = page.getByLabel('Threshold', { exact: true });
    expect(await field.inputValue()).toBe('');
    await page.getByRole('button', { name: 'Set', exact: true }).click();
    expect([await field.evaluate((input: HTMLInputElement) => input.validity.valueMissing), posted.length]).toEqual([
      true,
      before,
    ]);
    await page.unroute('**/api/tenant?**');
  });

  it('may be 0, as in code', async () => {
    const { page, server } = await open({}, { hash: '#/llm_call/proj_1' });
    await page.getByText('Set a threshold at run time').click();
    await page.getByLabel('Threshold', { exact: true }).fill('0');
    await page.getByRole('button', { name: 'Set', exact: true }).click();
    await until(() => server.posted.at(-1)?.body['threshold'] === 0);
  });

  it('says for whom it was set', async () => {
    const { page } = await open({}, { hash: '#/llm_call/proj_1' });
    await page.getByText('Set a threshold at run time').click();
    await page.getByLabel('Threshold', { exact: true }).fill('100');
    await page.getByRole('button', { name: 'Set', exact: true }).click();
    await page.getByText('The threshold of llm_call for proj_1 is now 100.').waitFor();
  });
});

describe('the buttons', () => {
  it('mute for an hour and undo it', async () => {
    const { page, server } = await open();
    const row = rowOf(page, 'proj_1');
    await row.getByRole('button').click();
    await row.getByText('muted until 21:41').waitFor();
    expect(server.posted[0]).toEqual({
      path: 'api/mute',
      body: { category: 'llm_call', tenant: 'proj_1', forMs: 3_600_000, reason: 'muted on the page' },
    });
    await page.locator('.notice').getByRole('button', { name: 'Undo' }).click();
    await row.getByText('log ✓').waitFor();
    expect(server.posted[1]).toEqual({ path: 'api/unmute', body: { category: 'llm_call', tenant: 'proj_1' } });
  });

  it('mute all tenants of a category with a reason, and show who did it', async () => {
    const { page, server } = await open();
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByLabel('Category').selectOption('collections');
    await page.locator('.form:has([name=category]) [name=for]').selectOption('4 h');
    await page.locator('.form:has([name=category]) [name=reason]').fill('<b>migration</b>');
    await page.getByRole('button', { name: 'Mute', exact: true }).click();
    await page.locator('.mute', { hasText: 'collections' }).waitFor();
    expect(await page.locator('.mute', { hasText: 'collections' }).innerText()).toContain(
      '<b>migration</b>, until Thu 00:41\nby dana',
    );
    expect(server.posted[0]?.body).toEqual({ category: 'collections', forMs: 14_400_000, reason: '<b>migration</b>' });
  });

  it('send a test alert and show the result in each channel', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'Send a test alert' }).click();
    await page.getByText('test failed: Discord answered 503').waitFor();
    expect(await page.locator('.channel', { hasText: 'sentry' }).innerText()).toContain('test arrived');
  });
});

describe('keyboard and screen reader', () => {
  it('lead to a tenant and back without a mouse', async () => {
    const { page } = await open();
    await page.locator('.hot').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('globex');
    await until(async () => (await page.locator('.hot tbody tr').count()) === 1);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Globex' }).waitFor();
    expect(page.url()).toContain('#/llm_call/proj_20');
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
    await page.goBack();
    await page.locator('.hot').waitFor();
  });

  it('have a table beside every canvas', async () => {
    const { page } = await open();
    for (const [hash, charts] of [
      ['', 3],
      ['#/llm_call/proj_1', 1],
    ] as const) {
      await page.evaluate((to) => (location.hash = to), hash);
      await until(async () => (await page.locator('canvas').count()) === charts);
      for (const chart of await page.locator('.chart').all()) {
        const table = chart.locator('xpath=following-sibling::details[1]');
        await table.locator('summary').click();
        // Rendered once the browser has reported that it is open.
        await table.locator('tbody tr').first().waitFor();
        expect(await table.locator('tbody tr').count()).toBeGreaterThanOrEqual(24);
      }
    }
  });

  it.each([
    ['light', '', {}],
    ['phone', '', {}],
    ['light', '#/llm_call/proj_1', {}],
    ['light', '', { empty: true }],
  ] as const)('axe finds no problem, in dark colours either (%s %s %j)', async (look, hash, options) => {
    const { page } = await open(options, { look: LOOKS[look], hash });
    await page
      .locator(hash === '' ? '.category h3 .num' : '.chart canvas')
      .first()
      .waitFor();
    for (const summary of await page.locator('summary').all()) await summary.click();
    // The page's CSP lets no script in; a debugger may.
    await page.evaluate(AXE);
    const found = (rules?: readonly string[]): Promise<string[]> =>
      page.evaluate(async (only) => {
        const { axe } = window as unknown as {
          axe: {
            run(options: object): Promise<{
              violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
            }>;
          };
        };
        const { violations } = await axe.run(only ? { runOnly: only } : {});
        return violations.map(
          ({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`,
        );
      }, rules);
    expect(await found()).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForTimeout(300);
    // The same elements: only colours differ.
    expect(await found(['color-contrast'])).toEqual([]);
  });
});

/** Playwright keeps every tab awake, so the browser's word for it is set by hand. */
async function hide(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((isHidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => isHidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}

/** How many pixels the page is wider than the window. */
function overflowOf(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

function alertsIn(verdict: string): number {
  return Number(/: ([\d,]+) alerts?/.exec(verdict)?.[1]?.replaceAll(',', ''));
}

/** Where each bar ends, read from a picture of them, beside the counts of the table. */
async function barTops(card: Locator): Promise<{ names: number[]; tops: number[] }> {
  await card.locator('.as-table summary').last().click();
  const names = (await card.locator('.as-table').last().locator('tbody td:nth-child(2)').allTextContents()).map(Number);
  const picture = (await card.locator('.bars').screenshot()).toString('base64');
  const tops = await card.page().evaluate(
    async ([base64, count]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${base64}`;
      await image.decode();
      const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
      const context = canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
      context.drawImage(image, 0, 0);
      const step = Math.min(26, (image.width - 44) / count);
      return Array.from({ length: count }, (_, i) => {
        const { data } = context.getImageData(Math.floor((i + 0.4) * step), 0, 1, image.height);
        for (let y = 0; y < image.height; y++) {
          const [r = 0, g = 0, b = 0] = data.subarray(y * 4, y * 4 + 3);
          const isBar = (r > 220 && g < 120 && b < 60) || (r > 150 && r < 180 && g > 170 && g < 195 && b > 220);
          if (isBar) return y;
        }
        return image.height;
      });
    },
    [picture, names.length] as const,
  );
  return { names, tops };
}
