import { createHash } from 'node:crypto';

import {
  Controller,
  Get,
  Inject,
  NotFoundException,
  Optional,
  Post,
  Req,
  Res,
  SetMetadata,
  UseGuards,
  VERSION_NEUTRAL,
  type CanActivate,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { MONITOR_VIEW, type MonitorView } from '../facade/monitor-view.js';
import { insteadOfCategory, type Category, type CategoryWindow } from '../model/category.js';
import { MAX_SHOWN_ID } from '../model/tenant.js';
import { baseWindow } from '../usage/usage-units.js';
import type { Deferred } from '../util/deferred.js';
import { OwnLogger } from '../util/own-logger.js';
import { idLabel } from '../util/shown-names.js';
import { WarnOnce } from '../util/warn-once.js';
import { optionProblems } from '../util/option-names.js';
import { oneLine, storeReasonOf } from '../util/text.js';
import { VERSION } from '../util/version.js';
import type { MuteAnswer, TestAnswer, ThresholdAnswer, UnmuteAnswer } from './api.js';
import { ASSETS, type Assets } from './assets.js';
import { DashboardData } from './dashboard-data.js';
import { shown, toPageMute } from './to-api.js';
import { DashboardGuard, whoOf } from './dashboard.guard.js';
import { openApi } from './open-api.js';

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HEADERS: readonly (readonly [string, string])[] = [
  ['Content-Security-Policy', CSP],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
];
const JSON_TYPE = 'application/json; charset=utf-8';
/** What `@ApiExcludeController()` of @nestjs/swagger sets: the page is no part of the API that the app describes. */
const OUT_OF_SWAGGER = 'swagger/apiExcludeController';
const MAX_TEXT = 500;
/** The name shown for changes by an unnamed user. */
const NAMELESS = 'somebody';

/** The parts of an Express or Fastify request that are used. */
interface PageRequest {
  readonly method: string;
  readonly url: string;
  readonly originalUrl?: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query?: unknown;
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Rejects a request with a status and a reason. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    reason: string,
  ) {
    super(reason);
  }
}

