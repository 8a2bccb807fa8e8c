import { plural } from '../util/text.js';

/** Counts of one tenant over a time range: how often each count above 0 occurred, one count per window. */
export interface TenantUsage {
  readonly tenant: { readonly id: string; readonly name?: string };
  readonly counts: ReadonlyMap<number, number>;
  /** The tenant's current threshold, if known. */
  readonly threshold?: number | undefined;
}

/** How often a threshold would have alerted. */
export interface AdviceStep {
  /** The count that may not be exceeded. */
  threshold: number;
  /**
   * How many alerts it would have caused: one per tenant and window over it. Windows under a minute cause one a minute here, and sliding ones
   * one per length of the window, which may be twice as many as there would be.
   */
  alerts: number;
  /** How many tenants these alerts would have been about. */
  tenants: number;
}

/** A threshold to choose from, and who it would have alerted on. */
export interface AdviceCandidate extends AdviceStep {
  /** Tenants with the most alerts first, 10 at most. */
  whom: { tenant: { id: string; name?: string }; alerts: number }[];
}

/** A tenant that is over the threshold most of the time. */
export interface AlwaysOver {
  /** The tenant. An id longer than 128 characters is shortened and hashed. */
  tenant: { id: string; name?: string };
  /** Windows in which it was over the current threshold. */
  windowsOver: number;
  /** Windows in which it was counted. */
  windows: number;
  /** 95 % of its counts, without zeros, are at or below this. */
  p95: number;
}

/** What history says about a threshold. */
export interface ThresholdAdvice {
  /** Percentiles of the counts above 0 of each tenant and window. */
  percentiles: { p50: number; p95: number; p99: number; max: number };
  /** How many such counts there are. */
  samples: number;
  /** Ascending thresholds from 1; an entry applies up to the next entry's threshold. Empty if nothing was counted. */
  curve: AdviceStep[];
  /** The current threshold, the suggestion and a few others, with the tenants they would have alerted on. */
  candidates: AdviceCandidate[];
  /**
   * The suggested threshold, and why in one sentence. Absent if there is too little history, if the current threshold is as good, or if all
   * tenants are always over it.
   */
  suggestion?: { threshold: number; reason: string };
  /** Tenants that are over the current threshold most of the time and should get their own. */
  alwaysOver: AlwaysOver[];
}

/** What the advice is about. */
interface AdviceQuestion {
  /** The current threshold; undefined if each tenant has its own. */
  readonly threshold: number | undefined;
  /** Further thresholds to evaluate. */
  readonly at?: readonly number[];
  /** The time that the history covers, in words: `24 h`. */
  readonly over: string;
  /** A window in words: `1 min`. */
  readonly window: string;
}

const MAX_STEPS = 200;
const MAX_WHOM = 10;
const MAX_ALWAYS_OVER = 20;
/** With fewer counts there is no suggestion. */
const MIN_SAMPLES = 100;
/** With fewer windows, a tenant does not qualify as always over. */
const MIN_WINDOWS = 10;
/** People still read this many alerts in the time that the advice covers. */
const FEW_ALERTS = 10;
/** Smaller than any step of {@link roundUp}, but still a step for counts so high that adding 1 changes nothing. */
const STEP_UP = 1.01;

/** Calculates from complete history which thresholds would have alerted on which tenants, and which one to suggest. */
export function advise(
  usage: readonly TenantUsage[],
  { threshold, at = [], over, window }: AdviceQuestion,
): ThresholdAdvice {
  const all = histogramOf(usage);
  const samples = sizeOf(all);
  const percentiles = percentilesOf(all);
  const alwaysOver = threshold === undefined ? [] : alwaysOverOf(usage, threshold);
  const curve = curveOf(usage, all);
  const suggested = samples < MIN_SAMPLES ? undefined : suggest(usage, alwaysOver);
  const asked = [threshold, suggested, ...at, ...roundNumbers(percentiles.p95, percentiles.max)];
  const thresholds = [...new Set(asked.filter((number): number is number => number !== undefined))];
  const candidates = thresholds.sort((a, b) => a - b).map((candidate) => candidateOf(usage, candidate));
  const found = candidates.find((candidate) => candidate.threshold === suggested);
  const isNews = threshold === undefined || isFar(suggested ?? threshold, threshold);
  const reason = found && isNews ? reasonFor(found, threshold, all, alwaysOver, over, window) : undefined;
  return {
    percentiles,
    samples,
    curve,
    candidates,
    ...(found && reason ? { suggestion: { threshold: found.threshold, reason } } : {}),
    alwaysOver,
  };
}

/**
 * The lowest round number that covers 99 % of a usual tenant's counts and causes few alerts. Ignores tenants that are always over: they
 * need a threshold of their own.
 */
function suggest(usage: readonly TenantUsage[], alwaysOver: readonly AlwaysOver[]): number | undefined {
  const apart = new Set(alwaysOver.map(({ tenant }) => tenant.id));
  const usual = histogramOf(usage.filter(({ tenant }) => !apart.has(tenant.id)));
  if (usual.size === 0) return undefined;
  let suggested = roundUp(percentilesOf(usual).p99);
  while (sizeOf(usual, suggested) > FEW_ALERTS) suggested = roundUp(Math.max(suggested + 1, suggested * STEP_UP));
  return suggested;
}

