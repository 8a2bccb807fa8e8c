import type { ExecutionContext } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host';

import { defaultTenantResolver, identityOf, tenantFrom, whyNoTenant } from './tenant-resolvers.js';

const contextOf = (type: string, ...args: unknown[]): ExecutionContext => {
  const context = new ExecutionContextHost(args);
  context.setType(type);
  return context;
};
const http = (request: unknown): ExecutionContext => contextOf('http', request);

describe('the default resolver', () => {
  const [project, organization] = [{ id: 'p1' }, { id: 'o1' }];
  const resolve = (type: string, ...args: unknown[]) => defaultTenantResolver(contextOf(type, ...args));

  it.each([
    [{ auth: { project, organization } }, project],
    [{ auth: { organization } }, organization],
    [{ user: { project } }, project],
    [{ auth: {}, user: { organization } }, organization],
    [{ auth: { organization }, user: { project } }, organization],
    [{ auth: { project: 'p2' } }, { id: 'p2' }],
    // The most specific field, in whatever order they are.
    [{ user: { tenantId: 't', orgId: 'o' } }, { id: 'o' }],
    [{ user: { orgId: 'o', organizationId: 'i' } }, { id: 'i' }],
    [{ user: { organizationId: 'i', organization: 'n' } }, { id: 'n' }],
    [{ user: { organization: 'n', projectId: 'p' } }, { id: 'p' }],
    [{ user: { projectId: 'p', project } }, project],
    [{ user: { project: null, tenantId: 7 } }, { id: '7' }],
    [{ user: { project: {}, tenantId: 8n } }, { id: '8' }],
    [{ user: { id: 'u', sub: 'u', userId: 'u' } }, undefined],
    // Nothing of the app's own objects but id and name.
    [{ user: { project: { id: 'p', name: 'Acme', attributes: { iban: 'DE02' } } } }, { id: 'p', name: 'Acme' }],
    [{ user: { project: { id: 'p', attributes: { iban: 'DE02' } } } }, { id: 'p' }],
    [{ ip: '127.0.0.1' }, undefined],
    [{ auth: 'key' }, undefined],
    [{ auth: null, user: undefined }, undefined],
  ])('finds in %p %p', (request, tenant) => expect(resolve('http', request)).toStrictEqual(tenant));

  it('finds the request of a GraphQL operation', () => {
    expect(resolve('graphql', undefined, {}, { req: { user: { project } } }, {})).toEqual(project);
    expect(resolve('graphql', undefined, {}, { request: { user: { project } } }, {})).toEqual(project);
    expect(resolve('graphql', undefined, {}, { reply: { request: { user: { project } } } }, {})).toEqual(project);
    expect(resolve('graphql', undefined, {}, undefined, {})).toBeUndefined();
  });

  it("finds what onConnect wrote for a subscription over Apollo's graphql-ws, not what the client sent", () => {
    const ofSocket = (req: object) => resolve('graphql', undefined, {}, { req }, {});
    expect(ofSocket({ extra: { user: { project } } })).toEqual(project);
    expect(ofSocket({ extra: { request: { auth: { organization } } } })).toEqual(organization);
    expect(ofSocket({ connectionParams: { user: { project } }, extra: { request: {} } })).toBeUndefined();
  });

  it('reads the client of a socket and its data, but not its claims', () => {
    expect(resolve('ws', { user: { project } }, {})).toEqual(project);
    expect(resolve('ws', { data: { auth: { organization } } }, {})).toEqual(organization);
    expect(resolve('ws', { user: {}, data: { user: { project } } }, {})).toEqual(project);
    expect(resolve('ws', { handshake: { auth: { project } } }, { user: { project } })).toBeUndefined();
    expect(resolve('ws', { data: null })).toBeUndefined();
  });

  it('reads what a guard put beside a message, never the message', () => {
    expect(resolve('rpc', {}, { user: { project } })).toEqual(project);
    expect(resolve('rpc', { user: { project } }, {})).toBeUndefined();
    expect(resolve('rpc', { user: { project } })).toBeUndefined();
    expect(resolve('http')).toBeUndefined();
  });

  it('trusts no message of an unknown transport', () => {
    expect(resolve('rmq', { user: { project } }, { user: { project } })).toBeUndefined();
  });

  it("finds what middleware set on Fastify's raw request, after what a guard set on the request", () => {
    expect(resolve('http', { raw: { user: { project } } })).toEqual(project);
    expect(resolve('http', { auth: { organization }, raw: { auth: { project } } })).toEqual(organization);
    expect(resolve('graphql', undefined, {}, { reply: { request: { raw: { auth: { project } } } } })).toEqual(project);
  });
});

