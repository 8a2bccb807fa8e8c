// What code in README and docs may use without saying where it comes from.
declare const app: import('@nestjs/common').INestApplication;
declare const request: { user: { project: { id: string; name?: string } } };
declare const project: { id: string; name?: string };
declare const config: import('@nestjs/config').ConfigService;
declare const discordUrl: string;
declare const pagerUrl: string;
declare const usage: { totalTokens: number };
declare const plans: { limitOf(tenantId: string): Promise<number> };
declare const pager: { page(who: string, count: number): Promise<void> };

/** A class of the reader's, with what Nest injects into it. */
declare class Injected {
  protected readonly counter: import('nestjs-rate-monitor').RateCounterService;
  protected readonly monitor: import('nestjs-rate-monitor').RateMonitorService;
}

declare class PlansService {
  limitOf(tenantId: string): Promise<number>;
}
declare class PlansModule {}
declare class DatabaseModule {}
declare class MonitoringModule {}
declare class AuthModule {}
declare class AdminGuard {
  canActivate(): boolean;
}
declare const REDIS: unique symbol;
declare class MonitorOptions {
  createRateMonitorOptions(): import('nestjs-rate-monitor').RateMonitorOptions;
}