function reasonFor(
  { threshold, alerts, tenants }: AdviceCandidate,
  present: number | undefined,
  all: ReadonlyMap<number, number>,
  alwaysOver: readonly AlwaysOver[],
  over: string,
  window: string,
): string {
  const below = Math.floor(((sizeOf(all) - sizeOf(all, threshold)) * 1_000) / sizeOf(all)) / 10;
  const now = present === undefined ? '' : ` At ${present} there were ${sizeOf(all, present)}.`;
  const [it, its] = alwaysOver.length === 1 ? ['it', 'its'] : ['them', 'their'];
  const own = `${plural(alwaysOver.length, 'tenant is', 'tenants are')} over ${present} most of the time: give ${it} a threshold of ${its} own.`;
  const apart = alwaysOver.length === 0 ? '' : ` ${own}`;
  return `At ${threshold} there were ${plural(alerts, 'alert')} in ${over}, for ${plural(tenants, 'tenant')}; ${below} % of all counts in ${window} stay at or below it.${now}${apart}`;
}

/** Whether a change is worthwhile: not within a fifth of the current threshold. */
function isFar(suggested: number, threshold: number): boolean {
  return Math.abs(suggested - threshold) > Math.max(threshold * 0.2, 1);
}

function histogramOf(usage: readonly TenantUsage[]): Map<number, number> {
  const all = new Map<number, number>();
  for (const { counts } of usage) for (const [count, times] of counts) all.set(count, (all.get(count) ?? 0) + times);
  return all;
}

/** How many counts are above `threshold`. */
function sizeOf(counts: ReadonlyMap<number, number>, threshold = -Infinity): number {
  let size = 0;
  for (const [count, times] of counts) if (count > threshold) size += times;
  return size;
}

function percentilesOf(counts: ReadonlyMap<number, number>): ThresholdAdvice['percentiles'] {
  const ascending = [...counts].sort(([a], [b]) => a - b);
  const size = sizeOf(counts);
  const at = (part: number): number => {
    let passed = 0;
    for (const [count, times] of ascending) if ((passed += times) >= size * part) return count;
    return 0;
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: ascending.at(-1)?.[0] ?? 0 };
}

/** Alerts and tenants change only at counts that occurred: from each such count on, there is one alert fewer for each time it occurred. */
function curveOf(usage: readonly TenantUsage[], all: ReadonlyMap<number, number>): AdviceStep[] {
  if (all.size === 0) return [];
  const peaks = new Map<number, number>();
  for (const { counts } of usage) {
    const peak = Math.max(...counts.keys());
    peaks.set(peak, (peaks.get(peak) ?? 0) + 1);
  }
  const descending = [...all].sort(([a], [b]) => b - a);
  const steps: AdviceStep[] = [];
  let [alerts, tenants] = [0, 0];
  for (const [count, times] of descending) {
    steps.push({ threshold: count, alerts, tenants });
    alerts += times;
    tenants += peaks.get(count) ?? 0;
  }
  if ((steps.at(-1) as AdviceStep).threshold > 1) steps.push({ threshold: 1, alerts: sizeOf(all, 1), tenants });
  steps.reverse();
  return thinned(steps);
}

/** As many steps as a chart can show: those kept are exact, and include each of the 100 highest counts. */
function thinned(steps: AdviceStep[]): AdviceStep[] {
  if (steps.length <= MAX_STEPS) return steps;
  const tail = steps.slice(-MAX_STEPS / 2);
  const head = steps.slice(0, -MAX_STEPS / 2);
  const every = head.length / (MAX_STEPS / 2);
  return [...Array.from({ length: MAX_STEPS / 2 }, (_, i) => head[Math.floor(i * every)] as AdviceStep), ...tail];
}

function candidateOf(usage: readonly TenantUsage[], threshold: number): AdviceCandidate {
  const over = usage
    .map(({ tenant, counts }) => ({ tenant, alerts: sizeOf(counts, threshold) }))
    .filter(({ alerts }) => alerts > 0)
    .sort((a, b) => b.alerts - a.alerts);
  const alerts = over.reduce((sum, tenant) => sum + tenant.alerts, 0);
  return { threshold, alerts, tenants: over.length, whom: over.slice(0, MAX_WHOM) };
}

function alwaysOverOf(usage: readonly TenantUsage[], threshold: number): AlwaysOver[] {
  return usage
    .map(({ tenant, counts }) => ({
      tenant,
      windowsOver: sizeOf(counts, threshold),
      windows: sizeOf(counts),
      p95: percentilesOf(counts).p95,
    }))
    .filter(({ windowsOver, windows }) => windows >= MIN_WINDOWS && windowsOver > windows / 2)
    .sort((a, b) => b.windowsOver - a.windowsOver)
    .slice(0, MAX_ALWAYS_OVER);
}

/** Rounds up to at most two digits; from 10 on, the second is 0 or 5. */
export function roundUp(count: number): number {
  const whole = Math.max(Math.ceil(count), 1);
  const step = 10 ** Math.floor(Math.log10(whole)) / 2;
  return Math.ceil(whole / step) * step;
}

/** A few round numbers from a usual count to the highest. */
function roundNumbers(from: number, to: number): number[] {
  const numbers: number[] = [];
  if (to === 0) return numbers;
  for (let number = roundUp(from); numbers.length < 5; number = roundUp(number * 1.5)) {
    numbers.push(number);
    if (number >= to) break;
  }
  return numbers;
}