describe('the identity', () => {
  const identity = { tenantId: 't' };

  it.each([
    ['http', [{ auth: identity, user: 'u' }], identity],
    ['http', [{ user: identity }], identity],
    ['http', [{ auth: null, user: identity }], identity],
    ['http', [{ auth: '', user: identity }], ''],
    ['http', [{ raw: { user: identity } }], identity],
    ['http', [{ auth: undefined, user: null }], undefined],
    ['http', [null], undefined],
    ['ws', [], undefined],
    ['http', [{}], undefined],
    ['graphql', [{}, {}, { req: { user: identity } }, {}], identity],
    // Of a subscription over a socket: on the context itself, behind the request.
    ['graphql', [{}, {}, { user: identity }, {}], identity],
    ['graphql', [{}, {}, { user: 'u', req: { user: identity } }, {}], identity],
    ['graphql', [{}, {}, { user: 'u', req: { raw: { user: identity } } }, {}], identity],
    ['graphql', [{}, {}, { reply: {} }, {}], undefined],
    ['ws', [{ data: { user: identity } }], identity],
    ['rpc', [{ user: 'u' }, { auth: identity }], identity],
    ['cron', [{ user: identity }, { user: identity }, { user: identity }], undefined],
  ])('in %s with %j is %j', (type, args, found) => expect(identityOf(contextOf(type, ...args))).toBe(found));

  it('is found for a federated reference, whose context is one argument earlier', () => {
    const operation = { req: { user: identity } };
    const info = { fieldName: '_entities', parentType: {}, schema: {} };
    for (const args of [
      [{ __typename: 'User' }, operation, info],
      [{}, {}, operation, info],
    ]) {
      const context = contextOf('graphql', ...args);
      expect(identityOf(context)).toEqual({ tenantId: 't' });
      expect(defaultTenantResolver(context)).toEqual({ id: 't' });
      expect(tenantFrom('tenantId')(context)).toBe('t');
    }
  });

  it("is never read from a caller's arguments", () => {
    const operation = { req: { user: identity } };
    const info = { fieldName: '_entities', parentType: {} };
    for (const last of [{}, null, 'fieldName', { fieldName: '_entities' }, { parentType: {} }])
      expect(identityOf(contextOf('graphql', {}, operation, last))).toBeUndefined();
    expect(identityOf(contextOf('graphql', {}, operation, {}, info))).toBeUndefined();
    // Neither if the context looks like what is asked.
    expect(identityOf(contextOf('graphql', {}, operation, info, info))).toBeUndefined();
  });
});

describe('tenantFrom', () => {
  it.each([
    ['userId', { user: { userId: 'u' } }, 'u'],
    ['account.id', { user: { account: { id: 3 } } }, 3],
    ['account', { user: { account: { id: 'a' } } }, { id: 'a' }],
    ['length', { user: 'four' }, 4],
    ['id', { auth: {}, user: { id: 'u' } }, 'u'],
    ['id', { auth: { id: null }, user: { id: 'u' } }, 'u'],
    ['id', { auth: { id: '' }, user: { id: 'u' } }, ''],
    ['id', { auth: { id: null } }, undefined],
    ['account.id', { user: { account: null } }, undefined],
    ['account.id', {}, undefined],
  ])('%j finds in %j %j', (path, request, tenant) => expect(tenantFrom(path)(http(request))).toEqual(tenant));

  it.each([undefined, null, 5, ['userId'], '', 'account.', '.', '.id', 'a..b'])('%j throws', (path) => {
    expect(() => tenantFrom(path as string)).toThrow(
      new TypeError("tenantFrom() expects the name of a field, or a path such as 'account.id': tenantFrom('userId')"),
    );
  });
});

