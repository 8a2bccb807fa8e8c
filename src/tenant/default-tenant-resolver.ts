import type { ExecutionContext } from '@nestjs/common';

import type { TenantLike } from './tenant.js';

/**
 * The tenant that authentication left behind as `auth`, else as `user`; of either its `project`, else its `organization`. It looks where
 * only the app itself writes, never at what a client claims (a message, the `auth` of a socket.io handshake):
 *
 * | context | where |
 * | --- | --- |
 * | HTTP | the request |
 * | GraphQL | the request in the operation's context: its `req`, `request` or, of mercurius, `reply.request` |
 * | WebSocket | the client, else its `data`, where socket.io apps keep such things |
 * | RPC | the transport's context, where a guard of yours puts it |
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

interface GraphqlContext {
  req?: Authenticated;
  request?: Authenticated;
  reply?: { request?: Authenticated };
}

/** What may carry who asks, the likeliest first. */
function carriersIn(context: ExecutionContext): (Authenticated | null | undefined)[] {
  const argument = <T>(index: number): T | null | undefined => context.getArgByIndex<T | null | undefined>(index);
  switch (context.getType<string>()) {
    case 'graphql': {
      const operation = argument<GraphqlContext>(2);
      return [operation?.req ?? operation?.request ?? operation?.reply?.request];
    }
    case 'ws': {
      const client = argument<Authenticated & { data?: Authenticated }>(0);
      return [client, client?.data];
    }
    case 'rpc':
      return [argument(1)];
    default:
      return [argument(0)];
  }
}
