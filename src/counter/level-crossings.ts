import { AsyncLocalStorage } from 'node:async_hooks';

import type { Breach } from '../model/breach.js';
import type { AlertLevel } from '../model/level.js';
import type { Counted } from '../store/counter-store.js';
import type { TenantTotal } from './tenant-total.js';

/** When to first check whether the instance that was given a level has confirmed it; by then it usually has. */
const LOOK_AGAIN_AFTER_MS = 300;
/**
 * How long to delay raising a level if the store has just lost its counter, or if another instance had the level while the store was away:
 * that instance may have announced it already, and says so once it has reconnected.
 */
const DOUBTED_FOR_MS = 1_500;
/** A counter that is lost repeatedly must not delay its level every time. */
const DOUBTED_AGAIN_AFTER_MS = 30_000;
/** How many totals are judged, and how many alerts raised, in one turn of the event loop while the store is away. */
const JUDGED_AT_ONCE = 5_000;
const RAISED_AT_ONCE = 100;

/** Raises a breach; resolves when its alert is recorded and the channels that take alerts one by one have it. */
export type Raise = (breach: Breach) => Promise<void>;

/** What to do with a total whose level was crossed. */
interface CrossedTotals {
  /** Publishes it with the next publish. */
  publish(tracked: TenantTotal): void;
  /** Publishes that its alert is recorded. */
  confirm(tracked: TenantTotal): void;
  /** Publishes it again when the lease of its level is over. */
  hold(tracked: TenantTotal): void;
}

/**
 * Decides which levels this instance raises: those that the store gave it and, while the store cannot be asked, those that its own totals
 * exceed. A level is confirmed once its alert is recorded; a level given to another instance is watched until that one confirms it.
 */
export class LevelCrossings {
  private readonly raising = new Set<Promise<void>>();
  private judging: Promise<void> | undefined;
  private toJudge: TenantTotal[] = [];
  private readonly unconfirmed: TenantTotal[] = [];
  private lookAgainTimer: NodeJS.Timeout | undefined;
  /** Totals whose level another instance may have announced already, and since when. */
  private readonly doubted = new WeakMap<TenantTotal, number>();
  private isStopped = false;
  /** A level belongs to no request, so its timers neither keep one alive nor carry its trace. */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    private readonly raiseBreach: Raise,
    private readonly crossed: CrossedTotals,
  ) {}

  /**
   * Applies the store's answer to `total`, which may give this instance a level.
   *
   * @param wasCutOff - Whether the store was away during the lease of a level, so that the others could not confirm theirs either.
   * @returns a promise that settles once the level is raised, if there is one.
   */
  taken(tracked: TenantTotal, total: number, counted: Counted, wasCutOff: boolean): Promise<void> | undefined {
    if (counted.announce > 0 && (counted.lost || (counted.takenOver && wasCutOff))) this.doubt(tracked);
    const level = tracked.taken(total, this.isDoubted(tracked) ? { ...counted, announce: 0 } : counted);
    if (level) return this.raise(tracked, level, 'all');
    if (tracked.awaitsAnother) this.lookAgain(tracked);
    return undefined;
  }

  /**
   * Raises the levels that this instance's own totals exceed, a limited number per turn of the event loop, since there may be very many.
   */
  judgeAlone(totals: Iterable<TenantTotal>): void {
    for (const tracked of totals) this.toJudge.push(tracked);
    this.judging ??= this.outside(() => this.judge()).finally(() => (this.judging = undefined));
  }

  /** Resolves when all totals are judged and all alerts are recorded. */
  async settled(): Promise<void> {
    await this.judging;
    await Promise.all(this.raising);
  }

  /** Stops watching levels; resolves like {@link settled}. */
  stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.lookAgainTimer);
    return this.settled();
  }

  private async judge(): Promise<void> {
    let [judged, raised] = [0, 0];
    for (let at = 0; at < this.toJudge.length; at++) {
      const tracked = this.toJudge[at] as TenantTotal;
      const level = tracked.alone();
      if (level) void this.raise(tracked, level, 'instance');
      if (++judged % JUDGED_AT_ONCE !== 0 && (!level || ++raised % RAISED_AT_ONCE !== 0)) continue;
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.toJudge = [];
  }

  private raise(tracked: TenantTotal, level: AlertLevel, countedBy: Breach['countedBy']): Promise<void> {
    const raising = this.raiseBreach(tracked.breach(level, countedBy)).then(
      () => {
        tracked.confirm(level);
        if (!tracked.isRefused) this.crossed.confirm(tracked);
      },
      () => {
        tracked.unraise(level);
        this.crossed.hold(tracked);
      },
    );
    this.raising.add(raising);
    void raising.finally(() => this.raising.delete(raising));
    return raising;
  }

  /**
   * Checks whether another instance has announced a level, soon and when its lease is over: then this instance can restore that if the
   * store loses its data.
   */
  private lookAgain(tracked: TenantTotal): void {
    if (tracked.isHeld || this.isStopped) return;
    this.crossed.hold(tracked);
    this.unconfirmed.push(tracked);
    this.lookAgainTimer ??= this.outside(() =>
      setTimeout(() => {
        this.lookAgainTimer = undefined;
        for (const each of this.unconfirmed.splice(0)) if (!each.isRefused) this.crossed.publish(each);
      }, LOOK_AGAIN_AFTER_MS).unref(),
    );
  }

  private doubt(tracked: TenantTotal): void {
    const now = performance.now();
    if (now - (this.doubted.get(tracked) ?? -Infinity) < DOUBTED_AGAIN_AFTER_MS) return;
    this.doubted.set(tracked, now);
    const ask = (): void => {
      if (!this.isStopped && !tracked.isRefused) this.crossed.publish(tracked);
    };
    this.outside(() => setTimeout(ask, DOUBTED_FOR_MS).unref());
  }

  private isDoubted(tracked: TenantTotal): boolean {
    return performance.now() - (this.doubted.get(tracked) ?? -Infinity) < DOUBTED_FOR_MS - 1;
  }
}