describe('why there is no tenant', () => {
  const of = (context: ExecutionContext, resolver = defaultTenantResolver): [string, string] => {
    const { fault, reason } = whyNoTenant(context, resolver);
    return [fault, reason()];
  };

  it.each([
    ['http', 'neither request.auth nor request.user is set'],
    ['graphql', "neither auth nor user is set on the request in the operation's context"],
    ['ws', 'neither auth nor user is set on the client or its data'],
    [
      'rpc',
      'neither auth nor user is set on context.switchToRpc().getContext() (the message is not read, and global guards of a hybrid app see ' +
        'messages only with inheritAppConfig: true)',
    ],
    ['cron', 'no identity, because such a context has none'],
  ])('in %s: %s', (type, place) => {
    expect(of(contextOf(type, {}))).toEqual(['', `${place}: let a guard set one, or write tenant: (context) => …`]);
  });

  const NONE = 'none of project, projectId, organization, organizationId, orgId, tenantId';

  it.each<[unknown, string]>([
    ['key', 'a string'],
    [7, 'a number'],
    [true, 'a boolean'],
    [() => ({ userId: 'u' }), 'a function'],
    [[{ userId: 'u' }], 'a list'],
    [new Map([['userId', 'u']]), 'an object (Map)'],
    [Promise.resolve({ userId: 'u' }), 'a promise'],
    [{ then: () => undefined }, 'a promise'],
  ])('the identity is %p', (user, kind) => {
    expect(of(http({ user }))).toEqual([
      kind,
      `auth or user is ${kind}: make it an object, or write tenant: (context) => …`,
    ]);
  });

  it('the identity is a database document or model, whose fields are getters of its class', () => {
    class Document {
      get errors() {
        throw new Error('is not read');
      }
      get $locals() {
        return {};
      }
      save() {}
    }
    class User extends Document {
      _doc = {};
      email = 'a@b.c';
      get workspaceId() {
        throw new Error('is not read');
      }
      get email2() {
        return '';
      }
    }
    expect(of(http({ user: new User() }))).toEqual([
      'fields',
      `the identity has workspaceId, email2, errors, _doc, email, and ${NONE}. Write tenant: tenantFrom('workspaceId')`,
    ]);
    const bare = Object.assign(Object.create(null) as object, { userId: 'u' });
    expect(of(http({ user: bare }))[1]).toBe(
      `the identity has userId, and ${NONE}. Write tenant: tenantFrom('userId')`,
    );
  });

  it.each<[object, string]>([
    [{}, `is empty: it has ${NONE}. Write tenant: tenantFrom('field')`],
    [{ email: 'a@b.c' }, `has email, and ${NONE}. Write tenant: tenantFrom('field')`],
    // The likeliest first, and never a part of another word.
    [{ sub: 'u', user_id: 'u', OrgID: 'o' }, `has sub, user_id, OrgID, and ${NONE}. Write tenant: tenantFrom('OrgID')`],
    [{ id: 'u', userId: 'u' }, `has id, userId, and ${NONE}. Write tenant: tenantFrom('userId')`],
    [{ aud: 'x', sub: 'u' }, `has aud, sub, and ${NONE}. Write tenant: tenantFrom('sub')`],
    [{ id: 'u' }, `has id, and ${NONE}. Write tenant: tenantFrom('id')`],
    [
      { myAccountId: 1, accountIds: 1, auserId: 1, userIds: 1, subject: 1, aid: 1 },
      `has myAccountId, accountIds, auserId, userIds, subject, aid, and ${NONE}. Write tenant: tenantFrom('field')`,
    ],
    [{ 'a\nb': 1 }, `has a b, and ${NONE}. Write tenant: tenantFrom('field')`],
  ])('the identity is %j', (user, reason) => {
    expect(of(http({ user }))).toEqual(['fields', `the identity ${reason}`]);
  });

  it.each<[object, string, string]>([
    [
      { project: null, email: 'a' },
      'no project',
      "has email, and no value in project. Set it, or write tenant: tenantFrom('field')",
    ],
    [
      { sub: 'u', organizationId: undefined, orgId: null, role: null },
      'no organizationId',
      "has sub, and no value in organizationId, orgId. Set it, or write tenant: tenantFrom('sub')",
    ],
    [
      { tenantId: null },
      'no tenantId',
      "is empty: it has no value in tenantId. Set it, or write tenant: tenantFrom('field')",
    ],
  ])('the identity has a field without a value: %j', (user, fault, reason) => {
    expect(of(http({ user }))).toEqual([fault, `the identity ${reason}`]);
  });

  it.each([
    'organisationId',
    'organization_id',
    'tenant_id',
    'accountid',
    'customerId',
    'workspaceId',
    'teamId',
    'companyId',
  ])('the identity has %s', (field) => {
    expect(of(http({ user: { id: 'u', [field]: 'x' } }))[1]).toMatch(`Write tenant: tenantFrom('${field}')`);
  });

  it.each<[object, string]>([
    [{}, 'neither request.auth nor request.user is set: let a guard set one, or check what your resolver reads'],
    [{ user: 'a' }, 'auth or user is a string: make it an object, or check what your resolver reads'],
    [
      { user: { sub: 'u' } },
      `the identity has sub, and ${NONE}. Write tenant: tenantFrom('sub'), or check what your resolver reads`,
    ],
    [
      { user: { sub: 'u', orgId: null } },
      "the identity has sub, and no value in orgId. Set it, or write tenant: tenantFrom('sub'), or check what your resolver reads",
    ],
    [
      { user: { orgId: '' } },
      "the identity's orgId gives no id (string or number): it is empty. Write tenant: (context) => …, or check what your resolver reads",
    ],
  ])('does not tell an app with a resolver to write one: %j', (request, reason) => {
    expect(of(http(request), () => undefined)[1]).toBe(reason);
  });

  it('names a dozen fields, shortened', () => {
    const user = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`${'x'.repeat(45)}${i}`, 'secret']));
    expect(of(http({ user }))[1]).toBe(
      `the identity has ${Array(12)
        .fill(`${'x'.repeat(39)}…`)
        .join(', ')}, and ${NONE}. Write tenant: tenantFrom('field')`,
    );
    const id = `userId`;
    expect(of(http({ user: { ...user, [id]: 'u' } }))[1]).toMatch("Write tenant: tenantFrom('userId')");
  });

  it.each<[unknown, string]>([
    [{ organizationId: { $oid: 'o-secret' } }, 'organizationId gives no id (string or number): it is an object'],
    [{ orgId: '' }, 'orgId gives no id (string or number): it is empty'],
    [{ project: null, tenantId: new Date() }, 'tenantId gives no id (string or number): it is an object (Date)'],
    [{ project: NaN }, 'project gives no id (string or number): it is a number'],
  ])('the identity is %p', (auth, reason) => {
    const field = /^\w+/.exec(reason)?.[0];
    expect(of(http({ auth }))).toEqual([field, `the identity's ${reason}. Write tenant: (context) => …`]);
  });

  it('a custom resolver does not use what there is', () => {
    expect(of(http({ user: { email: 'x', projectId: 'p' } }))).toEqual([
      'projectId',
      "the identity has projectId, which your resolver does not take. Write tenant: tenantFrom('projectId'), or leave tenant out",
    ]);
  });
});
