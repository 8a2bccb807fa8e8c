import type { ModuleRef } from '@nestjs/core';
import type { Cluster, Redis } from 'ioredis';

import { withoutSpans } from './without-spans.js';

/** What the app has of the packages this one can do without. Each is loaded here and nowhere else, when the module starts. */

/** Where overrides come from: the app's ConfigService, or the process's environment if it has none. */
export interface Environment {
  get(name: string): unknown;
  /** The names that are set, as far as they can be listed. */
  names(): string[];
}

/** The app's ConfigService; the process's environment where it has none. */
export async function environmentOf(app: ModuleRef): Promise<Environment> {
  const config = await optional('@nestjs/config', () => import('@nestjs/config'));
  const service = config && find(app, config.ConfigService);
  return {
    get: (name) => (service ? service.get<unknown>(name) : process.env[name]),
    names: () => Object.keys(process.env),
  };
}

/** The client that nestjs-redis keeps under `namespace` (its default one without), single or Cluster. */
export async function nestRedisClient(app: ModuleRef, namespace?: string): Promise<Redis | Cluster | undefined> {
  const peer = await optional('@liaoliaots/nestjs-redis', () => import('@liaoliaots/nestjs-redis'));
  if (!peer) return undefined;
  const single = find(app, peer.RedisService)?.getOrNil(namespace);
  return single ?? find(app, peer.ClusterService)?.getOrNil(namespace) ?? undefined;
}

/** What is used of Sentry. */
export type Sentry = Pick<
  typeof import('@sentry/nestjs'),
  'isEnabled' | 'captureMessage' | 'flush' | 'suppressTracing'
>;

export function sentry(): Promise<Sentry | undefined> {
  return optional('@sentry/nestjs', () => import('@sentry/nestjs'));
}

/** Runs something so that no span and no breadcrumb is made of it: they show all of an address, and a webhook's address is its secret. */
export type Untraced = <T>(work: () => T) => T;

let withoutTraces: Promise<Untraced> | undefined;

/** By OpenTelemetry's own means, and by those of Sentry if the app has it. */
export function untraced(): Promise<Untraced> {
  // A Sentry that cannot be loaded sees nothing either.
  return (withoutTraces ??= sentry()
    .catch(() => undefined)
    .then((peer) => (peer ? (work) => withoutSpans(() => peer.suppressTracing(work)) : withoutSpans)));
}

async function optional<T>(name: string, load: () => Promise<T>): Promise<T | undefined> {
  try {
    return await load();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    // Node names it in quotes, Yarn's Plug'n'Play without.
    const isMissing = message.includes(`'${name}'`) || message.includes(`tried to access ${name} `);
    if (code.endsWith('MODULE_NOT_FOUND') && isMissing) return undefined;
    throw error;
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
