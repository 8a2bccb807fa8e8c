import type { ExecutionContext } from '@nestjs/common';

import type { RouteOf } from '../counter/counter.js';
import type { Route } from '../model/route.js';

interface RoutedRequest {
  method?: string;
  /** Express. */
  baseUrl?: string;
  app?: object;
  route?: { path?: unknown };
  /** Fastify. */
  routeOptions?: { url?: string };
}

/** Returns the routes of a handler's requests, reusing one object while the route stays the same. */
export function routesOf(handler: string): RouteOf<ExecutionContext> {
  let last: Route | undefined;
  return (context, isExact) => {
    if (last && !isExact) return last;
    const { method, path } = readRoute(context);
    if (last?.path === path && last.method === method) return last;
    return (last = { method, path, handler });
  };
}

function readRoute(context: ExecutionContext): Omit<Route, 'handler'> {
  try {
    const type = context.getType<string>();
    const request = type === 'http' ? context.getArgByIndex<RoutedRequest | undefined>(0) : undefined;
    return { method: request?.method ?? type, path: (request && pattern(request)) ?? context.getHandler().name };
  } catch {
    // A getter that the app put on its request threw. The request is counted even so.
    return { method: 'unknown', path: 'route' };
  }
}

function pattern(request: RoutedRequest): string | undefined {
  const { routeOptions, route } = request;
  if (routeOptions?.url !== undefined) return routeOptions.url;
  return typeof route?.path === 'string' ? mountPathOf(request) + route.path : undefined;
}

/** The part of an Express app used here. It may be mounted in another app. */
interface MountedApp {
  mountpath?: unknown;
  parent?: MountedApp | undefined;
}

/** Stands for a mount path whose pattern is unknown. */
const UNKNOWN = '/*';
const LITERAL = /^[\w.~%-]*$/;

/**
 * The pattern that an Express app is mounted at, such as `/t/:token`. The request has only the actual path, such as `/t/secret`, which must
 * never be shown. An app mounted on a router does not know its pattern.
 */
export function mountPathOf({ baseUrl = '', app }: { baseUrl?: string; app?: MountedApp }): string {
  if (baseUrl === '') return '';
  let patterns = [''];
  for (let at = app; at?.parent; at = at.parent) {
    const mounted = [at.mountpath].flat().filter((path) => typeof path === 'string');
    patterns = mounted.flatMap((path) => patterns.map((rest) => (path === '/' ? '' : path) + rest));
  }
  return patterns.find((pattern) => fits(pattern, baseUrl)) ?? UNKNOWN;
}

/** Whether the pattern can match the requested path: each part is equal or a parameter. */
function fits(pattern: string, requested: string): boolean {
  const parts = pattern.split('/');
  const found = requested.split('/');
  return (
    parts.length === found.length &&
    parts.every((part, i) => !LITERAL.test(part) || part.toLowerCase() === found[i]?.toLowerCase())
  );
}
