import type { Logger } from '@nestjs/common';

import { oneLine } from '../util/text.js';
import type { TrackedTenant } from './tracked-tenant.js';

/** What could not be counted, or not be published: nothing of it is lost silently, and nothing is said twice. */
export class Losses {
  private lost = 0;
  private untrackedSince = 0;
  private saidFull = false;
  private readonly saidRefused = new Set<string>();

  constructor(
    private readonly maxTrackedTenants: number,
    private readonly logger: Logger,
  ) {}

  /** A request of a tenant for which there was no room. */
  untracked(): void {
    this.untrackedSince++;
    if (this.saidFull) return;
    this.saidFull = true;
    this.logger.warn(
      `${this.maxTrackedTenants} tenants are tracked, the most there may be: requests of further ones go on uncounted. ` +
        'Raise maxTrackedTenants, or look at what your tenant resolver gives as an id',
    );
  }

  /** A total whose window is over, or whose process ends, before the store has it. */
  unpublished(tracked: TrackedTenant): void {
    this.lost += tracked.total - tracked.published;
    tracked.published = tracked.total;
  }

  /** A total that the store will never take. */
  refused({ window }: TrackedTenant, reason: string): void {
    if (this.saidRefused.has(window.category)) return;
    this.saidRefused.add(window.category);
    this.logger.error(
      `A counter of ${window.category} was refused for good (${oneLine(reason)}): it is counted by this instance alone. ` +
        'Give the module a keyPrefix of its own, and its user the right to write there',
    );
  }

  /** Says how much was lost since it was last said. */
  say(): void {
    if (this.lost > 0)
      this.logger.warn(
        `${this.lost} counted requests were never published: their window, or this process, ended before the store was back`,
      );
    if (this.untrackedSince > 0)
      this.logger.warn(`${this.untrackedSince} requests went on uncounted: too many tenants to track`);
    this.lost = 0;
    this.untrackedSince = 0;
  }
}
