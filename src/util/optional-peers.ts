import { DiscoveryService, type ModuleRef } from '@nestjs/core';
import type { Cluster, Redis } from 'ioredis';

/** What the app has of the optional packages. They are loaded here and nowhere else, when the module starts. */

/** The app's ConfigService of `@nestjs/config`, if it has one. */
export async function configService(app: ModuleRef): Promise<{ get(name: string): unknown } | undefined> {
  const config = await optional('@nestjs/config', () => import('@nestjs/config'));
  return config && find(app, config.ConfigService);
}

/** What is used of `RedisService` and `ClusterService` of nestjs-redis. */
interface ClientKeeper {
  getOrNil(namespace?: string): Redis | Cluster | null;
}

/**
 * The client that nestjs-redis keeps under `namespace` (its default one without), single or Cluster. Its services are found among the
 * app's providers, not imported: a package manager that isolates packages would not find it from here, and as a declared peer its own
 * peers (Nest 10) would stop the install of apps that never use it.
 */
export function nestRedisClient(app: ModuleRef, namespace?: string): Redis | Cluster | undefined {
  const providers = find(app, DiscoveryService)?.getProviders() ?? [];
  for (const service of ['RedisService', 'ClusterService'])
    for (const { metatype, instance } of providers) {
      if (metatype?.name !== service || !isClientKeeper(instance)) continue;
      const client = instance.getOrNil(namespace);
      if (client) return client;
    }
  return undefined;
}

/** The app may have a `RedisService` of its own. */
function isClientKeeper(service: unknown): service is ClientKeeper {
  const { getOrNil, getOrThrow } = Object(service) as Record<string, unknown>;
  return typeof getOrNil === 'function' && typeof getOrThrow === 'function';
}

/** What is used of Sentry. */
export type Sentry = Pick<
  typeof import('@sentry/nestjs'),
  'isEnabled' | 'getClient' | 'getCurrentScope' | 'suppressTracing'
>;

export function sentry(): Promise<Sentry | undefined> {
  return optional('@sentry/nestjs', () => import('@sentry/nestjs'));
}

/**
 * Sentry, if the app has set it up: `init` leaves a global. Loading it for an app that merely has it installed would take the app's start
 * half a second, 11 MB, and time in each request: with so much code loaded, V8 makes slow objects in `process.nextTick`.
 */
export async function sentryInUse(): Promise<Sentry | undefined> {
  return '__SENTRY__' in globalThis ? sentry() : undefined;
}

/** The API of OpenTelemetry. It does nothing until the app registers an SDK. */
export function openTelemetry(): Promise<typeof import('@opentelemetry/api') | undefined> {
  return optional('@opentelemetry/api', () => import('@opentelemetry/api'));
}

/** Runs something without spans and breadcrumbs. They would show the whole address, and a webhook's address is secret. */
export type Untraced = <T>(work: () => T) => T;

/** By OpenTelemetry's own means, and by those of Sentry if the app uses it. */
export async function untraced(): Promise<Untraced> {
  // A Sentry that cannot be loaded sees nothing either.
  const peer = await sentryInUse().catch(() => undefined);
  return peer ? (work) => withoutTracing(() => peer.suppressTracing(work)) : withoutTracing;
}

/** Not asked for again: webpack throws for a missing package the first time only, and then gives an empty object. */
const missing = new Set<string>();

async function optional<T>(name: string, load: () => Promise<T>): Promise<T | undefined> {
  if (missing.has(name)) return undefined;
  try {
    return await load();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    // Node names it in quotes, Yarn's Plug'n'Play without.
    const isMissing = message.includes(`'${name}'`) || message.includes(`tried to access ${name} `);
    if (!code.endsWith('MODULE_NOT_FOUND') || !isMissing) throw error;
    missing.add(name);
    return undefined;
  }
}

function find<T>(app: ModuleRef, type: new (...args: never[]) => T): T | undefined {
  try {
    return app.get(type, { strict: false });
  } catch {
    // Nest's way to say that the app does not have it.
    return undefined;
  }
}

/** What is used of OpenTelemetry's API, as it registers itself for all of a process. */
interface OpenTelemetryApi {
  context?: ContextManager;
}

interface ContextManager {
  active(): Context;
  with<T>(context: Context, work: () => T): T;
}

interface Context {
  setValue(key: symbol, value: unknown): Context;
}

const API = Symbol.for('opentelemetry.js.api.1');
const SUPPRESS_TRACING = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** Runs something, with all that follows from it, so that OpenTelemetry makes no span of it. Without OpenTelemetry it just runs. */
export function withoutTracing<T>(work: () => T): T {
  const manager = (globalThis as { [API]?: OpenTelemetryApi })[API]?.context;
  return manager ? manager.with(manager.active().setValue(SUPPRESS_TRACING, true), work) : work();
}
