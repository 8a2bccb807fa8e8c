import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import type {
  Advice,
  CategoryAnswer,
  CategorySummary,
  MuteRequest,
  Overview,
  PageAlert,
  PageDelivery,
  PageIncident,
  PageLevel,
  PageMute,
  PageOverride,
  PageTenant,
  Series,
  TenantAnswer,
  TenantRow,
  TenantsAnswer,
  ThresholdRequest,
  UnmuteRequest,
} from '../../src/dashboard/api.js';
import { LATE_MS } from './stand-in.js';

const MINUTE = 60_000;
const DAY_MINUTES = 1_440;
/** Looked up once: in a test every access to a global goes through the sandbox, which took most of the time to invent a day. */
const { ceil, floor, max, min, PI, round, sin } = Math;
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES: Record<string, string> = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'app.css': 'text/css; charset=utf-8',
};

/** 2026-11-25 20:41:20 UTC: the page shows times relative to the response, not to the computer's clock. */
const STAND_IN_NOW = Date.UTC(2026, 10, 25, 20, 41, 20);

interface StandInCategory {
  name: string;
  threshold: number;
  /** Usual count of a tenant's busy minute, as a fraction of the threshold. */
  load: number;
}

export interface StandInOptions {
  /** Directory of the built page. */
  assets: string;
  tenants?: number;
  /** Names for the first tenants instead of the invented ones. */
  names?: readonly string[];
  /** Nothing has been counted yet. */
  empty?: boolean;
}

interface Counted {
  tenant: PageTenant;
  category: StandInCategory;
  /** The last entry is the current minute. */
  minutes: number[];
}

export interface PageStandIn {
  url: string;
  /** Requests of the page, in order: `GET /api/overview`. */
  asked: string[];
  /** Posted bodies, by path. */
  posted: { path: string; body: Record<string, unknown> }[];
  /** Changes the next overview. */
  patch(change: Partial<Overview>): void;
  /** Sets a tenant's count of the current minute. */
  setCount(category: string, tenant: string, count: number): void;
  /** Sets all of a tenant's minutes. */
  setDay(category: string, tenant: string, minutes: readonly number[]): void;
  /** Makes API responses fail with this status; 0 to stop. */
  fail(status: number): void;
  close(): Promise<void>;
}

const CATEGORIES: readonly StandInCategory[] = [
  { name: 'llm_call', threshold: 15, load: 0.36 },
  { name: 'evaluations', threshold: 3, load: 0.3 },
  { name: 'collections', threshold: 8, load: 0.24 },
];
const LEVELS = [
  { at: 1, severity: 'warning' as const },
  { at: 5, severity: 'critical' as const },
];
const NAMES = [
  'Acme chatbot',
  'Globex',
  'مختبرات الفجر',
  'Initech <img src=x onerror=alert(1)>',
  'Northwind Traders',
  'Hooli Research and Development',
  'Umbra Labs',
  'Soylent Analytics',
  'Stark Industries',
  'Wayne Enterprises',
  'Tyrell',
  'Cyberdyne Systems',
  'Massive Dynamic',
  'Vandelay Imports',
  'Pied Piper',
  'Aperture',
];

