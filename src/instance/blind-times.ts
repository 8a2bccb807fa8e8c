import type { Logger } from '@nestjs/common';

import type { BlindTime } from '../model/blind-time.js';
import { Records } from '../store/records.js';
import type { SharedState } from '../store/shared-state.js';
import { isAmount, isBoolean, isOptional, isString, isTime, shaped } from '../util/shapes.js';
import { storeReasonOf } from '../util/text.js';

/** How long the store must be back before a blind time is over: a store that flaps causes one, not a hundred. */
const BACK_FOR_MS = 2_000;
/** How long the notice waits for the reports of other instances. */
const GATHER_MS = 5_000;
/** Looks come once a second, so after this long the process was suspended: it was not blind then, it did not run. */
const MISSED_LOOKS_MS = 10_000;
/** If an instance dies while it sends the notice, another takes over after this time; sending takes less. */
const SENDS_WITHIN_MS = 90_000;
const MAX_REPORTS = 500;

/** What one instance knows about its blind time. Times are by the store's clock, in milliseconds since the epoch. */
interface Report {
  readonly instance: string;
  readonly host: string;
  readonly pid: number;
  readonly from: number;
  readonly to: number;
  readonly counted: number;
  readonly lost: number;
  readonly writtenAt: number;
  readonly isTold?: true;
}

/** A malformed report in the store must not break the others. */
const isReport = shaped({
  instance: isString,
  host: isString,
  pid: isAmount,
  from: isTime,
  to: isTime,
  counted: isAmount,
  lost: isAmount,
  writtenAt: isTime,
  isTold: isOptional(isBoolean),
});

/** What is watched, and where it is reported. */
interface BlindSettings {
  /** A name that no other process has. */
  readonly instance: string;
  readonly host: string;
  readonly pid: number;
  /** The service and environment whose instances share a notice. */
  readonly scope: string;
  /** Shorter times are not reported. */
  readonly blindAfterMs: number;
  readonly state: SharedState;
  /** The store's clock. */
  readonly now: () => number;
  readonly status: () => { readonly blindSince?: number; readonly counted: number; readonly lost: number };
  /** Called once per blind time, on one of the replicas. */
  readonly tell: (blind: BlindTime) => Promise<unknown>;
}

interface Figures {
  readonly counted: number;
  readonly lost: number;
}

/**
 * Detects times without the store. Each instance reports its own when the store is back; one of them combines the reports into a notice.
 */
export class BlindTimes {
  private readonly reports: Records<Report>;
  private readonly lease: string;
  private before: Figures = { counted: 0, lost: 0 };
  private lookedAt = Infinity;
  private blind: { from: number; readonly before: Figures; back?: { at: number; counted: number } } | undefined;
  private unwritten: Report[] = [];
  /** Also at the start: an instance may have ended before its report was sent. */
  private isToLook = true;

