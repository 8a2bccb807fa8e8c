import type { ExecutionContext } from '@nestjs/common';

import { tenantIdOf, type TenantLike, type TenantResolver } from '../model/tenant.js';
import { isThenable } from '../util/guest-function.js';
import { kindOf, oneLine } from '../util/text.js';

/** Where the default looks for a tenant in an identity, most specific first. Never at the user's id, because not every app bills users. */
const TENANT_FIELDS = ['project', 'projectId', 'organization', 'organizationId', 'orgId', 'tenantId'] as const;
/** How many fields of an identity a warning names. */
const MAX_NAMED_FIELDS = 12;

/**
 * The default `tenant`: the first of `project`, `projectId`, `organization`, `organizationId`, `orgId` and `tenantId` in the identity that
 * {@link identityOf} finds. From an object it takes only `id` and `name`.
 *
 * It never falls back to a user or an IP address, because neither is the one who pays.
 */
export function defaultTenantResolver(context: ExecutionContext): TenantLike | undefined {
  for (const carrier of carriersIn(context)) {
    if (!carrier) continue;
    const tenant = tenantOf(carrier.auth) ?? tenantOf(carrier.user);
    if (tenant !== undefined) return tenant;
  }
  return undefined;
}

/**
 * Returns a tenant resolver that reads a field of the identity, or a path into it such as `'account.id'`. It works in every context that
 * {@link identityOf} supports.
 *
 * @example
 * ```ts
 * RateMonitorModule.forRoot({ tenant: tenantFrom('userId') })
 * ```
 * @param path - Field names, separated by dots. The value is an id, or an object with an id and a name.
 * @throws TypeError if the path is not a string, or contains an empty field name.
 */
export function tenantFrom(path: string): TenantResolver {
  const fields = typeof path === 'string' ? path.split('.') : [''];
  if (fields.includes(''))
    throw new TypeError(
      "tenantFrom() expects the name of a field, or a path such as 'account.id': tenantFrom('userId')",
    );
  return (context) => {
    for (const identity of identitiesIn(context)) {
      const found = fields.reduce<unknown>(
        (value, field) => (Object(value) as Record<string, unknown>)[field],
        identity,
      );
      if (found !== undefined && found !== null) return found as TenantLike;
    }
    return undefined;
  };
}

/**
 * The caller's identity that authentication has set: `auth`, else `user`; undefined if there is none. It looks only where the app itself
 * writes, never at what a client claims (a message, the `auth` of a socket.io handshake):
 *
 * | context | where |
 * | --- | --- |
 * | HTTP | the request; on Fastify also its `raw` request, which is what middleware sees |
 * | GraphQL | the request in the operation's context (`req`, `request` or, with mercurius, `reply.request`), else that context itself; over a socket of graphql-ws also `extra`, and the request in it |
 * | WebSocket | the client, else its `data`, which socket.io apps use |
 * | RPC | the transport's context, if a guard of yours puts it there |
 * | any other | nowhere |
 */
export function identityOf(context: ExecutionContext): unknown {
  return identitiesIn(context).next().value;
}

/** Why there is no tenant, for the log: names of fields, no values. `fault` is the kind of reason. */
export function whyNoTenant(
  context: ExecutionContext,
  resolver: TenantResolver,
): { readonly fault: string; readonly reason: () => string } {
  const check = resolver === defaultTenantResolver ? '' : 'check what your resolver reads';
  const write = check || 'write tenant: (context) => …';
  const kind = context.getType<string>();
  const identity = identityOf(context);
  if (identity === undefined) {
    const place = PLACES[kind] ?? 'no identity, because such a context has none';
    return { fault: '', reason: () => `${place}: let a guard set one, or ${write}` };
  }
  const oddKind = kindWithoutFields(identity);
  if (oddKind !== undefined)
    return { fault: oddKind, reason: () => `auth or user is ${oddKind}: make it an object, or ${write}` };
  const values = identity as Record<string, unknown>;
  const field = TENANT_FIELDS.find((name) => values[name] !== undefined && values[name] !== null);
  if (field !== undefined) return { fault: field, reason: () => whyNotField(field, values[field], check) };
  const empty = TENANT_FIELDS.filter((name) => name in values);
  return { fault: empty[0] ? `no ${empty[0]}` : 'fields', reason: () => whyNoField(values, empty, check) };
}

/** What an identity is that has no fields to read; undefined for an object with fields. */
function kindWithoutFields(identity: unknown): string | undefined {
  // Also a query of a database that was not awaited.
  if (isThenable(identity)) return 'a promise';
  const hasFields = typeof identity === 'object' && !Array.isArray(identity) && !(identity instanceof Map);
  return hasFields ? undefined : kindOf(identity);
}

