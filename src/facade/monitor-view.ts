import type { AlertService } from './alert.service.js';
import type { ChannelStatus } from '../alert/sending/channel-delivery.js';
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

/** All that the page, metrics and the health check look at. Built at boot; read only. */
export interface MonitorView {
  readonly service: string;
  readonly environment: string;
  readonly categories: ReadonlyMap<string, Category>;
  readonly usage: UsageReader | undefined;
  readonly instances: Pick<InstanceRegistry, 'id' | 'list' | 'known'>;
  readonly alerts: Pick<AlertService, 'history' | 'mutes' | 'mute' | 'unmute' | 'sendTest'>;
  readonly thresholds: Pick<ThresholdService, 'set' | 'remove' | 'list' | 'changes'>;
  /**
   * The threshold that holds for a tenant, else the one that tenants share; undefined if it takes the tenant itself to know it.
   *
   * @param seen - What an instance that counted the tenant held it against.
   */
  thresholdOf(category: Category, window: CategoryWindow, tenant?: string, seen?: number): number | undefined;
  /** The store's clock. */
  now(): number;
  store(): { readonly name: string; readonly up: boolean; readonly blindSince?: number | undefined };
  counter(): CounterStatus;
  /** Breaches since the start, by category, severity and tenant. */
  breaches(): readonly Observation[];
  channels(): readonly ChannelStatus[];
  /** Incidents of all replicas that are open, or whose end is not sent yet, as last seen. */
  openIncidents(): number;
  handlers(): readonly HandlerStatus[];
}

/** Where the view is, once the app has started. By a global name, so that two copies of this package mean the same. */
export const MONITOR_VIEW = Symbol.for('nestjs-rate-monitor:view');
