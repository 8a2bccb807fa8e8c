import { Inject, Injectable, Optional } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

import { MONITOR_VIEW, type MonitorView } from '../facade/monitor-view.js';
import type { Deferred } from '../util/deferred.js';
import { OwnLogger } from '../util/own-logger.js';
import { warnOfNames } from '../util/option-names.js';
import { WarnOnce } from '../util/warn-once.js';
import { numberOrKind } from '../util/text.js';

/**
 * What makes a check fail. Nothing does by default, because a monitor must not take the app out of rotation. An option that does not exist
 * has no effect, and is logged once.
 */
export interface RateMonitorHealthOptions {
  /**
   * Down once the store has been away for this long, in milliseconds, 0 or more. Anything else never fails a check, and is logged once.
   * @defaultValue never
   */
  failIfBlindForMs?: number | undefined;
  /**
   * Down while a channel is off.
   * @defaultValue false
   */
  failIfChannelOff?: boolean | undefined;
}

const OPTIONS = ['failIfBlindForMs', 'failIfChannelOff'] satisfies (keyof RateMonitorHealthOptions)[];

/** The result of a check, under its key. */
export interface RateMonitorHealth {
  /** `down` if a condition in {@link RateMonitorHealthOptions} is met, else `up`. */
  status: 'up' | 'down';
  /** False if the module is disabled or has not started. */
  monitoring: boolean;
  /** The store and whether it answers; absent if the module is disabled or has not started. */
  store?: { name: string; up: boolean };
  /** When the store went away, as an ISO 8601 time; absent while it is reachable. */
  blindSince?: string;
  /** Names of channels that are off. */
  channelsOff?: string[];
  /** How many alerts wait to be sent. */
  queue?: number;
  /** How many requests were not counted since startup. */
  uncounted?: number;
}

/**
 * For `@nestjs/terminus` 10 and later: `health.check([() => rateMonitor.check('rate-monitor')])`. It does not depend on that package. It
 * always reports, and fails only if {@link RateMonitorHealthOptions} ask for it.
 */
@Injectable()
export class RateMonitorHealthIndicator {
  private readonly once = new WarnOnce(new OwnLogger());

  /** @internal */
  constructor(
    @Optional() @Inject(MONITOR_VIEW) private readonly view: Deferred<MonitorView> | undefined,
    @Optional() private readonly modules?: ModulesContainer,
  ) {}

  /**
   * The state of the monitor as this process knows it. Returns at once.
   *
   * @throws an Error of terminus's kind instead of returning `down`, if the app has terminus 10, which takes any check that returns for healthy.
   */
  check<Key extends string = 'rate-monitor'>(
    key: Key = 'rate-monitor' as Key,
    options?: RateMonitorHealthOptions,
  ): Record<Key, RateMonitorHealth> {
    warnOfNames(this.once, options, OPTIONS, 'the health check');
    const health = this.health(Object(options) as RateMonitorHealthOptions);
    const result = { [key]: health } as Record<Key, RateMonitorHealth>;
    if (health.status === 'down' && this.failsByThrowing())
      throw Object.assign(new Error(`${key} is down`), { isHealthCheckError: true, causes: result });
    return result;
  }

  /** Whether the app has a terminus from before 11: that release brought the service that checks use since then. */
  private failsByThrowing(): boolean {
    const all = [...(this.modules?.values() ?? [])];
    const terminus = all.find(({ name }) => name === 'TerminusModule');
    return !!terminus && ![...terminus.providers.values()].some(({ name }) => name === 'HealthIndicatorService');
  }

  private health({ failIfBlindForMs, failIfChannelOff }: RateMonitorHealthOptions): RateMonitorHealth {
    const view = this.view?.value;
    if (!view) return { status: 'up', monitoring: false };
    const { name, up, blindSince } = view.store();
    const channels = view.channels();
    const channelsOff = channels.filter(({ on }) => !on).map((channel) => channel.name);
    const limit = this.limitOf(failIfBlindForMs);
    const isBlind = blindSince !== undefined && view.now() - blindSince >= limit;
    return {
      status: isBlind || (failIfChannelOff && channelsOff.length > 0) ? 'down' : 'up',
      monitoring: true,
      store: { name, up },
      ...(blindSince === undefined ? {} : { blindSince: new Date(blindSince).toISOString() }),
      channelsOff,
      queue: channels.reduce((sum, { queued }) => sum + queued, 0),
      uncounted: view.counter().uncounted,
    };
  }

  /** It does not throw, which would take the app out of rotation for a wrong option of its monitor. */
  private limitOf(given: unknown): number {
    const limit = given ?? Infinity;
    if (typeof limit === 'number' && limit >= 0) return limit;
    this.once.warn(
      'failIfBlindForMs',
      () => `The health check ignores failIfBlindForMs, which is ${numberOrKind(limit)}: write milliseconds, 0 or more`,
    );
    return Infinity;
  }
}
