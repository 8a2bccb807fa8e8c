import type { MemoryCounterStore } from '../src/index.js';
import { BLOCK_SLOTS, blockOf, HOUR_SLOTS, SLOT_MS } from '../src/store/usage-store.js';
import { usualIn, type Customer } from './customers.js';

const DAY_SLOTS = 1_440;
const RETENTION = { retentionMs: DAY_SLOTS * SLOT_MS, hourlyRetentionMs: 30 * DAY_SLOTS * SLOT_MS };
const INSTANCE = 'yesterday';

/** Puts a day into the store, minute by minute, as if the app had run since yesterday: a page with an empty history shows little. */
export async function pastDay(
  store: MemoryCounterStore,
  clock: { now: number },
  categories: readonly string[],
  customers: readonly Customer[],
): Promise<void> {
  const present = Math.floor(Date.now() / SLOT_MS);
  for (let slot = present - DAY_SLOTS; slot < present; slot++) {
    clock.now = slot * SLOT_MS;
    for (const category of categories) {
      const counts = customers
        .map((customer) => ({ customer, count: usualIn(customer, category, slot) }))
        .filter(({ count }) => count > 0);
      await remember(store, category, slot, counts);
    }
  }
  clock.now = 0;
}

async function remember(
  store: MemoryCounterStore,
  category: string,
  slot: number,
  counts: readonly { customer: Customer; count: number }[],
): Promise<void> {
  const window = { key: String(slot), start: slot * SLOT_MS, end: (slot + 1) * SLOT_MS };
  const common = {
    category,
    window,
    instance: INSTANCE,
    sent: 0,
    others: 0,
    levels: { threshold: 0, counts: [], steps: [] },
    announced: 0,
    keepMs: 2 * SLOT_MS,
  };
  await store.publish(
    counts.map(({ customer, count }) => ({ ...common, tenant: customer.id, total: count })),
    window.start,
  );
  const unit = { category, key: window.key, slot, counters: [window.key] };
  await store.usage.report(
    {
      category,
      instance: INSTANCE,
      tops: [],
      about: [],
      sums: [{ slot, count: counts.reduce((sum, { count }) => sum + count, 0) }],
      active: [{ unit, tenants: counts.map(({ customer }) => customer.id) }],
      seen:
        slot % BLOCK_SLOTS === 0 || slot % HOUR_SLOTS === 0 ? [{ block: blockOf(slot), tenants: namesOf(counts) }] : [],
    },
    RETENTION,
  );
  const copied = await store.usage.copy(unit, counts.length, 0);
  await store.usage.addPeaks(category, Math.floor(slot / HOUR_SLOTS), copied, RETENTION);
  await store.usage.closeSum(category, slot);
}

function namesOf(counts: readonly { customer: Customer }[]): Map<string, { name: string }> {
  return new Map(counts.map(({ customer: { id, name } }) => [id, { name }]));
}
