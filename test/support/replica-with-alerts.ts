import { Logger } from '@nestjs/common';

import { AlertEngine, type AlertSettings } from '../../src/alert/alert-engine.js';
import type { AlertChannel } from '../../src/index.js';
import { MemorySharedState } from '../../src/store/memory/memory-shared-state.js';
import { RedisSharedState } from '../../src/store/redis/redis-shared-state.js';
import type { SharedState } from '../../src/store/shared-state.js';
import { alertSettings } from './alert-settings.js';
import { sharedRedis } from './redis.js';

/** State that replicas share, in memory or in the suite's Redis. */
export interface SharedPlace {
  state: SharedState;
  close(): Promise<unknown>;
}

export function sharedPlace(where: string): SharedPlace {
  if (where === 'memory') return { state: new MemorySharedState(), close: () => Promise.resolve() };
  const { client, keyPrefix } = sharedRedis();
  // Not `quit()`: a replica that was stopped in the middle of a look still sends commands, and a command that meets a closed socket resets
  // the connection, which may cost the reply to QUIT.
  return { state: new RedisSharedState(client, keyPrefix), close: () => Promise.resolve(client.disconnect()) };
}

/** State that can be unavailable, like Redis. */
export function brittle(state: SharedState): SharedState & { away: boolean } {
  return new Proxy(state as SharedState & { away: boolean }, {
    get(target, name: keyof SharedState | 'away') {
      if (name === 'away') return Boolean(Reflect.get(target, 'isAway' as never));
      const method = target[name] as unknown;
      if (typeof method !== 'function') return method;
      return (...args: unknown[]): unknown =>
        Reflect.get(this, 'away')
          ? Promise.reject(new Error('away'))
          : (Reflect.apply(method, target, args) as unknown);
    },
    set(_target, name, value) {
      return Reflect.set(this, name, value);
    },
  });
}

/** The running alerting of one replica, with real channels. */
export async function alertReplica(
  state: SharedState,
  channels: readonly AlertChannel[],
  more: Partial<AlertSettings> = {},
): Promise<AlertEngine> {
  const alerts = new AlertEngine(alertSettings(channels, state, more), new Logger('RateMonitor'));
  await alerts.start();
  return alerts;
}
