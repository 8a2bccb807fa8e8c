import type { Counter } from '../counter/counter.js';
import type { Breach } from '../model/breach.js';
import type { Category } from '../model/category.js';
import { windowNamed } from '../model/window-name.js';
import type { Contributors, IsNear } from '../counter/contributors.js';
import { within } from '../util/within.js';

/** An alert goes out without contributors rather than late. */
const NAMED_WITHIN_MS = 500;
/** Other instances share their part with their next look, once a second. */
const SHARED_WITHIN_MS = 1_200;

/** The contributors to a count; none if reading them takes too long. */
export async function topWithin(
  contributors: Contributors,
  { category, window, tenant }: Pick<Breach, 'category' | 'window' | 'tenant'>,
  end: number,
  count: number,
): Promise<NonNullable<Breach['contributors']>> {
  const top = contributors.top(category, window, tenant.id, end, count);
  return within(top, NAMED_WITHIN_MS, 'no answer').catch(() => []);
}

/** The breach with the contributors to its count, if the category names them. */
export async function withContributors(
  breach: Breach,
  categories: ReadonlyMap<string, Category>,
  contributors: Contributors,
): Promise<Breach> {
  if (!categories.get(breach.category)?.contributor) return breach;
  const { category, window, tenant, windowEnd, count } = breach;
  const top = contributors.topOnceKnown(category, window, tenant.id, windowEnd, count, SHARED_WITHIN_MS);
  const named = await within(top, NAMED_WITHIN_MS + SHARED_WITHIN_MS, 'no answer').catch(() => []);
  return named.length > 0 ? { ...breach, contributors: named } : breach;
}

/** Tells which tenants are over half of their lowest level. */
export function nearIn(counter: Pick<Counter, 'live'>, categories: ReadonlyMap<string, Category>): IsNear {
  const near = new Set<string>();
  for (const { category, window, tenant, known, threshold } of counter.live()) {
    const { contributor, windows = [] } = categories.get(category) ?? {};
    if (!contributor || threshold === undefined) continue;
    const lowest = windowNamed(windows, window)?.levels[0]?.at ?? 1;
    if (known > (threshold * lowest) / 2) near.add(JSON.stringify([category, window, tenant]));
  }
  return ({ category, window, tenant }) => near.has(JSON.stringify([category, window, tenant]));
}
