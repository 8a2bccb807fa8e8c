import { Injectable, UnauthorizedException, type CanActivate, type ExecutionContext } from '@nestjs/common';

import { CUSTOMERS } from './customers.js';

interface Identity {
  project: { id: string; name: string };
}

/** Authentication as most apps have it: a guard on the controller that finds out who is asking. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string>; auth?: Identity }>();
    const customer = CUSTOMERS.find(({ apiKey }) => apiKey === request.headers['x-api-key']);
    if (!customer) throw new UnauthorizedException('Send one of the demo keys: x-api-key: key-acme');
    request.auth = { project: { id: customer.id, name: customer.name } };
    return true;
  }
}