/** The page and its API. Responds through the adapter, so that global interceptors cannot change the responses. */
class DashboardController {
  private readonly logger = new OwnLogger();
  private readonly once = new WarnOnce(this.logger);
  private data: { readonly view: MonitorView; readonly data: DashboardData } | undefined;

  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(ASSETS) private readonly assets: Assets,
    @Optional() @Inject(MONITOR_VIEW) private readonly view: Deferred<MonitorView> | undefined,
  ) {}

  @Get('page')
  page(@Req() request: PageRequest, @Res() response: object): void {
    // The page loads its files from the same folder, so a trailing slash would break the paths.
    if (lastPartOf(request) === '') this.redirect(response, '../page');
    else this.file(request, response, 'index.html', 'text/html; charset=utf-8');
  }

  @Get('app.js')
  script(@Req() request: PageRequest, @Res() response: object): void {
    this.file(request, response, 'app.js', 'text/javascript; charset=utf-8');
  }

  @Get('app.css')
  style(@Req() request: PageRequest, @Res() response: object): void {
    this.file(request, response, 'app.css', 'text/css; charset=utf-8');
  }

  @Get('api/openapi.json')
  description(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    return this.answer(request, response, () => Promise.resolve(openApi(VERSION)));
  }

  @Get('api/overview')
  overview(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    return this.answer(request, response, async (data) => ({ ...(await data.overview()), who: whoOf(request) }));
  }

  @Get('api/tenants')
  tenants(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    return this.answer(request, response, (data, view) => {
      const { category, search = '' } = queryOf(request);
      if (category !== undefined) known(view, category);
      return data.tenants(category, search);
    });
  }

  @Get('api/tenant')
  tenant(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    return this.answer(request, response, (data, view) => {
      const { category, tenant } = queryOf(request);
      if (tenant === undefined || tenant === '') throw new Refusal(400, 'tenant is missing: write its id');
      return data.tenant(known(view, category).name, tenant);
    });
  }

  @Get('api/category')
  category(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    return this.answer(request, response, (data, view) => data.category(known(view, queryOf(request).category).name));
  }

  @Get('api/advice')
  advice(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    return this.answer(request, response, (data, view) => {
      const { category, over, at } = queryOf(request);
      return data.advice(known(view, category).name, numberIn('over', over, 60_000), numberIn('at', at, 0));
    });
  }

  @Get('api/thresholds')
  thresholds(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    return this.answer(request, response, (data) => data.thresholds());
  }

  @Post('api/mute')
  mute(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    const fields = ['category', 'tenant', 'forMs', 'reason'];
    return this.change(request, response, fields, async (body, who, view): Promise<MuteAnswer> => {
      const { category, tenant, forMs, reason } = body;
      if (category !== undefined) known(view, category);
      const options = {
        ...scopeIn(category, tenant),
        forMs: forMs as number,
        reason: textIn('reason', reason),
        by: who,
      };
      // `mute` itself logs who did it.
      const mute = await refusing(view.alerts.mute(options));
      return { mute: toPageMute(mute) };
    });
  }

  @Post('api/unmute')
  unmute(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    const fields = ['category', 'tenant'];
    return this.change(request, response, fields, async (body, who, view): Promise<UnmuteAnswer> => {
      const { category, tenant } = body;
      const unmuted = await refusing(view.alerts.unmute(scopeIn(category, tenant)));
      if (unmuted) this.log(who, `unmuted ${scopeText(category, tenant)}`);
      return { unmuted };
    });
  }

  @Post('api/test')
  test(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    return this.change(request, response, [], async (_, who, view): Promise<TestAnswer> => {
      const tested = await view.alerts.sendTest();
      this.log(who, 'sent a test alert');
      return {
        channels: tested.map(({ channel, delivered, reason }) => ({
          name: channel,
          status: delivered ? 'sent' : 'failed',
          reason,
        })),
      };
    });
  }

  @Post('api/threshold')
  threshold(@Req() request: PageRequest, @Res() response: object): Promise<void> {
    const fields = ['category', 'tenant', 'window', 'threshold', 'forMs', 'reason'];
    return this.change(request, response, fields, async (body, who, view): Promise<ThresholdAnswer> => {
      const of = known(view, body.category);
      const window = windowIn(of, body.window);
      const category = of.name;
      const { threshold, forMs } = body;
      const scope = {
        ...scopeIn(category, body.tenant),
        category,
        ...(window.name === '' ? {} : { window: window.name }),
      };
      const reason =
        body.reason === undefined || body.reason === '' ? 'set on the page' : textIn('reason', body.reason);
      const { tenant } = scope;
      if (threshold === null) {
        await refusing(view.thresholds.remove({ ...scope, reason, by: who }));
        return { category, tenant, threshold: shown(view.thresholdOf(of, window, tenant)) };
      }
      if (typeof threshold !== 'number') throw new Refusal(400, 'threshold is neither a number nor null');
      const until = forMs === undefined ? undefined : new Date(view.now() + positive('forMs', forMs));
      if (Number.isNaN(until?.getTime()))
        throw new Refusal(400, 'forMs is too long: leave it out for a threshold without an end');
      const set = await refusing(view.thresholds.set({ ...scope, threshold, until, reason, by: who }));
      return { category, tenant, threshold: shown(set.threshold), until: set.until?.getTime() };
    });
  }

  private present(): { readonly view: MonitorView; readonly data: DashboardData } {
    const view = this.view?.value;
    if (!view) throw new Refusal(503, 'the monitor is off, or has not started yet');
    return (this.data ??= { view, data: new DashboardData(view, (answer, reasons) => this.lacking(answer, reasons)) });
  }

  private lacking(answer: string, reasons: string): void {
    if (reasons === '') this.once.good(`parts ${answer}`);
    else this.once.warn(`parts ${answer}`, () => `The page is shown without what cannot be read: ${reasons}`, reasons);
  }

  private async answer(
    request: PageRequest,
    response: object,
    read: (data: DashboardData, view: MonitorView) => Promise<object>,
  ): Promise<void> {
    await this.reply(request, response, () => {
      const { data, view } = this.present();
      return read(data, view);
    });
  }

  /** Handles a request that changes something. Accepts only JSON that the page itself sent. */
  private async change(
    request: PageRequest,
    response: object,
    fields: readonly string[],
    make: (body: Record<string, unknown>, who: string, view: MonitorView) => Promise<object>,
  ): Promise<void> {
    await this.reply(request, response, async () => {
      if (!isOfPage(request)) throw new Refusal(403, 'changes are accepted only from the page itself');
      if (!/^application\/json\b/i.test(headerOf(request, 'content-type') ?? ''))
        throw new Refusal(415, 'the body is not JSON: send it as application/json');
      const { body } = request;
      if (typeof body !== 'object' || body === null || Array.isArray(body))
        throw new Refusal(400, 'the body is not a JSON object');
      // Without its tenant, which is misspelled, a mute would be one of every tenant.
      const [problem] = optionProblems(body, fields);
      if (problem !== undefined) throw new Refusal(400, problem);
      const { data, view } = this.present();
      const answer = await make(body as Record<string, unknown>, whoOf(request) ?? NAMELESS, view);
      data.changed();
      return answer;
    });
  }

  private async reply(request: PageRequest, response: object, answer: () => Promise<object>): Promise<void> {
    let status = 200;
    let body: object;
    try {
      body = await answer();
      this.once.good('page');
    } catch (error) {
      if (error instanceof Refusal) [status, body] = [error.status, { error: error.message }];
      else {
        const [reason, isLook] = [storeReasonOf(error), request.method === 'GET'];
        const line = `A request of the page failed (${reason})`;
        // A page asks again each second, but what a user presses has an answer of its own.
        if (isLook) this.once.warn('page', () => line, reason);
        else this.logger.warn(line);
        [status, body] = [503, { error: 'this cannot be read or changed at the moment: the log of the app says why' }];
      }
    }
    // A different `now` alone is not a change.
    const text = JSON.stringify(body);
    const etag = request.method === 'GET' && status === 200 ? tagOf(JSON.stringify({ ...body, now: 0 })) : undefined;
    this.head(response, [
      ['Cache-Control', 'no-store'],
      ['Content-Type', JSON_TYPE],
      ...(etag === undefined ? [] : [['ETag', etag] as const]),
    ]);
    if (etag !== undefined && isKnown(request, etag)) this.send(response, '', 304);
    else this.send(response, text, status);
  }

  private file(request: PageRequest, response: object, name: keyof Assets, type: string): void {
    const etag = tagOf(this.assets[name]);
    this.head(response, [
      ['Cache-Control', 'no-cache'],
      ['Content-Type', type],
      ['ETag', etag],
    ]);
    if (isKnown(request, etag)) this.send(response, '', 304);
    else this.send(response, this.assets[name], 200);
  }

  private head(response: object, headers: readonly (readonly [string, string])[]): void {
    for (const [name, value] of [...HEADERS, ...headers]) this.host.httpAdapter.setHeader(response, name, value);
  }

  protected redirect(response: object, to: string): void {
    this.head(response, [['Cache-Control', 'no-store']]);
    this.host.httpAdapter.redirect(response, 302, to);
  }

  private send(response: object, body: string, status: number): void {
    this.host.httpAdapter.reply(response, body, status);
  }

  private log(who: string, what: string): void {
    this.logger.log(`${idLabel(who, 100)} ${what}`);
  }
}

