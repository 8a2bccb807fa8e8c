import { ForbiddenException, Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';

import { OwnLogger } from '../util/own-logger.js';
import { WarnOnce } from '../util/warn-once.js';
import { isError, oneLine, reasonOf } from '../util/text.js';

/**
 * Decides who may see and use the page. A string, or an object with a name, names the user in mutes and in the log. `true` grants access
 * without a name. Anything else, or an error, denies it with 403.
 */
export type DashboardAuthorize = (
  request: unknown,
  context: ExecutionContext,
) => DashboardIdentity | Promise<DashboardIdentity>;

/** What {@link DashboardAuthorize} may return. */
export type DashboardIdentity = boolean | string | { name: string } | null | undefined;

/** Injection token for the function that decides who may see the page. */
export const AUTHORIZE = Symbol.for('nestjs-rate-monitor:dashboard-authorize');

const MAX_NAME = 80;
const names = new WeakMap<object, string>();

/** The user who sent a request, if known: the name that `authorize` returned, else the one in `request.user`. */
export function whoOf(request: object): string | undefined {
  const { user } = request as { user?: unknown };
  return names.get(request) ?? nameIn(user);
}

/** Denies access unless `authorize` grants it. */
@Injectable()
export class DashboardGuard implements CanActivate {
  private readonly once = new WarnOnce(new OwnLogger());

  constructor(@Inject(AUTHORIZE) private readonly authorize: DashboardAuthorize) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<object>();
    const identity = await this.ask(request, context);
    const name = typeof identity === 'string' ? oneLine(identity, MAX_NAME) : nameIn(identity);
    if (identity !== true && !name) throw new ForbiddenException();
    if (name) names.set(request, name);
    return true;
  }

  /** An `authorize` that throws denies access. An exception of Nest is a deliberate refusal; any other error is logged. */
  private async ask(request: object, context: ExecutionContext): Promise<unknown> {
    try {
      const identity = await this.authorize(request, context);
      this.once.good('authorize');
      return identity;
    } catch (error) {
      if (typeof (Object(error) as { getStatus?: unknown }).getStatus !== 'function')
        this.once.warn('authorize', () => `authorize of the page threw (${reasonOf(error)}): the answer is 403`);
      return false;
    }
  }
}

/** Functions and errors have names too: returned by mistake, they are nobody. */
function nameIn(identity: unknown): string | undefined {
  if (typeof identity !== 'object' || identity === null || isError(identity)) return undefined;
  const { name } = identity as { name?: unknown };
  return typeof name === 'string' ? oneLine(name, MAX_NAME) || undefined : undefined;
}
