import type { Logger } from '@nestjs/common';

import { deliveryFaultIn } from '../../model/delivery-error.js';
import { WarnOnce } from '../../util/warn-once.js';
import { reasonOf } from '../../util/text.js';

/** Why an attempt failed, and what to do next. */
export interface Failure {
  readonly reason: string;
  /** The channel refused this alert, so it is retried less often. */
  readonly refused: boolean;
  /** One alert may have caused it: the channel did not ask for a pause, and its address does not seem wrong. */
  readonly isSuspect: boolean;
  /** One alert probably caused it: no other is failing. */
  readonly itsFault: boolean;
  /** How long to send nothing, in milliseconds. */
  readonly waitMs: number;
}

/** If this many different incidents fail in a row, the channel is at fault, not the alert. */
const FAULTS_TO_PAUSE = 3;
const FIRST_WAIT_MS = 250;
const FIRST_WAIT_REFUSED_MS = 5_000;
const FIRST_PROBE_MS = 30_000;
const MAX_WAIT_MS = 60_000;
/** If the receiver did not ask for the pause, single alerts may be at fault, and the others must not wait long because of them. */
const MAX_PAUSE_MS = 5_000;
const MAX_WAIT_ASKED_MS = 5 * 60_000;
const MAX_PROBE_MS = 15 * 60_000;
const OFF_WAIT_MS = 60 * 60_000;
/** The end of a fault is logged if it lasted this long: short ones come and go. */
const LONG_FAULT_MS = 60_000;

/** Tracks and logs whether a channel works, and when to try again if it does not. */
export class ChannelHealth {
  private readonly failing = new Set<string>();
  private pausedUntil = 0;
  /** When the last pause began, or the channel was switched off. */
  private pausedAt = -Infinity;
  private pauses = 0;
  /** How often in a row the receiver asked for a pause. */
  private asks = 0;
  private probes = 0;
  private fault: { readonly since: number; readonly reason: string } | undefined;
  /** A rate limit comes and goes, so it is not logged each time. */
  private readonly once: WarnOnce;
  /** Why nothing is sent until a test alert goes through. */
  private off: string | undefined;

  /** @param option - What to fix: `channels[1]`. */
  constructor(
    private readonly title: string,
    private readonly option: string,
    private readonly logger: Pick<Logger, 'log' | 'warn' | 'error'>,
  ) {
    this.once = new WarnOnce(logger);
  }

  /** Nothing is sent until a test alert goes through. */
  get isOff(): boolean {
    return this.off !== undefined;
  }

  /** How much longer the channel is paused, in milliseconds; 0 if it is not. */
  get pausedMs(): number {
    return this.isOff ? OFF_WAIT_MS : Math.max(this.pausedUntil - performance.now(), 0);
  }

  /** The status at `now`, in milliseconds since the epoch. */
  status(now: number): { on: boolean; reason?: string; offSince?: number; retryAt?: number } {
    const { fault, pausedMs } = this;
    return {
      on: fault === undefined,
      ...(fault ? { reason: fault.reason, offSince: Math.round(now - (performance.now() - fault.since)) } : {}),
      ...(!this.isOff && pausedMs > 0 ? { retryAt: Math.round(now + pausedMs) } : {}),
    };
  }

  /** Ends a pause, unless the channel is off. */
  resume(): void {
    this.pausedUntil = 0;
  }

  /**
   * Records that an attempt went through.
   *
   * @param since - When it began, as `performance.now()`; by default now.
   * @returns Whether something may have been held back.
   */
  works(since = performance.now()): boolean {
    this.failing.clear();
    // It was under way already when the receiver asked for this pause, or the channel was turned off.
    if (since < this.pausedAt) return false;
    const wasAway = this.isOff || this.probes > 0;
    const waited = this.pausedMs > 0;
    const isWorthALine = wasAway || performance.now() - (this.fault?.since ?? Infinity) >= LONG_FAULT_MS;
    this.off = this.fault = undefined;
    this.pausedUntil = this.pauses = this.probes = this.asks = 0;
    this.once.good(this.title);
    if (isWorthALine) this.logger.log(`${this.title} works again`);
    return wasAway || waited;
  }

