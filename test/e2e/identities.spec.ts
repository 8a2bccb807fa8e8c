import { Controller, Injectable, Post, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';

import { identityOf, MonitorRate, RateCounterService, tenantFrom, type RateMonitorOptions } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';

/** The identity that authentication sets, as sent by the test. */
@Injectable()
class AuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ body: { user?: unknown }; user?: unknown }>();
    request.user = request.body.user;
    return true;
  }
}

@UseGuards(AuthGuard)
@Controller()
class Api {
  @Post('call')
  @MonitorRate('llm_call')
  call() {}
}

describe('the identity that authentication sets', () => {
  let app: TestApp;

  const start = async (options: RateMonitorOptions = {}): Promise<void> => {
    app = await startApp({ options, metadata: { controllers: [Api] } });
  };
  const count = (tenant: string): Promise<number> => app.app.get(RateCounterService).read('llm_call', tenant);

  afterEach(() => app.close());

  it.each([
    [{ project: { id: 'p' }, organization: { id: 'o' } }, 'p'],
    [{ organization: 'o', tenantId: 't' }, 'o'],
    [{ projectId: 'p', organization: { id: 'o' } }, 'p'],
    [{ id: 'u', organizationId: 'o' }, 'o'],
    [{ sub: 'u', orgId: 7, tenantId: 't' }, '7'],
    [{ sub: 'u', tenantId: 't' }, 't'],
  ])('%j counts for %p', async (user, tenant) => {
    await start();
    await app.post('/call', {}, { user });
    expect(await count(tenant)).toBe(1);
  });

  it('takes only id and name from a project', async () => {
    await start();
    const user = { project: { id: 'p', name: 'Acme', attributes: { iban: 'DE02' } } };
    for (let i = 0; i < 16; i++) await app.post('/call', {}, { user });
    expect(app.alerts[0]?.tenant).toEqual({ id: 'p', name: 'Acme' });
  });

  it.each([
    ['userId', { userId: 'u' }, 'u'],
    ['account.id', { account: { id: 3 } }, '3'],
    ['account', { account: { id: 'a', name: 'Acme' } }, 'a'],
  ])('tenantFrom(%p) finds it in %j', async (path, user, tenant) => {
    await start({ tenant: tenantFrom(path) });
    await app.post('/call', {}, { user });
    expect(await count(tenant)).toBe(1);
  });

  it('is passed to a resolver of your own', async () => {
    await start({ tenant: (context) => (identityOf(context) as { key: string } | undefined)?.key });
    await app.post('/call', {}, { user: { key: 'k' } });
    expect(await count('k')).toBe(1);
  });

  it('without a tenant is described in the log, with names of fields and the line to write', async () => {
    await start();
    await app.post('/call', {}, { user: { userId: 'u-secret', email: 'a@b.c' } });
    await app.post('/call');
    expect(app.log.of('No tenant')).toEqual([
      expect.stringMatching(
        /Found: the identity has userId, email, and none of .* Write tenant: tenantFrom\('userId'\)$/,
      ),
      expect.stringMatching(/Found: neither request\.auth nor request\.user is set/),
    ]);
    expect(app.log.lines.join()).not.toMatch(/u-secret|a@b\.c/);
  });

  it('with a tenant of another type, such as an ObjectId of a database, is described', async () => {
    await start();
    await app.post('/call', {}, { user: { organizationId: { $oid: 'o-secret' } } });
    const line =
      "Found: the identity's organizationId gives no id (string or number): it is an object. Write tenant: (context) => …";
    expect(app.log.of('No tenant')).toEqual([expect.stringContaining(line)]);
    expect(app.log.lines.join()).not.toMatch(/o-secret/);
  });

  it('is described once for each kind, also after requests without one', async () => {
    await start();
    const organizationId = { $oid: 'o' };
    const users = [undefined, { sub: 'u', org_id: 'o' }, 'u', { organizationId }, undefined, { sub: 'u' }];
    for (const user of [...users, ...users]) await app.post('/call', {}, { user });
    expect(app.log.of('No tenant').map((line) => line.split('Found: ')[1])).toEqual([
      expect.stringContaining('neither request.auth nor request.user is set'),
      expect.stringMatching(/^the identity has sub, org_id, and none of .* Write tenant: tenantFrom\('org_id'\)$/),
      expect.stringContaining('auth or user is a string'),
      expect.stringContaining("the identity's organizationId gives no id (string or number): it is an object"),
    ]);
  });

  it('is reported as missing, with the place to put it', async () => {
    await start();
    await app.post('/call');
    expect(app.log.of('neither request.auth nor request.user is set')).toHaveLength(1);
  });

  it('names a resolver of your own that finds nothing as the cause', async () => {
    await start({ tenant: tenantFrom('accountId') });
    await app.post('/call', {}, { user: { userId: 'u' } });
    expect(app.log.of('The tenant resolver returned undefined, neither an id')[0]).toContain("tenantFrom('userId')");
    await app.close();
    await start({ tenant: tenantFrom('accountId') });
    await app.post('/call', {}, { user: { projectId: 'p-secret' } });
    expect(app.log.of('The tenant resolver returned undefined, neither an id')[0]).toMatch(
      /Found: the identity has projectId, which your resolver does not take\. Write tenant: tenantFrom\('projectId'\), or leave tenant out$/,
    );
  });
});