/**
 * Creates the controller of the page, at a path that the app chooses: a class for each, because {@link acceptSlash} changes the route of
 * its `root`.
 */
export function controllerAt(path: string, guard: Type<CanActivate> | undefined): Type<unknown> {
  @UseGuards(...(guard ? [guard] : []), DashboardGuard)
  @SetMetadata(OUT_OF_SWAGGER, [true])
  @Controller({ path, version: VERSION_NEUTRAL })
  class RateMonitorDashboardController extends DashboardController {
    /** Redirects into a folder with all of the page's files, so that relative paths work behind any prefix. */
    @Get()
    root(@Req() request: PageRequest, @Res() response: object): void {
      const rest = request.params?.['*'] ?? '';
      const last = lastPartOf(request);
      if (rest === 'page/') this.redirect(response, '../page');
      else if (rest !== '')
        throw new NotFoundException(`Cannot ${request.method} ${request.originalUrl ?? request.url}`);
      else this.redirect(response, last ? `${last}/page` : 'page');
    }
  }
  return RateMonitorDashboardController;
}

/**
 * Makes Fastify accept `/rate-monitor/` as well. A second route for it would be a duplicate, and stop the boot, if the app's router options
 * ignore the slash. So the rest of the path is a wildcard, which Fastify matches after all explicit routes. Express accepts both anyway.
 *
 * Must be called before Nest reads the routes.
 */
