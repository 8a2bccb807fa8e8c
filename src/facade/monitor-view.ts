import type { AlertService } from './alert.service.js';
import type { AlertHistory } from '../model/alert-record.js';
import type { ChannelStatus } from '../model/alert-channel.js';
import type { Category, CategoryWindow } from '../model/category.js';
import type { CounterStatus } from '../counter/counter.js';
import type { InstanceRegistry } from '../instance/instance-registry.js';
import type { UsageReader } from '../usage/usage-reader.js';
import type { ThresholdService } from './threshold.service.js';

/** A monitored handler. */
interface HandlerStatus {
  readonly handler: string;
  readonly categories: readonly string[];
  /** Whether a request with a tenant was counted. */
  readonly seen: boolean;
}

/** One observed value. */
export interface Observation {
  readonly value: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Everything that the page, metrics and the health check read. Built at boot; read-only. */
export interface MonitorView {
  readonly service: string;
  readonly environment: string;
  readonly categories: ReadonlyMap<string, Category>;
  readonly usage: UsageReader | undefined;
  readonly instances: Pick<InstanceRegistry, 'id' | 'list' | 'known'>;
  readonly alerts: Pick<AlertService, 'mutes' | 'mute' | 'unmute' | 'sendTest'>;
  readonly thresholds: Pick<ThresholdService, 'set' | 'remove' | 'list' | 'changes'>;
  /**
   * The threshold that applies to a tenant or, without one, that tenants share. Undefined if only the tenant itself can tell.
   *
   * @param seen - The threshold that an instance applied when it counted the tenant.
   */
  thresholdOf(category: Category, window: CategoryWindow, tenant?: string, seen?: number): number | undefined;
  /** The store's clock. */
  now(): number;
  store(): { readonly name: string; readonly up: boolean; readonly blindSince?: number | undefined };
  counter(): CounterStatus;
  /** Breaches since startup, by category, severity and tenant. */
  breaches(): readonly Observation[];
  channels(): readonly ChannelStatus[];
  alertHistory(): Promise<Omit<AlertHistory, 'completeSince'>>;
  /** How many incidents of all replicas are open or have an unsent end, as last seen. */
  openIncidents(): number;
  handlers(): readonly HandlerStatus[];
}

/** Injection token for the view, once the app has started. The symbol is global, so that two copies of this package share it. */
export const MONITOR_VIEW = Symbol.for('nestjs-rate-monitor:view');
