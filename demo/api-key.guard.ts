import { Injectable, UnauthorizedException, type CanActivate, type ExecutionContext } from '@nestjs/common';

interface Identity {
  project: { id: string; name: string };
  organization: { id: string; name: string };
}

/** Two customers. In a real app these live in a database. */
const KEYS: Record<string, Identity> = {
  'key-acme': { project: { id: 'proj_1', name: 'Acme chatbot' }, organization: { id: 'org_1', name: 'Acme' } },
  'key-umbra': { project: { id: 'proj_2', name: 'Umbra search' }, organization: { id: 'org_2', name: 'Umbra' } },
};

/** Authentication as most apps have it: a guard on the controller that says who is asking. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string>; auth?: Identity }>();
    const identity = KEYS[request.headers['x-api-key'] ?? ''];
    if (!identity) throw new UnauthorizedException('Send one of the demo keys: x-api-key: key-acme');
    request.auth = identity;
    return true;
  }
}
