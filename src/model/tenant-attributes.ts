import { shownTenantId, type Tenant } from './tenant.js';
import { copied, oneLine } from '../util/text.js';

/** More than this of one tenant is a record, not an alert. */
const MAX_SHOWN = 10;
const MAX_NAME = 60;
const MAX_VALUE = 150;

/** What an alert shows of a tenant beside id and name. */
export interface ShownAttributes {
  readonly shown: readonly (readonly [name: string, value: string])[];
  /** How many there are beyond those. */
  readonly leftOut: number;
}

/** A tenant's attributes at a bounded number and size. They come from the app's resolver: only what has a plain text is shown. */
export function attributesOf({ attributes }: Tenant): ShownAttributes {
  const plain = namesOf(attributes)
    .map((name) => [name, valueOf(attributes as object, name)] as const)
    .filter(([, value]) => isPlain(value));
  const shown = plain
    .slice(0, MAX_SHOWN)
    .map(([name, value]) => [oneLine(name, MAX_NAME), oneLine(String(value), MAX_VALUE)] as const);
  return { shown, leftOut: plain.length - shown.length };
}

/** A copy of a tenant to keep: limited in size, with nothing of the request it was cut out of, and serializable as JSON. */
export function keptTenant(tenant: Tenant): Tenant {
  const { shown } = attributesOf(tenant);
  return {
    id: copied(shownTenantId(tenant.id)),
    ...(tenant.name === undefined ? {} : { name: copied(oneLine(tenant.name)) }),
    ...(shown.length > 0
      ? { attributes: Object.fromEntries(shown.map(([name, value]) => [copied(name), copied(value)] as const)) }
      : {}),
  };
}

/** A proxy of the app's may throw: then there are no attributes. */
function namesOf(attributes: unknown): string[] {
  try {
    return Object.keys(attributes ?? {});
  } catch {
    return [];
  }
}

/** A getter of the app's may throw: that attribute is left out. */
function valueOf(attributes: object, name: string): unknown {
  try {
    return (attributes as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function isPlain(value: unknown): boolean {
  return ['string', 'number', 'boolean', 'bigint'].includes(typeof value);
}
