import type { Logger } from '@nestjs/common';

import { idLabel } from '../util/shown-names.js';
import { amountOf, GRANT_RIGHTS, NO_RIGHT, oneLine, plural } from '../util/text.js';
import { ODD_ANSWER } from '../store/counter-store.js';
import type { TenantTotal } from './tenant-total.js';
import type { LiveWindow } from './tenants-by-window.js';

/** Lost data is logged once, and again only after the store has kept its data for this long. */
const SAY_LOST_AGAIN_AFTER_MS = 60_000;

/** Tracks what could not be counted or published, so that nothing is lost silently. Each loss is logged once per window or outage. */
export class CountLosses {
  private lost = 0;
  private lostBefore = 0;
  private lostDataAt = -Infinity;
  /** Reasons that were logged, by category and window, and the end of the latest span they were logged in. */
  private readonly saidRefused = new Map<string, number>();

  constructor(
    private readonly store: string,
    private readonly maxTrackedTenants: number,
    private readonly logger: Logger,
  ) {}

  /** Logs the first request of a window whose tenant there was no room for. */
  full(live: LiveWindow): void {
    this.logger.warn(
      `${this.maxTrackedTenants} tenants are tracked in ${nameOf(live)}, the maximum: requests of other tenants are not counted, except for the busiest. ` +
        'Raise maxTrackedTenants, or check which ids your tenant resolver returns',
    );
  }

  /** Logs how much was not counted, once the window or its process has ended. */
  untracked(live: LiveWindow): void {
    const { requests, cost } = live.untracked;
    const much = cost === requests ? '' : `, ${amountOf(cost)} in cost`;
    this.logger.warn(
      `${plural(requests, 'request was', 'requests were')} not counted in ${nameOf(live)}${much}: too many tenants to track`,
    );
  }

  /** Adds a total whose window or process ended before the store had it. */
  unpublished(tracked: TenantTotal): void {
    this.lost += tracked.giveUp();
  }

  /** Counted since the start and never published. */
  get total(): number {
    return this.lostBefore + this.lost;
  }

  /** Logs that the store refuses a total for now. */
  refused({ key, window: { category, window, span } }: TenantTotal, reason: string): void {
    const about = `${category.name} ${window.name} ${reason.split(' ', 1)[0]}`;
    // Totals of the span before are tried again too.
    if ((this.saidRefused.get(about) ?? 0) >= span.end) return;
    this.saidRefused.set(about, span.end);
    this.logger.error(
      `A counter of ${category.name} was refused (${oneLine(reason)}): this instance counts it alone, and retries every few seconds. ${remedyFor(reason, key)}`,
    );
  }

  /** Logs that the store has lost what was published. */
  lostData(): void {
    const now = performance.now();
    if (now - this.lostDataAt >= SAY_LOST_AGAIN_AFTER_MS)
      this.logger.warn(
        `${this.store} has lost counters (evicted or flushed): they are restored as their tenants are counted again`,
      );
    this.lostDataAt = now;
  }

  /** Logs how much was lost since the last line about it. */
  say(): void {
    if (this.lost > 0)
      this.logger.warn(
        `${plural(this.lost, 'counted request was', 'counted requests were')} never published: the window, or this process, ended before the store was back`,
      );
    this.lostBefore += this.lost;
    this.lost = 0;
  }
}

/** With several windows, each counts and loses on its own. */
function nameOf({ category, window: { name } }: LiveWindow): string {
  return name === '' ? category.name : `${category.name} (${name})`;
}

function remedyFor(reason: string, tenant: string): string {
  if (reason.startsWith(ODD_ANSWER))
    return 'Check the store, and any proxy in between: a server that is not fully compatible with Redis may answer like this';
  if (/^MOVED /.test(reason))
    return 'It belongs to another node of a Cluster, which this client cannot reach: pass an ioredis Cluster as redis';
  if (/CROSSSLOT/.test(reason))
    return 'Its keys are in different slots of a Cluster: remove {} from the keyPrefix of the client, and pass an ioredis Cluster as redis';
  if (NO_RIGHT.test(reason)) return GRANT_RIGHTS;
  return `Set a keyPrefix that nothing else uses, or delete the key of tenant ${idLabel(tenant, 100)}`;
}
