import type { Environment } from '../util/optional-peers.js';
import type { RateMonitorOptions, WindowOptions } from './rate-monitor-options.js';
import { windowName } from './window-name.js';

export const NO_ENVIRONMENT: Environment = { get: () => undefined, names: () => [] };

const PREFIX = 'RATE_MONITOR_';
const THRESHOLD = `${PREFIX}THRESHOLD_`;

const VARIABLES = {
  enabled: `${PREFIX}ENABLED`,
  keyPrefix: `${PREFIX}KEY_PREFIX`,
  counting: `${PREFIX}COUNTING`,
  waitAtMostMs: `${PREFIX}WAIT_AT_MOST_MS`,
  flushIntervalMs: `${PREFIX}FLUSH_INTERVAL_MS`,
  maxTrackedTenants: `${PREFIX}MAX_TRACKED_TENANTS`,
  incidents: `${PREFIX}INCIDENTS`,
  groupWaitMs: `${PREFIX}GROUP_WAIT_MS`,
  shutdownFlushMs: `${PREFIX}SHUTDOWN_FLUSH_MS`,
} satisfies Partial<Record<keyof RateMonitorOptions, string>>;

/** Each adds a channel. They hold secrets: never are they options, which may be shown. */
export const WEBHOOK_VARIABLES = {
  discord: `${PREFIX}DISCORD_WEBHOOK_URL`,
  slack: `${PREFIX}SLACK_WEBHOOK_URL`,
};

/** Options with the environment's word over the code's. */
export interface Overridden {
  readonly options: Record<string, unknown>;
  /** Which variable an option's value came from, by the option's path: `categories.llm_call.threshold`. */
  readonly sources: ReadonlyMap<string, string>;
  /** What the environment sets and nothing here reads: thresholds of no category, and names that are not ours. */
  readonly unread: { readonly thresholds: string[]; readonly others: string[] };
}

/** Puts the environment's values over `options`; a value that cannot be read stays as it is, for validation to name. */
export function override(options: RateMonitorOptions, environment: Environment): Overridden {
  const sources = new Map<string, string>();
  const read = (path: string, variable: string): unknown => {
    const value = environment.get(variable);
    if (value !== undefined) sources.set(path, variable);
    return path === 'keyPrefix' ? value : parse(value);
  };

  const overridden: Record<string, unknown> = { ...options };
  for (const [option, variable] of Object.entries(VARIABLES))
    overridden[option] = read(option, variable) ?? overridden[option];

  const thresholdVariables = new Set<string>();
  const withThreshold = (given: unknown, path: string, ...variables: string[]): unknown => {
    let threshold: unknown;
    for (const variable of variables) {
      thresholdVariables.add(variable);
      threshold = read(`${path}.threshold`, variable) ?? threshold;
    }
    return threshold === undefined ? given : { ...(given as object), threshold };
  };
  const categories: [string, unknown][] = Object.entries(options.categories ?? {}).map(([name, category]) => {
    const [path, variable] = [`categories.${name}`, thresholdVariable(name)];
    if (!Array.isArray(category?.windows)) return [name, withThreshold(category, path, variable)];
    // The first window is also what the category's variable sets, as it did when the category had no other.
    const windows = category.windows.map((window, i) =>
      withThreshold(
        window,
        `${path}.windows[${i}]`,
        ...(i === 0 ? [variable] : []),
        thresholdVariable(`${name}_${windowName(Object(window) as WindowOptions)}`),
      ),
    );
    return [name, { ...category, windows }];
  });
  if (options.categories) overridden.categories = Object.fromEntries(categories);

  const variables = [...Object.values(VARIABLES), ...Object.values(WEBHOOK_VARIABLES)];
  const known = new Set<string>([...variables, ...thresholdVariables]);
  const unread = environment.names().filter((name) => name.startsWith(PREFIX) && !known.has(name));
  const [thresholds, others] = [unread.filter(isThreshold), unread.filter((name) => !isThreshold(name))];
  return { options: overridden, sources, unread: { thresholds, others } };
}

export function thresholdVariable(category: string): string {
  return THRESHOLD + category.toUpperCase();
}

function isThreshold(name: string): boolean {
  return name.startsWith(THRESHOLD);
}

/** Environments hold text: whole numbers and truth values are meant as such. */
function parse(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (/^\d+$/.test(value.trim())) return Number(value);
  if (value === 'true') return true;
  return value === 'false' ? false : value;
}
