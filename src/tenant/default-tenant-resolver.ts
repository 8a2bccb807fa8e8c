import type { ExecutionContext } from '@nestjs/common';

import type { TenantLike } from './tenant.js';

/**
 * The tenant that authentication left on the request: `request.auth`, else `request.user`; of either its `project`, else its
 * `organization`. It never falls back to an address: an address is not who pays.
 */
export function defaultTenantResolver(context: ExecutionContext): TenantLike | undefined {
  const request = requestOf(context);
  return tenantOf(request?.auth) ?? tenantOf(request?.user);
}

interface Authenticated {
  auth?: unknown;
  user?: unknown;
}

function tenantOf(identity: unknown): TenantLike | undefined {
  const { project, organization } = (identity ?? {}) as { project?: TenantLike; organization?: TenantLike };
  return project ?? organization ?? undefined;
}

/** In GraphQL the request sits in the operation's context; of a socket, the client itself carries who it is. */
function requestOf(context: ExecutionContext): Authenticated | undefined {
  switch (context.getType<string>()) {
    case 'graphql': {
      const operation = context.getArgByIndex<{ req?: Authenticated; request?: Authenticated } | undefined>(2);
      return operation?.req ?? operation?.request;
    }
    case 'rpc':
      return undefined;
    default:
      return context.getArgByIndex<Authenticated | undefined>(0);
  }
}
