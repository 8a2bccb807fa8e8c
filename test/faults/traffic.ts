import { evenly, type Shot } from '../support/load.js';

export const THRESHOLD = 36;
const PHASES = ['before', 'during', 'after'] as const;
export type Phase = (typeof PHASES)[number];

/** Ten tenants, by when they go over. Those of `during` go over on one instance's own total, the others only on the sum of two. */
export const TENANTS: Readonly<Record<Phase | 'never', readonly string[]>> = {
  before: ['before_1', 'before_2', 'before_3'],
  during: ['during_1', 'during_2'],
  after: ['after_1', 'after_2'],
  never: ['never_1', 'never_2', 'never_3'],
};
export const ALL_TENANTS = Object.values(TENANTS).flat();
export const GOING_OVER = PHASES.flatMap((phase) => TENANTS[phase]);

/** Requests of each tenant in a phase: enough that every fault hits a publish of each instance. */
const STEADY: Readonly<Record<Phase, number>> = { before: 6, during: 12, after: 6 };
const MORE = 40;
/** Asks for nothing after the first phase: a store that has lost it learns it only from what is published again. */
const QUIET = 'never_3';

/** The requests of one phase to two instances: some of every tenant, and of the phase's own tenants enough to go over. */
export function requestsOf(phase: Phase, overMs: number, urls: readonly [string, string]): Shot[] {
  return ALL_TENANTS.flatMap((tenant, i) => {
    const isOwn = TENANTS[phase].includes(tenant);
    const to = isOwn && phase === 'during' ? [urls[0]] : i % 2 === 0 ? urls : [urls[1], urls[0]];
    const steady = tenant === QUIET && phase !== 'before' ? 0 : STEADY[phase];
    return evenly(tenant, isOwn ? MORE : steady, overMs, to, i / ALL_TENANTS.length);
  });
}
