export { RateMonitorModule } from './rate-monitor.module.js';
export { MonitorRate, SkipMonitorRate, type Cost, type MonitorRateOptions } from './monitor/monitor-rate.decorator.js';
export { RateMonitorService } from './facade/rate-monitor.service.js';
export { RateMonitorGuard } from './monitor/rate-monitor.guard.js';

export type {
  CategoryOptions,
  IncidentOptions,
  MetricsOptions,
  RateMonitorOptions,
  RateMonitorOptionsFactory,
  UsageOptions,
  WindowOptions,
} from './options/rate-monitor-options.js';
export type { ContributorResolver, Period, ThresholdResolver } from './model/category.js';
export { isRateMonitorConfigError, RateMonitorConfigError } from './model/config-error.js';

export type { Tenant, TenantLike, TenantResolver } from './model/tenant.js';
export { defaultTenantResolver, identityOf, tenantFrom } from './options/tenant-resolvers.js';
export type { Route } from './model/route.js';

export { ThresholdService } from './facade/threshold.service.js';
export type {
  RemoveThresholdOptions,
  SetThresholdOptions,
  ThresholdChange,
  ThresholdOverride,
  ThresholdScope,
} from './model/threshold-override.js';

export { RateCounterService } from './facade/rate-counter.service.js';
export type { Counted, CounterKey, CounterStore, OwnTotal, Published, Refused } from './store/counter-store.js';
export { MemoryCounterStore } from './store/memory/memory-counter-store.js';
export { RedisCounterStore } from './store/redis/redis-counter-store.js';

export { UsageService } from './facade/usage.service.js';
export type {
  AdviseOptions,
  CategoryAdvice,
  HourlyPeaks,
  Time,
  TimeRange,
  TopOptions,
  UsageRow,
  UsageSeries,
} from './usage/usage-reader.js';
export type { AdviceCandidate, AdviceStep, AlwaysOver, ThresholdAdvice } from './usage/advice.js';
export type { UsageStore } from './store/usage-store.js';
export type { SharedState } from './store/shared-state.js';

export { AlertService } from './facade/alert.service.js';
export type { Mute, MutedScope, MuteOptions } from './alert/mutes.js';
export type { Digest, DigestAdvice, DigestCount, DigestFailure } from './notices/digest.js';
export type { BlindInstance, BlindTime } from './model/blind-time.js';
export type { AlertChannel, ChannelStatus, TestedChannel } from './model/alert-channel.js';
export type { AlertRecord, Delivery } from './model/alert-record.js';
export type { Notice, NoticeOutcome } from './model/notice.js';
export type { RateAlert } from './model/rate-alert.js';
export type { AlertIncident, IncidentStatus } from './model/rate-alert.js';
export { DeliveryError, isDeliveryError, type DeliveryFault } from './model/delivery-error.js';
export type { AlertLevel, Severity } from './model/level.js';
export { alertLine } from './channels/message/alert-line.js';
export { LogChannel } from './channels/log.channel.js';
export { SentryChannel } from './channels/sentry.channel.js';
export { DiscordChannel, type DiscordChannelOptions } from './channels/discord/discord.channel.js';
export { SlackChannel, type SlackChannelOptions } from './channels/slack/slack.channel.js';
export { WebhookChannel, type WebhookChannelOptions } from './channels/webhook/webhook.channel.js';
export { AlertmanagerChannel, type AlertmanagerChannelOptions } from './channels/alertmanager.channel.js';
export { PagerDutyChannel, type PagerDutyChannelOptions } from './channels/pagerduty.channel.js';
export type { ChannelFilter, MessageOptions } from './channels/common-options.js';
export { maskKey } from './util/mask-key.js';
