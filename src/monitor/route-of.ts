import type { ExecutionContext } from '@nestjs/common';

import type { Route } from '../model/route.js';

interface RoutedRequest {
  method?: string;
  /** Express. */
  baseUrl?: string;
  route?: { path?: unknown };
  /** Fastify. */
  routeOptions?: { url?: string };
}

/** The route of the request in `context`; where it is that of the handler's last request, the very same object. */
export function routeOf(context: ExecutionContext, handler: { name: string; lastRoute: Route | undefined }): Route {
  const request =
    context.getType<string>() === 'http' ? context.getArgByIndex<RoutedRequest | undefined>(0) : undefined;
  const method = request?.method ?? context.getType<string>();
  const path = (request && pattern(request)) ?? context.getHandler().name;
  const last = handler.lastRoute;
  if (last?.path === path && last.method === method) return last;
  return (handler.lastRoute = { method, path, handler: handler.name });
}

function pattern({ routeOptions, route, baseUrl = '' }: RoutedRequest): string | undefined {
  if (routeOptions?.url !== undefined) return routeOptions.url;
  return typeof route?.path === 'string' ? baseUrl + route.path : undefined;
}
