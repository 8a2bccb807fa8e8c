import { createHash } from 'node:crypto';

import type { ExecutionContext } from '@nestjs/common';

const MAX_ID_LENGTH = 128;
const KEPT_OF_LONG_ID = 100;
/** What {@link tenantKey} returns for a longer id; `[^]` also matches a line break. */
const KEY_OF_LONG_ID = /^[^]{100}~[\w-]{43}$/;
/**
 * Alerts show longer ids as their keys: records must not grow with what strangers send. So thresholds are set for ids up to this length, or
 * for the key of a longer one.
 */
export const MAX_SHOWN_ID = 1_000;

/** Who a request counts against: a project, an organization, an API key. */
export interface Tenant {
  /** Unique within the category, of any length. If it is longer than 1,000 characters, alerts show the first 100, `~` and a SHA-256. */
  id: string;
  /** A name for people to read. It comes from users, so channels escape and shorten it. */
  name?: string;
  /** Further facts for alerts to show, such as a plan or a region; up to ten are shown. Never put a secret here. */
  attributes?: Record<string, string>;
}

/** What a tenant resolver may return: an object with an id, or the id alone. */
export type TenantLike =
  | { id: string | number | bigint; name?: string | null | undefined; attributes?: Record<string, string> | undefined }
  | string
  | number
  | bigint;

/**
 * Returns who a request counts against; `undefined` or `null` if unknown. It may return a promise. If it throws, the request is not
 * counted, and the log reports it once per route.
 */
export type TenantResolver = (
  context: ExecutionContext,
) => TenantLike | null | undefined | Promise<TenantLike | null | undefined>;

/**
 * Reads a resolver's answer: strings, finite numbers and bigints are ids, anything else is no tenant.
 *
 * @throws what the app's getters throw. If the id can be read, {@link bareTenant} has it.
 */
export function toTenant(answer: unknown): Tenant | undefined {
  const id = tenantIdOf(answer);
  if (id === undefined) return undefined;
  if (typeof answer !== 'object') return { id };
  const { name, attributes } = answer as Record<string, unknown>;
  const tenant: Tenant = typeof name === 'string' ? { id, name } : { id };
  if (typeof attributes === 'object' && attributes !== null) tenant.attributes = attributes as Record<string, string>;
  return tenant;
}

/** The id in a resolver's answer; undefined if it is no tenant. */
export function tenantIdOf(answer: unknown): string | undefined {
  return toId(typeof answer === 'object' && answer !== null ? (answer as { id?: unknown }).id : answer);
}

/** The tenant by its id alone, for an answer whose name or attributes throw; undefined if the id does. */
export function bareTenant(answer: unknown): Tenant | undefined {
  try {
    return toTenant(tenantIdOf(answer));
  } catch {
    return undefined;
  }
}

function toId(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (typeof value === 'bigint') return String(value);
  return Number.isFinite(value) ? String(value) : undefined;
}

/**
 * A tenant's id at a bounded length. Beyond 128 characters it is the head and a SHA-256, together longer than any id that is kept as it is.
 * So no id can pass for another, and memory does not grow with what strangers send.
 */
export function tenantKey(id: string): string {
  if (id.length <= MAX_ID_LENGTH) return id;
  return `${id.slice(0, KEPT_OF_LONG_ID)}~${createHash('sha256').update(id, 'utf16le').digest('base64url')}`;
}

/**
 * A tenant's id as alerts show it: the id, or its key beyond 1,000 characters. An id that looks like a shortened one is shown as its own
 * `key`; without `key`, it is taken for one that is already shortened.
 */
export function shownTenantId(id: string, key = keyOfShown(id)): string {
  return id.length <= MAX_SHOWN_ID && !isKey(id) ? id : key;
}

/** The key of a tenant, given its id as alerts show it, or the key itself. */
export function keyOfShown(id: string): string {
  return isKey(id) ? id : tenantKey(id);
}

function isKey(id: string): boolean {
  return id.length > MAX_ID_LENGTH && KEY_OF_LONG_ID.test(id);
}