/** @param empty - Those of {@link TENANT_FIELDS} that are there without a value, as for a user who belongs to no organization. */
function whyNoField(identity: Record<string, unknown>, empty: readonly string[], check: string): string {
  const own = Object.keys(identity).filter((name) => identity[name] !== undefined && identity[name] !== null);
  const names = [...new Set([...gettersOf(identity), ...own])];
  const shown = names.slice(0, MAX_NAMED_FIELDS).map((name) => oneLine(name, 40));
  const id = IDS.map((pattern) => names.find((name) => pattern.test(name))).find((name) => name !== undefined);
  const fields = shown.length > 0 ? `has ${shown.join(', ')}, and` : 'is empty: it has';
  const lacks = empty.length > 0 ? `no value in ${empty.join(', ')}` : `none of ${TENANT_FIELDS.join(', ')}`;
  const remedy = `tenant: tenantFrom('${id === undefined ? 'field' : oneLine(id, 40)}')${check && `, or ${check}`}`;
  return `the identity ${fields} ${lacks}. ${empty.length > 0 ? 'Set it, or write' : 'Write'} ${remedy}`;
}

/** Getters of its class, by which documents and models of databases have their fields. They are not read: one may ask the database. */
function gettersOf(identity: object): string[] {
  const prototype = Object.getPrototypeOf(identity) as object | null;
  // The last one has what every object has.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return [];
  const members = Object.entries(Object.getOwnPropertyDescriptors(prototype));
  const own = members.flatMap(([name, member]) => (member.get && !/^[_$]/.test(name) ? name : []));
  return [...own, ...gettersOf(prototype)];
}

function whyNotField(field: string, value: unknown, check: string): string {
  if (tenantIdOf(value) !== undefined)
    return `the identity has ${field}, which your resolver does not take. Write tenant: tenantFrom('${field}'), or leave tenant out`;
  const kind = value === '' ? 'empty' : kindOf(value);
  return `the identity's ${field} gives no id (string or number): it is ${kind}. Write tenant: (context) => …${check && `, or ${check}`}`;
}

/** Names of fields that may hold who pays, likeliest first. Users come last. */
const IDS = [
  /^(project|organi[sz]ation|org|tenant|account|customer|workspace|team|company)_?id$/i,
  /^user_?id$/i,
  /^(sub|id)$/,
];

const PLACES: Readonly<Record<string, string>> = {
  http: 'neither request.auth nor request.user is set',
  graphql: "neither auth nor user is set on the request in the operation's context",
  ws: 'neither auth nor user is set on the client or its data',
  rpc:
    'neither auth nor user is set on context.switchToRpc().getContext() (the message is not read, and global guards of a hybrid app see ' +
    'messages only with inheritAppConfig: true)',
};

interface Authenticated {
  auth?: unknown;
  user?: unknown;
}

function* identitiesIn(context: ExecutionContext): Generator<unknown, undefined> {
  for (const carrier of carriersIn(context)) {
    if (carrier?.auth !== undefined && carrier.auth !== null) yield carrier.auth;
    if (carrier?.user !== undefined && carrier.user !== null) yield carrier.user;
  }
  return undefined;
}

function tenantOf(identity: unknown): TenantLike | undefined {
  if (typeof identity !== 'object' || identity === null) return undefined;
  for (const field of TENANT_FIELDS) {
    const value = (identity as Record<string, unknown>)[field];
    const id = tenantIdOf(value);
    if (id !== undefined) return named(id, value as { name?: unknown });
  }
  return undefined;
}

/** Only id and name: the app's object may have unrelated `attributes`. */
function named(id: string, of: { readonly name?: unknown }): TenantLike {
  try {
    const { name } = of;
    return typeof name === 'string' ? { id, name } : { id };
  } catch (error) {
    // Where it costs the name alone, and is logged.
    return {
      id,
      get name(): string {
        throw error;
      },
    };
  }
}

interface Request extends Authenticated {
  raw?: Authenticated;
  /** With graphql-ws: what the app's onConnect wrote, and the request that opened the socket. */
  extra?: Authenticated & { request?: Authenticated };
}

interface Operation extends Authenticated {
  req?: Request;
  request?: Request;
  reply?: { request?: Request };
}

type Carrier = Authenticated | null | undefined;

/** Objects that may carry the caller's identity, likeliest first. */
function carriersIn(context: ExecutionContext): readonly Carrier[] {
  const argument = <T>(index: number): T | null | undefined => context.getArgByIndex<T | null | undefined>(index);
  switch (context.getType<string>()) {
    case 'graphql': {
      // A federated reference (`@ResolveReference`) is called with the reference, the context and the info. Other resolvers have their arguments
      // in the context's place, and callers choose those, so they are never trusted.
      const isReference = context.getArgs().length === 3 && isResolveInfo(argument(2));
      const operation = argument<Operation>(isReference ? 1 : 2);
      const request = operation?.req ?? operation?.request ?? operation?.reply?.request;
      // For a subscription over a socket, what the app's onConnect returned is on the context itself, or in `extra` of what Apollo calls
      // the request.
      return [request, request?.raw, operation, request?.extra, request?.extra?.request];
    }
    case 'ws': {
      const client = argument<Authenticated & { data?: Authenticated }>(0);
      return [client, client?.data];
    }
    case 'rpc':
      return [argument<Authenticated>(1)];
    case 'http': {
      const request = argument<Request>(0);
      // In Fastify, middleware gets the raw request and guards the wrapped one.
      return [request, request?.raw];
    }
    default:
      return [];
  }
}

/** Whether this is the info that GraphQL passes to a resolver about the requested field. */
function isResolveInfo(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'fieldName' in value && 'parentType' in value;
}