  constructor(
    private readonly settings: BlindSettings,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {
    this.reports = new Records(settings.state, `blind:${settings.scope}`, undefined, isReport);
    this.lease = `blind:${settings.scope}`;
  }

  /** Called once a second. Leaves the store alone while there is nothing to report. */
  async look(): Promise<void> {
    const { now, status } = this.settings;
    const { blindSince, counted, lost } = status();
    const passedMs = now() - this.lookedAt;
    this.lookedAt = now();
    if (this.blind && !this.blind.back && passedMs >= MISSED_LOOKS_MS) this.blind.from += passedMs;
    if (blindSince !== undefined) {
      this.blind ??= { from: blindSince, before: this.before };
      delete this.blind.back;
      return;
    }
    if (this.blind) {
      this.blind.back ??= { at: now(), counted };
      if (now() - this.blind.back.at < BACK_FOR_MS) return;
      this.isOver(this.blind, this.blind.back, lost);
      this.blind = undefined;
    }
    this.before = { counted, lost };
    if (!this.isToLook) return;
    await this.write();
    await this.tellOfAll();
  }

  /** Blind times of all instances that overlap a range, earliest first. Rejects while the store is away. */
  async between(from: number, to: number): Promise<BlindTime[]> {
    const reports = await this.reports.list(MAX_REPORTS);
    return together(reports.filter((report) => report.from < to && report.to > from)).map(blindTime);
  }

  private isOver(
    { from, before }: { from: number; before: Figures },
    back: { at: number; counted: number },
    lost: number,
  ): void {
    const { instance, host, pid, blindAfterMs, now } = this.settings;
    if (back.at - from < blindAfterMs) return;
    const figures = { counted: back.counted - before.counted, lost: lost - before.lost };
    this.unwritten.push({
      instance,
      host,
      pid,
      from: Math.round(from),
      to: Math.round(back.at),
      ...figures,
      writtenAt: Math.round(now()),
    });
    this.isToLook = true;
  }

  private async write(): Promise<void> {
    for (let [report] = this.unwritten; report; [report] = this.unwritten) {
      const written = { ...report, writtenAt: Math.round(this.settings.now()) };
      await this.reports.change(idOf(report), () => written);
      this.unwritten.shift();
    }
  }

  private async tellOfAll(): Promise<void> {
    const { state, instance, now } = this.settings;
    const untold = await this.untold();
    if (untold.length === 0) {
      this.isToLook = false;
      return;
    }
    if (now() - Math.max(...untold.map(({ writtenAt }) => writtenAt)) < GATHER_MS) return;
    if (!(await state.claim(this.lease, instance, SENDS_WITHIN_MS))) return;
    try {
      // Read again, because another instance may have sent it just before.
      await this.tellOfEach(await this.reports.list(MAX_REPORTS));
    } finally {
      await state.release(this.lease, instance).catch(() => undefined);
    }
  }

  private async tellOfEach(reports: readonly Report[]): Promise<void> {
    const { state, tell, blindAfterMs, scope } = this.settings;
    for (const group of together(reports)) {
      const told = group.filter(({ isTold }) => isTold);
      const untold = group.filter(({ isTold }) => !isTold);
      if (untold.length === 0) continue;
      // One notice per blind time: an instance that was back a little later than the others causes no second one.
      const heardTo = Math.max(...told.map(({ to }) => to), -Infinity);
      if (Math.max(...untold.map(({ to }) => to)) - heardTo >= blindAfterMs) await tell(blindTime(untold));
      for (const report of untold) await this.reports.change(idOf(report), () => ({ ...report, isTold: true }));
    }
    await state
      .trim(`blind:${scope}`, MAX_REPORTS)
      .catch((error: unknown) => this.logger.warn(`Old blind times were not removed (${storeReasonOf(error)})`));
  }

  private async untold(): Promise<Report[]> {
    return (await this.reports.list(MAX_REPORTS)).filter(({ isTold }) => !isTold);
  }
}

function idOf({ instance, from }: Report): string {
  return `${instance}:${from}`;
}

/** Groups reports whose times overlap, earliest first. */
function together(reports: readonly Report[]): Report[][] {
  const groups: Report[][] = [];
  let end = -Infinity;
  for (const report of [...reports].sort((a, b) => a.from - b.from)) {
    if (report.from < end) groups.at(-1)?.push(report);
    else groups.push([report]);
    end = Math.max(end, report.to);
  }
  return groups;
}

function blindTime(reports: readonly Report[]): BlindTime {
  return {
    from: new Date(Math.min(...reports.map(({ from }) => from))),
    to: new Date(Math.max(...reports.map(({ to }) => to))),
    instances: [...reports]
      .sort((a, b) => b.lost - a.lost || b.counted - a.counted)
      .map(({ instance, host, pid, from, to, counted, lost }) => ({
        instance,
        host,
        pid,
        from: new Date(from),
        to: new Date(to),
        counted,
        lost,
      })),
  };
}
