import { keptAfterMs, type WindowSpan } from '../model/window.js';
import { plus } from '../util/plus.js';
import { copied } from '../util/text.js';

/** Contributors that are distinguished for each tenant and window. */
const MAX_LABELS = 16;
/** Tenants and windows that an instance follows: about 20 MB. Beyond that, the least recently counted one is dropped. */
const MAX_TABLES = 10_000;
/** The longest that contributors are kept after their window, since alerts may be rendered later. */
const MAX_KEPT_FOR_ALERTS_MS = 600_000;

/** The label for counts without a known contributor. It does not count towards the limit of labels. */
export const UNNAMED = '';

/** Whether a further contributor can be distinguished. */
export function hasRoom(labels: ReadonlyMap<string, unknown>): boolean {
  return labels.size - (labels.has(UNNAMED) ? 1 : 0) < MAX_LABELS;
}

/** Until when contributors are kept. A part of a sliding window counts until the window has slid past it. */
export function keptUntil(span: WindowSpan, parts: number | undefined): number {
  return span.end + keptAfterMs(span, parts, MAX_KEPT_FOR_ALERTS_MS);
}

/** What this instance knows about one contributor. */
interface Share {
  readonly label: string;
  count: number;
  /** How much of it the store has. */
  sent: number;
}

/** What one write adds. It is repeated until it is acknowledged; a record applies each number once. */
export interface Write {
  readonly number: number;
  readonly added: readonly { readonly share: Share; readonly more: number; readonly all: number }[];
}

/** The contributors of a tenant in one window: what this instance counted, and how much of that the store has. */
export class ContributorTable {
  private readonly shares = new Map<string, Share>();
  private isChanged = false;
  private writes = 0;
  private pending: Write | undefined;

  constructor(
    readonly category: string,
    readonly window: string,
    readonly tenant: string,
    readonly until: number,
  ) {}

  /** Leaves out the count of a new contributor if there is no room. */
  add(label: string, count: number): void {
    const share = this.shares.get(label) ?? this.newShare(label);
    if (!share) return;
    share.count = plus(share.count, count);
    this.isChanged = true;
  }

  /** The counts by label. */
  counts(): [label: string, count: number][] {
    return Array.from(this.shares.values(), ({ label, count }) => [label, count]);
  }

  get isUnshared(): boolean {
    return this.isChanged || this.pending !== undefined;
  }

  /** What to write: the last write again until it is acknowledged. */
  nextWrite(): Write {
    if (this.pending) return this.pending;
    this.isChanged = false;
    const added = Array.from(this.shares.values(), (share) => ({
      share,
      more: plus(share.count, -share.sent),
      all: share.count,
    }));
    return (this.pending = { number: this.writes + 1, added });
  }

  /** The store has this write. May be called twice, because a look and an alert may wait for the same write. */
  wasWritten(write: Write): void {
    if (this.pending !== write) return;
    for (const { share, all } of write.added) share.sent = all;
    this.writes = write.number;
    this.pending = undefined;
  }

  private newShare(given: string): Share | undefined {
    if (!hasRoom(this.shares)) return undefined;
    const label = copied(given);
    const share: Share = { label, count: 0, sent: 0 };
    this.shares.set(label, share);
    return share;
  }
}

/** The tables of this instance by id, the least recently counted first. */
export class ContributorTables extends Map<string, ContributorTable> {
  /** The table to count in. */
  counting(
    id: string,
    category: string,
    { name, parts }: { readonly name: string; readonly parts?: number },
    tenant: string,
    span: WindowSpan,
  ): ContributorTable {
    let table = this.get(id);
    if (table) this.delete(id);
    else {
      for (const oldest of this.keys()) {
        if (this.size < MAX_TABLES) break;
        this.delete(oldest);
      }
      table = new ContributorTable(category, name, copied(tenant), keptUntil(span, parts));
    }
    this.set(id, table);
    return table;
  }

  /** Drops tables of past windows. */
  forget(now: number): void {
    for (const [id, { until }] of this) if (now >= until) this.delete(id);
  }
}