  /**
   * Records that an attempt failed.
   *
   * @param ids - The incidents that the attempt was about.
   * @param what - For the log: `an alert of llm_call`.
   * @param since - When it began, as `performance.now()`.
   */
  failed(ids: readonly string[], what: string, error: unknown, since: number): Failure {
    const reason = reasonOf(error);
    const { switchOff, probe, retryAfterMs = 0 } = deliveryFaultIn(error);
    // Concurrent attempts fail together: one pause covers them all, and only the first makes the next pause longer.
    const isNews = since >= this.pausedAt;
    for (const id of ids) this.failing.add(id);
    if (switchOff) this.switchOff(reason);
    else if (probe && isNews) this.pauseToProbe(reason);
    else if (!probe) this.couldNotSend(what, error);
    const asked = Math.min(retryAfterMs, MAX_WAIT_ASKED_MS);
    if (asked > 0) this.pause(asked);
    const refused = isRefused(error);
    if (asked > 0 && isNews) this.asks++;
    // A message about many alerts that meets a rate limit is not many faults.
    const isFaulty = !refused && Math.min(this.failing.size, asked > 0 ? this.asks : Infinity) >= FAULTS_TO_PAUSE;
    const isSuspect = mayBeOfOneAlert(error);
    if (isFaulty && isNews) this.pause(backoff(FIRST_WAIT_MS, this.pauses++, isSuspect ? MAX_PAUSE_MS : MAX_WAIT_MS));
    if (isFaulty || switchOff || probe) this.fault = { since: this.fault?.since ?? performance.now(), reason };
    // If others fail too, the receiver is more likely at fault.
    const itsFault = isSuspect && (refused || this.failing.size <= 1);
    return { reason, refused: refused || this.isOff, isSuspect, itsFault, waitMs: Math.max(asked, this.pausedMs) };
  }

  /** Logs a failure, once until an attempt goes through. */
  couldNotSend(what: string, error: unknown): void {
    this.once.warn(this.title, () => `${this.title} could not send ${what} (${reasonOf(error)}): it will be retried`);
  }

  private pause(forMs: number): void {
    this.pausedAt = performance.now();
    this.pausedUntil = Math.max(this.pausedUntil, performance.now() + forMs);
  }

  private pauseToProbe(reason: string): void {
    if (this.probes === 0)
      this.logger.error(
        `${this.title} has a wrong address or credentials, or its receiver is away (${reason}): it is retried, less and less often. Check ${this.option}`,
      );
    this.pause(backoff(FIRST_PROBE_MS, this.probes++, MAX_PROBE_MS));
  }

  private switchOff(reason: string): void {
    if (this.isOff) return;
    this.pausedAt = performance.now();
    this.off = `switched off: ${reason}`;
    this.logger.error(
      `${this.title} is off (${reason}): fix ${this.option} and restart, or call sendTest() if it is correct`,
    );
  }
}

/** Whether the channel refused this alert but may accept others. */
function isRefused(error: unknown): boolean {
  const { retry, probe, switchOff } = deliveryFaultIn(error);
  return retry === false && !probe && !switchOff;
}

export function mayBeOfOneAlert(error: unknown): boolean {
  const { probe, switchOff, retryAfterMs = 0 } = deliveryFaultIn(error);
  return !probe && !switchOff && !(retryAfterMs > 0);
}

/** How long an alert waits after this many failures in a row, in milliseconds. */
export function waitFor(refused: boolean, faults: number): number {
  return refused
    ? backoff(FIRST_WAIT_REFUSED_MS, faults, MAX_WAIT_ASKED_MS)
    : backoff(FIRST_WAIT_MS, faults, MAX_WAIT_MS);
}

/** Doubles each time; half of it is random. */
function backoff(firstMs: number, faults: number, maxMs: number): number {
  return Math.min(firstMs * 2 ** faults, maxMs) * (0.5 + Math.random() / 2);
}