/** The page with invented data: the same numbers on each start; posted changes are kept. */
export async function startPageStandIn(options: StandInOptions): Promise<PageStandIn> {
  const backend = new Backend(options);
  const asked: string[] = [];
  const posted: PageStandIn['posted'] = [];
  let failing = 0;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
    response.setHeader('content-security-policy', CSP);
    response.setHeader('cache-control', 'no-store');
    if (!name.startsWith('api/')) {
      const type = TYPES[name];
      if (type === undefined) return void response.writeHead(404).end();
      return void response.setHeader('content-type', type).end(readFileSync(join(options.assets, name)));
    }
    asked.push(`${request.method} ${url.pathname}`);
    if (LATE_MS > 0) await wait(LATE_MS);
    if (failing > 0) return json(response, failing, { error: `The stand-in was told to answer ${failing}` });
    if (request.method !== 'POST') return tagged(request, response, backend.get(name, url.searchParams));
    if (request.headers['sec-fetch-site'] !== 'same-origin') return json(response, 403, { error: 'cross-site' });
    const body = JSON.parse(await textOf(request)) as Record<string, unknown>;
    posted.push({ path: name, body });
    json(response, 200, backend.post(name, body));
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => json(response, 500, { error: String(error) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    posted,
    patch: (change) => Object.assign(backend.patched, change),
    setCount: (category, tenant, count) =>
      backend.setDay(category, tenant, (minutes) => [...minutes.slice(0, -1), count]),
    setDay: (category, tenant, minutes) => backend.setDay(category, tenant, () => [...minutes]),
    fail: (status) => (failing = status),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

class Backend {
  readonly patched: Partial<Overview> = {};
  private readonly counted: Counted[];
  private readonly answers = new Map<string, object>();
  private mutes: PageMute[];
  private readonly overrides = new Map<string, PageOverride>();

  constructor({ tenants = 40, names = NAMES, empty = false }: StandInOptions) {
    const random = randomFrom(7);
    this.counted = empty
      ? []
      : CATEGORIES.flatMap((category, place) =>
          Array.from({ length: tenants }, (_, i) => i)
            .filter((i) => place === 0 || i % (place + 1) === 0)
            .map((i) => ({
              tenant: tenantAt(i, names),
              category,
              minutes: dayOf(category, i, place, random),
            })),
        );
    this.mutes = empty
      ? []
      : [
          {
            category: 'llm_call',
            tenant: tenantAt(6, names),
            until: STAND_IN_NOW + 79 * MINUTE,
            reason: 'load test',
            by: 'dana',
            heldBack: 6,
          },
          {
            category: 'evaluations',
            until: STAND_IN_NOW + 34 * MINUTE,
            reason: 'migration',
            by: 'ops-bot',
            heldBack: 0,
          },
        ];
  }

  setDay(category: string, id: string, change: (minutes: number[]) => number[]): void {
    const found = this.counted.find(({ tenant, category: { name } }) => tenant.id === id && name === category);
    if (!found) throw new Error(`No ${id} in ${category}`);
    found.minutes = change(found.minutes);
    this.answers.clear();
  }

  /** The page polls several resources each second; unchanged ones are not computed again. */
  get(name: string, query: URLSearchParams): object {
    const asked = `${name}?${query.toString()}`;
    const known = this.answers.get(asked) ?? this.work(name, query);
    this.answers.set(asked, known);
    return name === 'api/overview' ? { ...known, ...this.patched } : known;
  }

  private work(name: string, query: URLSearchParams): object {
    const category = query.get('category') ?? '';
    if (name === 'api/overview') return this.overview();
    if (name === 'api/tenants') return this.search(query.get('search') ?? '');
    if (name === 'api/category') return this.category(category);
    if (name === 'api/tenant') return this.tenant(category, query.get('tenant') ?? '');
    throw new Error(`No ${name}`);
  }

  post(name: string, body: object): object {
    this.answers.clear();
    if (name === 'api/mute') {
      const { category, tenant, forMs, reason } = body as MuteRequest;
      const mute: PageMute = {
        ...(category === undefined ? {} : { category }),
        ...(tenant === undefined ? {} : { tenant: this.named(tenant) }),
        until: STAND_IN_NOW + forMs,
        reason,
        by: 'dana',
        heldBack: 0,
      };
      this.mutes = [mute, ...this.mutes.filter((other) => !isSame(other, { category, tenant }))];
      return { mute };
    }
    if (name === 'api/unmute') {
      const before = this.mutes.length;
      this.mutes = this.mutes.filter((mute) => !isSame(mute, body));
      return { unmuted: this.mutes.length < before };
    }
    if (name === 'api/test')
      return {
        channels: [
          { name: 'log', status: 'sent' },
          { name: 'sentry', status: 'sent' },
          { name: 'discord', status: 'failed', reason: 'Discord answered 503' },
        ],
      };
    const { category, tenant, threshold, reason, forMs } = body as ThresholdRequest;
    const key = `${category}/${tenant ?? ''}`;
    if (threshold === null) this.overrides.delete(key);
    else
      this.overrides.set(key, {
        threshold,
        by: 'dana',
        reason: reason ?? 'set on the page',
        since: STAND_IN_NOW,
        ...(forMs === undefined ? {} : { until: STAND_IN_NOW + forMs }),
      });
    return { category, ...(tenant === undefined ? {} : { tenant }), threshold: threshold ?? thresholdOf(category) };
  }

  private overview(): Overview {
    const rows = this.rows();
    const near = rows.filter(({ ratio }) => ratio >= 0.5);
    const over = rows.filter(({ ratio }) => ratio > 1).length;
    const storage = {
      bytes: 3_148_000,
      tenants: this.counted.length,
      retentionMs: 24 * 60 * MINUTE,
      hourlyRetentionMs: 30 * 24 * 60 * MINUTE,
    };
    return {
      now: STAND_IN_NOW,
      service: 'checkout-api',
      environment: 'production',
      version: '1.0.0',
      who: 'dana',
      state: over > 0 ? 'over' : 'calm',
      over,
      store: { name: 'Redis', up: true },
      instances: ['api-7d9f-1', 'api-7d9f-2', 'api-7d9f-3', 'worker-2'].map((host, i) => ({
        id: `instance${i}`,
        service: 'checkout-api',
        environment: 'production',
        version: '1.0.0',
        host,
        pid: 7 + i,
        startedAt: STAND_IN_NOW - (i + 2) * 61 * MINUTE,
        // One reports every ten seconds.
        lastSeen: STAND_IN_NOW - 700 - i * 4_000,
        perSecond: [61.2, 58, 64.4, 3.1][i] ?? 0,
        uncounted: 0,
        self: i === 0,
      })),
      uncounted: 0,
      channels: ['log', 'sentry', 'discord'].map((name) => ({
        name,
        on: true,
        queued: name === 'discord' && over > 0 ? 1 : 0,
      })),
      categories: CATEGORIES.map((category) => this.summary(category)),
      rows: near.slice(0, 20),
      moreRows: max(0, near.length - 20),
      incidents: this.incidents().filter(({ resolvedAt }) => resolvedAt === undefined),
      alerts: this.alerts().slice(0, 50),
      mutes: this.mutes,
      storage,
      handlers: [
        { handler: 'LlmController.complete', categories: ['llm_call'], seen: this.counted.length > 0 },
        { handler: 'EvaluationsController.create', categories: ['evaluations'], seen: this.counted.length > 0 },
        { handler: 'CollectionsController.import', categories: ['collections'], seen: false },
      ],
      canSetThreshold: true,
    };
  }

  private search(text: string): TenantsAnswer {
    const wanted = text.toLowerCase();
    const rows = this.rows().filter(({ tenant: { id, name = '' } }) => `${id} ${name}`.toLowerCase().includes(wanted));
    const { unread } = this.patched;
    return { now: STAND_IN_NOW, rows: rows.slice(0, 50), more: max(0, rows.length - 50), ...(unread && { unread }) };
  }

  private category(name: string): CategoryAnswer {
    const category = CATEGORIES.find((known) => known.name === name);
    if (!category) throw new Error(`No category ${name}`);
    const counted = this.counted.filter((entry) => entry.category === category);
    const tenants = counted
      .map(({ tenant, minutes }) => ({
        tenant,
        peak: max(...minutes),
        total: sum(minutes),
        threshold: this.threshold(name, tenant.id),
      }))
      .sort((a, b) => b.peak - a.peak);
    const override = this.overrides.get(`${name}/`);
    return {
      now: STAND_IN_NOW,
      category: this.summary(category),
      totals: seriesOf(
        Array.from({ length: DAY_MINUTES }, (_, i) => sum(counted.map(({ minutes }) => minutes[i] ?? 0))),
      ),
      alerts: this.alerts()
        .filter((alert) => alert.category === name && alert.status !== 'resolved')
        .map(({ at, tenant, severity }) => ({ at, tenant, severity })),
      tenants: tenants.slice(0, 200),
      active: tenants.length,
      advice: this.advice(category, counted),
      ...(override ? { override } : {}),
    };
  }

  private tenant(category: string, id: string): TenantAnswer {
    const rows = this.rows().filter((row) => row.category === category && row.tenant.id === id);
    const counted = this.counted.find(({ tenant, category: { name } }) => tenant.id === id && name === category);
    const isIts = (entry: { category: string; tenant: PageTenant }): boolean =>
      entry.category === category && entry.tenant.id === id;
    const override = this.overrides.get(`${category}/${id}`);
    return {
      now: STAND_IN_NOW,
      rows:
        rows.length > 0
          ? rows
          : [this.row({ tenant: { id }, category: categoryOf(category), minutes: Array<number>(DAY_MINUTES).fill(0) })],
      day: seriesOf(counted?.minutes ?? Array<number>(DAY_MINUTES).fill(0)),
      hourlyPeaks: Array.from({ length: 60 }, (_, i) => ({
        at: STAND_IN_NOW - (STAND_IN_NOW % 3_600_000) - (60 - i) * 11 * 3_600_000,
        count: 5 + ((i * 7) % 23),
      })),
      incidents: this.incidents().filter(isIts),
      alerts: this.alerts().filter(isIts),
      ...(override ? { override } : {}),
    };
  }

  private rows(): TenantRow[] {
    return this.counted.map((counted) => this.row(counted)).sort((a, b) => b.ratio - a.ratio);
  }

  private row({ tenant, category, minutes }: Counted): TenantRow {
    const threshold = this.threshold(category.name, tenant.id);
    const count = minutes.at(-1) ?? 0;
    const levels = levelsOf(threshold);
    const severity = levels.findLast((level) => count > level.count)?.severity;
    const total = sum(
      this.counted.filter((other) => other.category === category).map((other) => other.minutes.at(-1) ?? 0),
    );
    const mute = this.mutes.find(
      (held) => (held.category ?? category.name) === category.name && (held.tenant?.id ?? tenant.id) === tenant.id,
    );
    const windowStart = STAND_IN_NOW - (STAND_IN_NOW % MINUTE);
    const runs = [...minutes].reverse().findIndex((minute) => minute <= threshold);
    return {
      category: category.name,
      window: '',
      windowMs: MINUTE,
      windowStart,
      windowEnd: windowStart + MINUTE,
      tenant,
      count,
      threshold,
      levels,
      ratio: count / threshold,
      ...(severity ? { severity } : {}),
      share: total === 0 ? 0 : count / total,
      ...(severity ? { since: windowStart - ((runs < 0 ? DAY_MINUTES : runs) - 1) * MINUTE } : {}),
      hour: seriesOf(minutes.slice(-60)),
      ...(count > 0
        ? {
            contributors: [
              { label: `sk-****${tenant.id.slice(-1)}9f2`, count: ceil(count * 0.7) },
              { label: 'other', count: floor(count * 0.3) },
            ],
          }
        : {}),
      told: severity ? toldOf(tenant) : [],
      ...(mute ? { mute } : {}),
    };
  }

  private incidents(): PageIncident[] {
    return this.counted
      .flatMap(({ tenant, category, minutes }) =>
        runsOver(minutes, category.threshold).map(({ from, to }) => {
          const part = minutes.slice(from, to + 1);
          const peak = max(...part);
          const startedAt = timeOf(from);
          return {
            id: `${category.name}-${tenant.id}-${from}`,
            category: category.name,
            window: '',
            tenant,
            severity: peak > category.threshold * 5 ? ('critical' as const) : ('warning' as const),
            startedAt,
            lastedMs: part.length * MINUTE,
            peak: { count: peak, at: timeOf(from + part.indexOf(peak)) },
            total: sum(part),
            threshold: category.threshold,
            ...(to < DAY_MINUTES - 1 ? { resolvedAt: timeOf(to + 2) } : {}),
            told: toldOf(tenant),
          };
        }),
      )
      .sort((a, b) => b.peak.count / b.threshold - a.peak.count / a.threshold);
  }

  private alerts(): PageAlert[] {
    return this.incidents()
      .flatMap((incident): PageAlert[] => {
        const { id, category, tenant, threshold, peak, startedAt, lastedMs, total, severity, resolvedAt, told } =
          incident;
        const common = { category, window: '', tenant, threshold, told };
        const opened = {
          ...common,
          id: `${id}-o`,
          at: startedAt + 20_000,
          count: threshold + 1,
          severity: 'warning' as const,
          levelAt: 1,
          status: 'opened' as const,
          route: 'POST /projects/:id/llm',
        };
        const escalated = {
          ...common,
          id: `${id}-e`,
          at: peak.at + 9_000,
          count: peak.count,
          severity,
          levelAt: 5,
          status: 'escalated' as const,
          contributors: [{ label: `sk-****${tenant.id.slice(-1)}9f2`, count: ceil(peak.count * 0.7) }],
        };
        const resolved = {
          ...common,
          id: `${id}-r`,
          at: resolvedAt ?? 0,
          count: peak.count,
          severity,
          levelAt: 1,
          status: 'resolved' as const,
          lastedMs,
          peak: peak.count,
          total,
        };
        return [
          opened,
          ...(severity === 'critical' ? [escalated] : []),
          ...(resolvedAt === undefined ? [] : [resolved]),
        ];
      })
      .sort((a, b) => b.at - a.at);
  }

  private advice({ name, threshold }: StandInCategory, counted: Counted[]): Advice {
    const all = Float64Array.from(counted.flatMap(({ minutes }) => minutes.filter((count) => count > 0))).sort();
    const at = (part: number): number => all[min(all.length - 1, floor(all.length * part))] ?? 0;
    const highest = counted.map(({ minutes }) => max(...minutes));
    let upTo = 0;
    const curve = [...new Set(all).add(1)]
      .sort((a, b) => a - b)
      .map((line) => {
        while (upTo < all.length && (all[upTo] ?? 0) <= line) upTo++;
        const tenants = highest.filter((count) => count > line).length;
        return { threshold: line, alerts: all.length - upTo, tenants };
      });
    const suggested = max(threshold + 1, round(at(0.9995)));
    return {
      category: name,
      window: '',
      windowMs: MINUTE,
      from: STAND_IN_NOW - DAY_MINUTES * MINUTE,
      to: STAND_IN_NOW,
      threshold: this.threshold(name),
      percentiles: { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) },
      samples: all.length,
      curve,
      candidates: [],
      ...(all.length > 0
        ? {
            suggestion: {
              threshold: suggested,
              reason: `99 of 100 busy minutes stay at ${at(0.99)} or below; only runaways go past ${suggested}.`,
            },
          }
        : {}),
      alwaysOver: [],
    };
  }

  private summary({ name, threshold }: StandInCategory): CategorySummary {
    const counted = this.counted.filter(({ category }) => category.name === name);
    return {
      name,
      windows: [{ name: '', windowMs: MINUTE, threshold, levels: LEVELS }],
      total: sum(counted.map(({ minutes }) => minutes.at(-1) ?? 0)),
      tenants: counted.length,
      variable: `RATE_MONITOR_THRESHOLD_${name.toUpperCase()}`,
    };
  }

  private threshold(category: string, tenant = ''): number {
    const override = this.overrides.get(`${category}/${tenant}`) ?? this.overrides.get(`${category}/`);
    return override?.threshold ?? thresholdOf(category);
  }

  private named(id: string): PageTenant {
    return this.counted.find(({ tenant }) => tenant.id === id)?.tenant ?? { id };
  }
}

/** A working day with some noise. The first tenants exceed the threshold at the end, some earlier too. */
function dayOf({ threshold, load }: StandInCategory, i: number, place: number, random: () => number): number[] {
  const size = threshold * load * (0.35 + random() * 1.15) * (i % 7 === 0 ? 1.25 : 1);
  const hot =
    [
      [18, 3, 2],
      [0, 0, 4],
      [6, 0, 0],
    ][place]?.[[0, 2, 4].indexOf(i) < 0 ? 9 : [0, 2, 4].indexOf(i)] ?? 0;
  const height = place === 0 && i === 0 ? 20 : 1.3 + random() * 2;
  const bursts = i % 6 === 3 || i === 0 ? [floor(200 + random() * 1_000)] : [];
  return Array.from({ length: DAY_MINUTES }, (_, minute) => {
    const day = 0.45 + 0.55 * max(0, sin(((minute - 380) / DAY_MINUTES) * PI * 2));
    const usual = size * day * (0.5 + random());
    const end = DAY_MINUTES - minute;
    const rise =
      hot > 0 && end <= hot ? threshold * (1 + (height - 1) * (1 - (end - 1) / hot)) * (0.9 + random() * 0.2) + 1 : 0;
    const burst = bursts.some((at) => minute >= at && minute < at + 4 + (i % 5))
      ? threshold * (1.2 + random() * 1.6)
      : 0;
    const near = place === 0 && [1, 5, 7].includes(i) && end < 40 ? threshold * (0.5 + random() * 0.5) : 0;
    return round(max(usual, rise, burst, near));
  });
}

function tenantAt(i: number, names: readonly string[]): PageTenant {
  const name = names[i] ?? (i < NAMES.length ? NAMES[i] : undefined);
  return { id: i === 0 ? 'proj_1' : `proj_${i * 17 + 3}`, ...(name === undefined ? {} : { name }) };
}

function toldOf({ id }: PageTenant): PageDelivery[] {
  const sent = (channel: string): PageDelivery => ({ channel, status: 'sent', attempts: 1 });
  if (id !== 'proj_71') return [sent('log'), sent('sentry'), sent('discord')];
  return [
    sent('log'),
    sent('sentry'),
    {
      channel: 'discord',
      status: 'waiting',
      attempts: 2,
      retryAt: STAND_IN_NOW + 12_000,
      reason: 'Discord answered 503',
    },
  ];
}

function runsOver(minutes: readonly number[], threshold: number): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  minutes.forEach((count, i) => {
    if (count <= threshold) return;
    const last = runs.at(-1);
    if (last && last.to >= i - 2) last.to = i;
    else runs.push({ from: i, to: i });
  });
  return runs;
}

function levelsOf(threshold: number): PageLevel[] {
  return LEVELS.map((level) => ({ ...level, count: level.at * threshold }));
}

function categoryOf(name: string): StandInCategory {
  return CATEGORIES.find((category) => category.name === name) ?? { name, threshold: 1, load: 0 };
}

function thresholdOf(name: string): number {
  return categoryOf(name).threshold;
}

function timeOf(minute: number): number {
  return STAND_IN_NOW - (STAND_IN_NOW % MINUTE) - (DAY_MINUTES - 1 - minute) * MINUTE;
}

function seriesOf(counts: number[]): Series {
  return { start: STAND_IN_NOW - (STAND_IN_NOW % MINUTE) - (counts.length - 1) * MINUTE, stepMs: MINUTE, counts };
}

function isSame(mute: PageMute, { category, tenant }: UnmuteRequest): boolean {
  return mute.category === category && mute.tenant?.id === tenant;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

function tagged(request: IncomingMessage, response: ServerResponse, body: object): void {
  const etag = `"${createHash('sha1').update(JSON.stringify(body)).digest('base64url')}"`;
  response.setHeader('etag', etag);
  if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
  else json(response, 200, body);
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
