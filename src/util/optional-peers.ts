import { DiscoveryService, type ModuleRef } from '@nestjs/core';
import type { Cluster, Redis } from 'ioredis';

/**
 * Optional packages that the app may have. They are loaded only here, when the module starts. Each `import()` stands in a `try` of its own:
 * bundlers accept that such a package is missing.
 */

async function nestConfig(): Promise<typeof import('@nestjs/config') | undefined> {
  try {
    return missing.has('@nestjs/config') ? undefined : await import('@nestjs/config');
  } catch (error) {
    return throwUnlessMissing('@nestjs/config', error);
  }
}

/** The app's `ConfigService` of `@nestjs/config`, if it has one. */
export async function configService(app: ModuleRef): Promise<{ get(name: string): unknown } | undefined> {
  const config = await nestConfig().catch((error: unknown) => {
    // It may be merely installed, in a format that the tests of the app cannot load: Jest loads no ES modules.
    if (providersOf(app).some(({ token }) => isClassNamed('ConfigService', token))) throw error;
  });
  const service = config && find(app, config.ConfigService);
  // A test of the app may have put something else in its place.
  return typeof service?.get === 'function' ? service : undefined;
}

/** The part of nestjs-redis's `RedisService` and `ClusterService` that is used here. */
interface ClientKeeper {
  getOrNil(namespace?: string): Redis | Cluster | null;
}

/**
 * The client, single or Cluster, that nestjs-redis has under `namespace`, or its default client. Its services are looked up among the app's
 * providers, not imported: a package manager that isolates packages could not resolve the import, and if it were a declared peer, its own
 * peers (Nest 10) would break the install of apps that never use it.
 */
export function nestRedisClient(app: ModuleRef, namespace?: string): Redis | Cluster | undefined {
  for (const service of ['RedisService', 'ClusterService'])
    for (const { metatype, instance } of providersOf(app)) {
      if (!isClassNamed(service, metatype) || !isClientKeeper(instance)) continue;
      const client = instance.getOrNil(namespace);
      if (client) return client;
    }
  return undefined;
}

function providersOf(app: ModuleRef): ReturnType<DiscoveryService['getProviders']> {
  return find(app, DiscoveryService)?.getProviders() ?? [];
}

function isClassNamed(name: string, of: unknown): boolean {
  return typeof of === 'function' && of.name === name;
}

/** The app may have an unrelated `RedisService` of its own. */
function isClientKeeper(service: unknown): service is ClientKeeper {
  const { getOrNil, getOrThrow } = Object(service) as Record<string, unknown>;
  return typeof getOrNil === 'function' && typeof getOrThrow === 'function';
}

/** The part of Sentry that is used here. */
export type Sentry = Pick<
  typeof import('@sentry/nestjs'),
  'getActiveSpan' | 'getClient' | 'getCurrentScope' | 'suppressTracing' | 'withIsolationScope'
>;

export type SentryClient = NonNullable<ReturnType<Sentry['getClient']>>;

export async function sentry(): Promise<Sentry | undefined> {
  try {
    return missing.has('@sentry/nestjs') ? undefined : await import('@sentry/nestjs');
  } catch (error) {
    return throwUnlessMissing('@sentry/nestjs', error);
  }
}

/**
 * Sentry, if the app has initialized it: `init` sets a global. If it is only installed, loading it would cost half a second at startup, 11
 * MB, and time in each request: with so much code loaded, V8 creates slow objects in `process.nextTick`.
 */
export async function sentryInUse(): Promise<Sentry | undefined> {
  return '__SENTRY__' in globalThis ? sentry() : undefined;
}

/**
 * Sentry's client if it can send; not without a DSN or after a close. Older versions lack `isEnabled()`, and `isInitialized()` tells
 * something else.
 */
export function sendingClient(peer: Sentry | undefined): SentryClient | undefined {
  const client = peer?.getClient();
  return client?.getTransport() && client.getOptions().enabled !== false ? client : undefined;
}

/** Captures without the user and the breadcrumbs of what else the process does. Tags that the app set for all its events stay. */
export function withoutOtherWork(peer: Sentry, capture: () => void): void {
  peer.withIsolationScope((scope) => {
    scope.setUser(null).clearBreadcrumbs();
    capture();
  });
}

/** The OpenTelemetry API. It does nothing until the app registers an SDK. */
export async function openTelemetry(): Promise<typeof import('@opentelemetry/api') | undefined> {
  try {
    return missing.has('@opentelemetry/api') ? undefined : await import('@opentelemetry/api');
  } catch (error) {
    return throwUnlessMissing('@opentelemetry/api', error);
  }
}

/** Runs `work` without spans and breadcrumbs: they would show the whole address, and a webhook's address is secret. */
export type Untraced = <T>(work: () => T) => T;

/** Suppresses OpenTelemetry, and Sentry if the app uses it. */
export async function untraced(): Promise<Untraced> {
  // If Sentry cannot be loaded, it records nothing either.
  const peer = await sentryInUse().catch(() => undefined);
  return peer ? (work) => withoutTracing(() => peer.suppressTracing(work)) : withoutTracing;
}

/**
 * Like `untraced`, but keeps what is part of a span, such as a read in a request. Sentry turns each command of ioredis outside a span into
 * a transaction of its own, and background work sends several a second.
 */
export async function withoutRootSpans(): Promise<Untraced> {
  const [run, peer] = [await untraced(), await sentryInUse().catch(() => undefined)];
  return (work) => (peer?.getActiveSpan() || hasSpan() ? work() : run(work));
}

/** Not imported again: webpack throws for a missing package only the first time, then returns an empty object. */
const missing = new Set<string>();

function throwUnlessMissing(name: string, error: unknown): undefined {
  const { code = '', message } = error as NodeJS.ErrnoException;
  // Node quotes the name, but not in a single executable, and nor does Yarn's Plug'n'Play. The ES module loader of ts-node gives no code.
  const isNamed = [`'${name}'`, `tried to access ${name} `, `built-in module: ${name}`].some((by) =>
    message.includes(by),
  );
  if (!isNamed || !(/(MODULE_NOT_FOUND|BUILTIN_MODULE)$/.test(code) || message.startsWith('Cannot find '))) throw error;
  missing.add(name);
}

function find<T>(app: ModuleRef, type: new (...args: never[]) => T): T | undefined {
  try {
    return app.get(type, { strict: false });
  } catch {
    // Nest throws if the app does not have it.
    return undefined;
  }
}

/** The part of OpenTelemetry's process-wide API that is used here. */
interface OpenTelemetryApi {
  context?: ContextManager;
}

interface ContextManager {
  active(): Context;
  with<T>(context: Context, work: () => T): T;
}

interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
}

const API = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');
const SUPPRESS_TRACING = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

function contextManager(): ContextManager | undefined {
  return (globalThis as { [API]?: OpenTelemetryApi })[API]?.context;
}

function hasSpan(): boolean {
  return contextManager()?.active().getValue(SPAN) !== undefined;
}

/** Runs `work`, and everything it starts, without OpenTelemetry spans. Without OpenTelemetry it just runs. */
export function withoutTracing<T>(work: () => T): T {
  const manager = contextManager();
  return manager ? manager.with(manager.active().setValue(SUPPRESS_TRACING, true), work) : work();
}
