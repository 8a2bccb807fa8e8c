import type { Logger } from '@nestjs/common';

import { reasonOf } from './text.js';
import { within } from './within.js';

const EVERY_MS = 1_000;
/** How long the work fails before it is news: a store that is away for a moment is reported where it is used. */
const REPORT_AFTER_MS = 60_000;
/** How long a run under way holds up the end of the app. */
const STOP_WITHIN_MS = 2_000;

/** Runs some work once a second, one run at a time, so that calls to a slow store do not pile up. */
export class Poller {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private failingSince: number | undefined;

  /**
   * @param subject - What is not looked after while the work fails, for the log: `Mutes`.
   * @param everyMs - How often, in milliseconds.
   */
  constructor(
    private readonly work: () => Promise<void>,
    private readonly logger: Pick<Logger, 'warn'>,
    private readonly subject: string,
    private readonly everyMs = EVERY_MS,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => void this.now(), this.everyMs).unref();
  }

  /** Does the work now, unless it is being done: then that run is what is waited for. Never rejects. */
  now(): Promise<void> {
    return (this.running ??= this.run());
  }

  /** Starts no further run, and waits for the one that is under way: for a while, since a store may never answer. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await within(this.running ?? Promise.resolve(), STOP_WITHIN_MS, 'not done').catch(() => undefined);
  }

  private async run(): Promise<void> {
    try {
      await this.work();
      this.failingSince = undefined;
    } catch (error) {
      this.failed(error);
    } finally {
      this.running = undefined;
    }
  }

  private failed(error: unknown): void {
    const since = (this.failingSince ??= performance.now());
    if (performance.now() - since < REPORT_AFTER_MS) return;
    // Once, until it works again.
    this.failingSince = Infinity;
    this.logger.warn(`${this.subject} have not been updated for a minute (${reasonOf(error)})`);
  }
}
