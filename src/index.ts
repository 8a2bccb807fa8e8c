export { RateMonitorModule } from './rate-monitor.module.js';
export { MonitorRate, SkipMonitorRate, type Cost, type MonitorRateOptions } from './monitor-rate.decorator.js';
export { RateMonitorService } from './rate-monitor.service.js';
export { RateMonitorGuard } from './rate-monitor.guard.js';
export { RateMonitorInterceptor } from './rate-monitor.interceptor.js';

export type {
  CategoryOptions,
  IncidentOptions,
  RateMonitorOptions,
  RateMonitorOptionsFactory,
  ThresholdResolver,
} from './options/rate-monitor-options.js';
export { RateMonitorConfigError } from './options/config-error.js';

export type { Tenant, TenantLike, TenantResolver } from './tenant/tenant.js';
export { defaultTenantResolver } from './tenant/default-tenant-resolver.js';
export type { Route } from './request/route.js';

export { RateCounterService } from './counter/rate-counter.service.js';
export type { Counted, CounterKey, CounterStore, OwnTotal, Published, Refused } from './counter/counter-store.js';
export { MemoryCounterStore } from './counter/memory-counter-store.js';
export { RedisCounterStore } from './counter/redis-counter-store.js';

export type { SharedState } from './state/shared-state.js';

export { AlertService } from './alert/alert.service.js';
export type { Mute, MutedScope, MuteOptions } from './alert/mute/mute.js';
export type { AlertRecord } from './alert/history/history.js';
export type { Delivery } from './alert/delivery/outgoing.js';
export type { TestedChannel } from './alert/delivery/deliveries.js';
export type { AlertChannel, IncidentNotes } from './alert/alert-channel.js';
export type { RateAlert } from './alert/rate-alert.js';
export type { AlertIncident, IncidentStatus } from './alert/incident/alert-incident.js';
export { DeliveryError, type DeliveryFault } from './alert/delivery/delivery-error.js';
export type { AlertLevel, Severity } from './threshold/levels.js';
export { LogChannel } from './alert/channels/log.channel.js';
export { SentryChannel } from './alert/channels/sentry.channel.js';
export { DiscordChannel, type DiscordChannelOptions } from './alert/channels/discord.channel.js';
export { SlackChannel, type SlackChannelOptions } from './alert/channels/slack.channel.js';
export { WebhookChannel, type WebhookChannelOptions } from './alert/channels/webhook.channel.js';
export type { ChannelFilter, MessageOptions } from './alert/channels/channel-options.js';
export { maskKey } from './util/mask-key.js';
