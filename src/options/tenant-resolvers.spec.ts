import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host';

import { defaultTenantResolver } from './tenant-resolvers.js';

describe('the default resolver', () => {
  const [project, organization] = [{ id: 'p1' }, { id: 'o1' }];
  const resolve = (type: string, ...args: unknown[]) => {
    const context = new ExecutionContextHost(args);
    context.setType(type);
    return defaultTenantResolver(context);
  };

  it.each([
    [{ auth: { project, organization } }, project],
    [{ auth: { organization } }, organization],
    [{ user: { project } }, project],
    [{ auth: {}, user: { organization } }, organization],
    [{ auth: { organization }, user: { project } }, organization],
    [{ auth: { project: 'p2' } }, { id: 'p2' }],
    [{ ip: '127.0.0.1' }, undefined],
    [{ auth: 'key' }, undefined],
    [{ auth: null, user: undefined }, undefined],
  ])('finds in %p %p', (request, tenant) => expect(resolve('http', request)).toEqual(tenant));

  it('finds the request of a GraphQL operation', () => {
    expect(resolve('graphql', undefined, {}, { req: { user: { project } } }, {})).toEqual(project);
    expect(resolve('graphql', undefined, {}, { request: { user: { project } } }, {})).toEqual(project);
    expect(resolve('graphql', undefined, {}, { reply: { request: { user: { project } } } }, {})).toEqual(project);
    expect(resolve('graphql', undefined, {}, undefined, {})).toBeUndefined();
  });

  it('asks the client of a socket, and what the app keeps with it, but not what it claims', () => {
    expect(resolve('ws', { user: { project } }, {})).toEqual(project);
    expect(resolve('ws', { data: { auth: { organization } } }, {})).toEqual(organization);
    expect(resolve('ws', { user: {}, data: { user: { project } } }, {})).toEqual(project);
    expect(resolve('ws', { handshake: { auth: { project } } }, { user: { project } })).toBeUndefined();
    expect(resolve('ws', { data: null })).toBeUndefined();
  });

  it('asks what a guard put beside a message, never the message', () => {
    expect(resolve('rpc', {}, { user: { project } })).toEqual(project);
    expect(resolve('rpc', { user: { project } }, {})).toBeUndefined();
    expect(resolve('rpc', { user: { project } })).toBeUndefined();
    expect(resolve('http')).toBeUndefined();
  });

  it('believes no message of a transport that it does not know', () => {
    expect(resolve('rmq', { user: { project } }, { user: { project } })).toBeUndefined();
  });

  it('finds what middleware left on the raw request of Fastify, behind what a guard left on its own', () => {
    expect(resolve('http', { raw: { user: { project } } })).toEqual(project);
    expect(resolve('http', { auth: { organization }, raw: { auth: { project } } })).toEqual(organization);
    expect(resolve('graphql', undefined, {}, { reply: { request: { raw: { auth: { project } } } } })).toEqual(project);
  });
});
