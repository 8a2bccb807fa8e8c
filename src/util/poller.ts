import type { Logger } from '@nestjs/common';

import { storeReasonOf } from './text.js';
import { within } from './within.js';

const EVERY_MS = 1_000;
/** How long the work must fail before a warning: shorter outages of the store are reported by its users. */
const REPORT_AFTER_MS = 60_000;
/** Pollers by the log that they write to: what makes several of them fail is said once. */
const pollersOf = new WeakMap<object, Set<Poller>>();
/** How long a run in progress may delay the app's shutdown. */
const STOP_WITHIN_MS = 2_000;

/** Runs work at an interval, one run at a time so that calls to a slow store do not pile up. */
export class Poller {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private failingSince: number | undefined;
  private reason: string | undefined;
  private readonly beside: Set<Poller>;

  /**
   * @param subject - What goes stale while the work fails, for the log: `Mutes`.
   * @param isReported - Whether the log already says why the work fails.
   * @param everyMs - The interval in milliseconds, a second by default.
   */
  constructor(
    private readonly work: () => Promise<void>,
    private readonly logger: Pick<Logger, 'warn'>,
    private readonly subject: string,
    private readonly isReported: () => boolean,
    private readonly everyMs = EVERY_MS,
  ) {
    this.beside = pollersOf.get(logger) ?? new Set();
    pollersOf.set(logger, this.beside);
  }

  start(): void {
    this.beside.add(this);
    this.timer ??= setInterval(() => void this.now(), this.everyMs).unref();
  }

  /** Runs the work now, or waits for the run in progress. Never rejects. */
  now(): Promise<void> {
    return (this.running ??= this.run());
  }

  /** Starts no further run, and waits for the one in progress, but not for long: a store may never answer. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    this.beside.delete(this);
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
    const now = performance.now();
    if (this.isReported()) this.failingSince = now;
    const since = (this.failingSince ??= now);
    this.reason = storeReasonOf(error);
    if (now - since < REPORT_AFTER_MS) return;
    // Pollers with the same cause begin to fail at slightly different times.
    const isSame = ({ reason, failingSince = Infinity }: Poller): boolean =>
      reason === this.reason && now - failingSince >= REPORT_AFTER_MS / 2;
    const failing = [this, ...[...this.beside].filter((poller) => poller !== this && isSame(poller))];
    // Warn once, until the work succeeds again.
    for (const poller of failing) poller.failingSince = Infinity;
    const subjects = failing.map(({ subject }) => subject).join(', ');
    this.logger.warn(`${subjects} have not been updated for a minute (${this.reason})`);
  }
}
