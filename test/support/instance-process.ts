import type { RateAlert, RateMonitorOptions } from '../../src/index.js';
import type { Asked } from './flood.js';
import type { Advance, ChangeThreshold, Flush, Told } from './instance.js';
import { TestProcess } from './test-process.js';

interface ProcessOptions {
  fastify?: boolean;
  /** Arguments for Node. */
  flags?: string[];
  /** The module's clock is a {@link MovedClock}, this far ahead from the start. */
  movedClock?: boolean;
  aheadMs?: number;
  /** A Redis key that holds when the last round as long as a publish began. Needs `flushIntervalMs`. */
  paceKey?: string;
  /** Environment variables of the process. */
  env?: Record<string, string>;
}

type Command = Asked | Advance | Flush | ChangeThreshold;

/** A replica in its own process. */
export class InstanceProcess extends TestProcess<Told, Command> {
  readonly alerts: RateAlert[] = [];
  readonly lines: string[] = [];
  url = '';

  static async start(
    redisUrl: string,
    options: RateMonitorOptions,
    { fastify = false, flags = [], movedClock = false, aheadMs = 0, paceKey = '', env = {} }: ProcessOptions = {},
  ): Promise<InstanceProcess> {
    const started = new InstanceProcess(
      'instance',
      {
        MONITOR_REDIS_URL: redisUrl,
        // JSON has no infinity.
        MONITOR_OPTIONS: JSON.stringify(options, (_, value: unknown) => (value === Infinity ? 'Infinity' : value)),
        MONITOR_FASTIFY: fastify ? 'true' : '',
        MONITOR_MOVED_CLOCK: movedClock ? String(aheadMs) : '',
        MONITOR_PACE_KEY: paceKey,
        ...env,
      },
      flags,
    );
    started.hear(({ alert, line }) => {
      if (alert) started.alerts.push(alert);
      if (line) started.lines.push(line);
    });
    started.url = await started.next(({ url }) => url);
    return started;
  }

  /** Runs one command at a time. */
  ask(command: Command): Promise<number> {
    return this.exchange(command, ({ answer }) => answer);
  }
}
