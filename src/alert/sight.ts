import type { Span } from './incident/counts-of-windows.js';
import { lengthOf, type Incident } from './incident/incident.js';
import type { IncidentRecords } from './incident/incident-records.js';
import type { Writers } from './incident/writers.js';

/** What is known of the store beside what records show. */
export interface StoreSeen {
  /** Whether counts cannot be published or read. */
  readonly isStoreAway: () => boolean;
  /** The store's clock. */
  readonly now: () => number;
}

/**
 * What this replica did not see while the store was away, or others have yet to write of it, and so what it may not conclude: that nobody is
 * over, that a count is final, or that an alert was not sent.
 */
export class Sight {
  /** The present outage: since when, and whether counts are away too. */
  private outage: { readonly start: number; hidesCounts: boolean } | undefined;
  /** The last one that is over. */
  private last = { start: 0, end: 0, hidesCounts: false };

  constructor(
    private readonly records: Pick<IncidentRecords, 'isAway' | 'isJustAway' | 'isJustBack'>,
    private readonly writers: Pick<Writers, 'isOne' | 'areOthers' | 'done'>,
    private readonly store: StoreSeen,
  ) {}

  /** Whether counts are away, too, and not only records, for which a user may lack the rights. */
  get isBlind(): boolean {
    return this.records.isAway && this.store.isStoreAway();
  }

  /** The last time in which no counts could be published or read. */
  get hidden(): Span | undefined {
    return this.last.hidesCounts ? this.last : undefined;
  }

  /** Whether incidents may end. If one ended before other replicas have written what they know of it, they would open and end it once more. */
  get mayClose(): boolean {
    return !this.records.isJustBack && !this.records.isJustAway && !this.writers.areOthers;
  }

  /** Whether this replica may send what another one began to send and did not confirm in time. */
  get mayTakeOver(): boolean {
    return !this.records.isJustBack && !this.writers.isOne;
  }

  /** Whether it may send what nobody has claimed: not while others have yet to write, or it has yet to read, what was sent in an outage. */
  get mayTakeNew(): boolean {
    return !this.writers.areOthers && !(this.writers.isOne && this.records.isAway);
  }

  /** Resolves when this replica has read what others wrote in an outage; undefined if there is nothing to wait for. */
  get caughtUp(): Promise<void> | undefined {
    return this.writers.done;
  }

  /** Since when all counts are seen again, if windows of this incident were missed: without the store, nobody knows who is over. */
  since(incident: Incident): number | undefined {
    if (this.isBlind) return this.store.now();
    const { start, end } = this.last;
    return end - start > lengthOf(incident) ? end : undefined;
  }

  /**
   * The store is away.
   *
   * @param seenAt - When it was last there.
   */
  lost(seenAt: number): void {
    this.outage ??= { start: seenAt, hidesCounts: false };
    this.outage.hidesCounts ||= this.isBlind;
  }

  /** The store is there. */
  regained(): void {
    if (this.outage) this.last = { ...this.outage, end: this.store.now() };
    this.outage = undefined;
  }
}
