import { shownTenantId, type Tenant } from './tenant.js';
import { copied, oneLine } from '../util/text.js';

/** Attributes that an alert shows; more would bury the alert. */
const MAX_SHOWN = 10;
const MAX_NAME = 60;
const MAX_VALUE = 150;

/** What an alert shows of a tenant besides id and name. */
interface ShownAttributes {
  readonly shown: readonly (readonly [name: string, value: string])[];
  /** How many more there are. */
  readonly leftOut: number;
}

/** A tenant's attributes, limited in number and size. They come from the app's resolver, so only plain values are shown. */
export function attributesOf({ attributes }: Tenant): ShownAttributes {
  const plain = namesOf(attributes)
    .map((name) => [name, valueOf(attributes as object, name)] as const)
    .filter(([, value]) => isPlain(value));
  const shown = plain
    .slice(0, MAX_SHOWN)
    .map(([name, value]) => [oneLine(name, MAX_NAME), oneLine(String(value), MAX_VALUE)] as const);
  return { shown, leftOut: plain.length - shown.length };
}

/** A copy of a tenant to keep: limited in size, serializable as JSON, and not keeping its request in memory. */
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

/** None if a proxy of the app throws. */
function namesOf(attributes: unknown): string[] {
  try {
    return Object.keys(attributes ?? {});
  } catch {
    return [];
  }
}

/** An attribute whose getter throws is left out. */
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
