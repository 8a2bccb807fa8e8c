import type { ExecutionContext } from '@nestjs/common';

import type { TenantLike } from '../model/tenant.js';

/**
 * The tenant that authentication left behind as `auth`, else as `user`; of either its `project`, else its `organization`. It looks where
 * only the app itself writes, never at what a client claims (a message, the `auth` of a socket.io handshake):
 *
 * | context | where |
 * | --- | --- |
 * | HTTP | the request; on Fastify also its `raw` one, which is what middleware sees |
 * | GraphQL | the request in the operation's context: its `req`, `request` or, of mercurius, `reply.request` |
 * | WebSocket | the client, else its `data`, where socket.io apps keep such things |
 * | RPC | the transport's context, where a guard of yours puts it |
 * | any other | nowhere |
 *
 * It never falls back to an address: an address is not who pays.
 */
export function defaultTenantResolver(context: ExecutionContext): TenantLike | undefined {
  for (const carrier of carriersIn(context)) {
    const tenant = tenantOf(carrier?.auth) ?? tenantOf(carrier?.user);
    if (tenant !== undefined) return tenant;
  }
  return undefined;
}

interface Authenticated {
  auth?: unknown;
  user?: unknown;
}

function tenantOf(identity: unknown): TenantLike | undefined {
  const { project, organization } = (identity ?? {}) as { project?: TenantLike; organization?: TenantLike };
  return project ?? organization ?? undefined;
}

interface Request extends Authenticated {
  raw?: Authenticated;
}

interface GraphqlContext {
  req?: Request;
  request?: Request;
  reply?: { request?: Request };
}

/** What may carry who asks, the likeliest first. */
function carriersIn(context: ExecutionContext): (Authenticated | null | undefined)[] {
  const argument = <T>(index: number): T | null | undefined => context.getArgByIndex<T | null | undefined>(index);
  switch (context.getType<string>()) {
    case 'graphql': {
      const operation = argument<GraphqlContext>(2);
      return carriedBy(operation?.req ?? operation?.request ?? operation?.reply?.request);
    }
    case 'ws': {
      const client = argument<Authenticated & { data?: Authenticated }>(0);
      return [client, client?.data];
    }
    case 'rpc':
      return [argument(1)];
    case 'http':
      return carriedBy(argument<Request>(0));
    default:
      return [];
  }
}

/** Fastify's middleware runs on the raw request, and its guards on another. */
function carriedBy(request: Request | null | undefined): (Authenticated | null | undefined)[] {
  return [request, request?.raw];
}