export function acceptSlash({ prototype }: Type<unknown>, adapter: string): void {
  const root = Object.getOwnPropertyDescriptor(prototype, 'root') as TypedPropertyDescriptor<unknown>;
  Get(adapter === 'fastify' ? ['', '*'] : '')(prototype as object, 'root', root);
}

/** Whether a page of the same origin sent the request. Browsers since 2023 send a header for this; for older ones, compares the origin. */
function isOfPage(request: PageRequest): boolean {
  const site = headerOf(request, 'sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = headerOf(request, 'origin');
  if (origin === undefined || !URL.canParse(origin)) return false;
  return new URL(origin).host === headerOf(request, 'host');
}

/** Whether the browser already has the response. A compressing proxy makes tags weak. */
function isKnown(request: PageRequest, etag: string): boolean {
  const known = headerOf(request, 'if-none-match')?.split(',') ?? [];
  return known.some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

/** The part of the path after its last slash. */
function lastPartOf({ originalUrl, url }: PageRequest): string {
  const [path = ''] = (originalUrl ?? url).split('?');
  return path.slice(path.lastIndexOf('/') + 1);
}

function headerOf({ headers }: PageRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The parameters of the query. Leaving out a wrong one would answer another question. */
function queryOf({ query }: PageRequest): Record<string, string | undefined> {
  for (const [name, value] of Object.entries(Object(query) as Record<string, unknown>))
    if (typeof value !== 'string' || value.length > MAX_SHOWN_ID)
      throw new Refusal(400, `${oneLine(name, 40)} is not one string of at most ${MAX_SHOWN_ID} characters`);
  return Object(query) as Record<string, string | undefined>;
}

function known(view: MonitorView, name: unknown): Category {
  const category = typeof name === 'string' ? view.categories.get(name) : undefined;
  if (category) return category;
  throw new Refusal(404, `unknown category: write ${insteadOfCategory(view.categories.keys())}`);
}

/** The named window or, without a name, the one that charts show. */
function windowIn(category: Category, name: unknown): CategoryWindow {
  if (name === undefined) return baseWindow(category);
  const window = category.windows.find((one) => one.name === name);
  if (window) return window;
  const names = category.windows.map((one) => one.name);
  throw new Refusal(404, `unknown window: ${names.length > 1 ? `write one of ${names.join(', ')}` : 'leave it out'}`);
}

function scopeIn(category: unknown, tenant: unknown): { category?: string; tenant?: string } {
  return {
    ...(category === undefined ? {} : { category: textIn('category', category) }),
    ...(tenant === undefined ? {} : { tenant: textIn('tenant', tenant, MAX_SHOWN_ID) }),
  };
}

function scopeText(category: unknown, tenant: unknown): string {
  const who = typeof tenant === 'string' ? idLabel(tenant, 100) : 'every tenant';
  return `${who}, ${typeof category === 'string' ? oneLine(category) : 'every category'}`;
}

function textIn(name: string, value: unknown, most = MAX_TEXT): string {
  if (typeof value === 'string' && value.trim() !== '' && value.length <= most) return value;
  throw new Refusal(400, `${name} is not a string of 1 to ${most} characters`);
}

function positive(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new Refusal(400, `${name} is not a number above 0`);
}

function numberIn(name: string, text: string | undefined, least: number): number | undefined {
  // Empty, as a form sends it, is not 0.
  if (text === undefined || text.trim() === '') return undefined;
  const number = Number(text);
  if (Number.isFinite(number) && number >= least) return number;
  throw new Refusal(400, `${name} is not a number, ${least} or more`);
}

/** Turns a value that the services reject into a bad request. */
async function refusing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new Refusal(400, error.message);
    throw error;
  }
}

function tagOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
}
