import { MemorySharedState } from '../../src/store/memory/memory-shared-state.js';
import { MemoryCounterStore, type Mute, type MuteOptions, type RateMonitorOptions } from '../../src/index.js';
import type { AlertRecord } from '../../src/model/alert-record.js';
import type { MonitorView } from '../../src/facade/monitor-view.js';
import type { Category } from '../../src/model/category.js';
import type { ThresholdOverride } from '../../src/model/threshold-override.js';
import type { PublishStats } from '../../src/counter/publish-stats.js';
import { NO_ENVIRONMENT } from '../../src/options/environment.js';
import { readOptions } from '../../src/options/read-options.js';
import { InstanceRegistry } from '../../src/instance/instance-registry.js';
import { UsageReplica, type TestClock } from './replica-with-usage.js';

const stats = {
  publishes: 9,
  failures: 3,
  publishMs: 450,
  waits: 7,
  waitMs: 3_500,
  listeners: new Set<(ms: number) => void>(),
} as PublishStats;
const NO_OUTCOMES = { delivered: 0, retried: 0, failed: 0, suppressed: 0 };

/** The data of a page, from real usage and from alerts that a test writes. */
export interface SeenMonitor {
  view: MonitorView & { instances: InstanceRegistry };
  replica: UsageReplica;
  clock: TestClock;
  alerts: AlertRecord[];
  mutes: Mute[];
  status: { up: boolean; blindSince?: number };
}

export function seenMonitor(now: number, more: RateMonitorOptions['categories'] = {}): SeenMonitor {
  const clock = { now };
  const given: RateMonitorOptions = {
    categories: {
      llm_call: {
        threshold: 10,
        levels: [
          { at: 1, severity: 'warning' },
          { at: 5, severity: 'critical' },
        ],
      },
      evaluations: { threshold: 3 },
      ...more,
    },
  };
  const categories = readOptions(given, NO_ENVIRONMENT).options.categories as Map<string, Category>;
  const replica = new UsageReplica('a', new MemoryCounterStore(() => clock.now), categories, clock);
  const about = { service: 'checkout-api', environment: 'production' };
  const figures = () => ({ counted: 61, uncounted: 2 });
  const identity = { ...about, categories };
  const logger = { warn: () => undefined };
  const instances = new InstanceRegistry('a', identity, new MemorySharedState(), () => clock.now, figures, logger);
  const alerts: AlertRecord[] = [];
  const mutes: Mute[] = [];
  const status: SeenMonitor['status'] = { up: true };
  const overrides = new Map<string, ThresholdOverride>();
  const view: SeenMonitor['view'] = {
    ...about,
    categories,
    usage: replica.usage,
    instances,
    alerts: {
      mutes: async () => mutes,
      mute: async ({ forMs, ...options }: MuteOptions) => {
        if (!(forMs > 0)) throw new RangeError('forMs is not a number above 0');
        const mute = { ...options, until: new Date(clock.now + forMs), heldBack: 0 };
        mutes.push(mute);
        return mute;
      },
      unmute: async ({ tenant, category }) => {
        const at = mutes.findIndex((mute) => mute.tenant === tenant && mute.category === category);
        return at >= 0 && mutes.splice(at, 1).length > 0;
      },
      sendTest: async () => [
        { channel: 'log', delivered: true },
        { channel: 'discord', delivered: false, reason: 'Discord answered 404' },
      ],
    },
    thresholds: {
      set: async (options) => {
        const override = { ...options, since: new Date(clock.now) };
        overrides.set(options.category, override);
        return override;
      },
      remove: async ({ category }) => overrides.delete(category),
      list: async () => [...overrides.values()],
      changes: async () => [],
    },
    thresholdOf: (_, { threshold }) => threshold as number,
    now: () => clock.now,
    store: () => ({ name: 'memory', ...status }),
    counter: () => ({ counted: 61, uncounted: 2, lost: 4, pending: 0, stats }),
    breaches: () => [],
    channels: () => [
      { name: 'log', on: true, queued: 0, outcomes: NO_OUTCOMES },
      {
        name: 'discord',
        on: false,
        reason: 'Discord answered 404',
        queued: 3,
        offSince: now - 600_000,
        retryAt: now + 60_000,
        outcomes: NO_OUTCOMES,
      },
    ],
    alertHistory: async () => ({ alerts, unread: undefined }),
    openIncidents: () => 1,
    handlers: () => [{ handler: 'LlmController.call', categories: ['llm_call'], seen: false }],
  };
  return { view, replica, clock, alerts, mutes, status };
}
