import type { Breach } from '../model/breach.js';
import type { AlertLevel, Levels } from '../model/level.js';
import type { ChangedTotal } from '../model/live-total.js';
import type { Route } from '../model/route.js';
import { keptTenant } from '../model/tenant-attributes.js';
import { shownTenantId, type Tenant } from '../model/tenant.js';
import type { CountedCategory, CountedWindow, WindowSpan } from '../model/window.js';
import type { Counted, OwnTotal } from '../store/counter-store.js';
import { levelReached, NO_LEVELS } from '../threshold/levels.js';
import { plus } from '../util/plus.js';
import { copied } from '../util/text.js';

const MAX_LABEL = 200;

/** How soon a total must be published, and whether its request waits for that. */
export type Urgency = 'later' | 'now' | 'wait';

/** A tenant's first request in a longer window waits: other instances may have taken the tenant close to a level long ago. */
const WAITS_AT_FIRST_SIGHT_MS = 60_000;

/** No level is near at any count. The largest small integer: V8 stores it within the object, and any larger one in an object of its own. */
const ALWAYS_CALM = 2_147_483_647;

/** The flags in `state`, which is one number to save memory. */
const QUEUED = 1;
const QUEUED_URGENTLY = 2;
/** The store refused it: it is published again later. */
const REFUSED = 4;
/** Another instance was given a level that it has not announced: this total is published again later. */
const AWAITS_LEASE = 8;
/** Its count has changed since usage last read it. */
const CHANGED = 16;

/** Levels by their `at`: announced by anyone, raised by this instance, waited for by a request. */
interface PassedLevels {
  readonly announced: number;
  readonly raised: number;
  readonly waitedFor: number;
}

const NONE_PASSED: PassedLevels = { announced: 0, raised: 0, waitedFor: 0 };

/** What a total needs to know of its window. */
export interface WindowOfTotal {
  readonly category: CountedCategory;
  readonly window: CountedWindow;
  readonly span: WindowSpan;
  /** For a sliding window, the earlier spans that count with it. */
  readonly earlier: readonly WindowSpan[] | undefined;
  /** How long the store keeps a counter of it, from its first write on. */
  readonly keepMs: number;
}

/**
 * What this instance has counted of one tenant in one window of one category, and the only writer of that. There may be a million, so keep
 * it small.
 */
export class TenantTotal {
  // Fields that every request touches come first, together.
  /** What this instance has counted. */
  private own = 0;
  /** What the others had counted when the store last answered; for a sliding window also what all had counted in its earlier spans. */
  private others = 0;
  private earlier = 0;
  /** Up to this count no level is near, so levels need not be checked. */
  private calmUpTo = 0;
  /** Which queue of the publisher it is in, why it is held, whether it has changed. */
  private state = 0;
  /** The version of its levels. */
  private version = -1;
  /**
   * For alerts: the tenant of the last request, and the route of one that brought the count near a level, or of the first since the last
   * publish. Dropped once published, if the count is far from a level.
   */
  private tenant: Tenant | undefined;
  private route: Route | undefined;
  /** Undefined until they are known. */
  private levels: Levels | undefined;
  /** How much of it the store has taken, and the most that was ever sent there. */
  private published = 0;
  private sent = 0;
  private passed = NONE_PASSED;
  /** How much of it usage has seen, and the tenant's name if that changed. */
  private seenByUsage = 0;
  private label: string | undefined;

  /** @param instance - The name that it is published under; no other total of this counter has it. */
  constructor(
    readonly window: WindowOfTotal,
    readonly key: string,
    private readonly instance: string,
  ) {}

  /** The count as far as this instance knows: the store's last answer, and what was counted here since. */
  get known(): number {
    return plus(plus(this.own, this.others), this.earlier);
  }

  /** What the count is compared with now. */
  get currentLevels(): Levels {
    return this.levels ?? NO_LEVELS;
  }

  /** Undefined until they are known. */
  get knownLevels(): Levels | undefined {
    return this.levels;
  }

  /** Whether the store lacks some of it. */
  get isPending(): boolean {
    return this.published < this.own;
  }

  /** Whether the store has ever taken some of it. */
  get isKnownToStore(): boolean {
    return this.published > 0;
  }

  get unpublished(): number {
    return this.own - this.published;
  }

  get isRefused(): boolean {
    return (this.state & REFUSED) > 0;
  }

  get isHeld(): boolean {
    return (this.state & (REFUSED | AWAITS_LEASE)) > 0;
  }

  /** Over half of the first level, or already over a level: such a total is never evicted. */
  get isHot(): boolean {
    return this.settled > 0 || this.known > (this.currentLevels.counts[0] ?? Infinity) / 2;
  }

  /** Counts, and returns how soon the total must be published. */
  add(cost: number, tenant: Tenant): Urgency {
    this.own = plus(this.own, cost);
    this.tenant = tenant;
    this.state |= CHANGED;
    const urgency = this.urgency();
    // Until the store has answered once, any of several simultaneous requests may be the one that crosses a level.
    if (this.isKnownToStore || this.own === 0 || urgency === 'wait') return urgency;
    const { start, end } = this.window.span;
    return end - start > WAITS_AT_FIRST_SIGHT_MS ? 'wait' : 'now';
  }

  /** How soon it must be published, as it is now. Says once per level that a request should wait. */
  urgency(): Urgency {
    const { known } = this;
    if (known <= this.calmUpTo) return 'later';
    const { settled } = this;
    const { steps, counts } = this.currentLevels;
    for (let i = 0; i < steps.length; i++) {
      const { at } = steps[i] as AlertLevel;
      const count = counts[i] as number;
      if (at <= settled) continue;
      if (known > count) {
        // One wait for each level: if another instance was given it, further requests gain nothing by waiting.
        if (this.passed.waitedFor >= at) return 'later';
        this.pass({ waitedFor: at });
        return 'wait';
      }
      if (known > count / 2) return 'now';
      this.calmUpTo = Math.min(Math.floor(count / 2), ALWAYS_CALM);
      return 'later';
    }
    this.calmUpTo = ALWAYS_CALM;
    return 'later';
  }

  get hasRoute(): boolean {
    return this.route !== undefined;
  }

  /** Sets the route of one of its requests. */
  seenOn(route: Route): void {
    this.route = route;
  }

  /** Whether its levels of this version are known or being loaded. */
  isAskedFor(version: number): boolean {
    return this.version === version;
  }

  /** Its levels are being loaded; the previous ones apply until then. */
  asking(version: number): void {
    this.version = version;
  }

  /** Its levels could not be read, or may have changed: ask again. */
  askAgain(): void {
    this.version = -1;
  }

  setLevels(levels: Levels): void {
    if (this.levels?.threshold !== levels.threshold) this.state |= CHANGED;
    this.levels = levels;
    this.calmUpTo = 0;
  }

  /** Puts it into a queue; returns false if it was in that one or in a more urgent one already. */
  enqueue(queue: 'later' | 'urgent'): boolean {
    const flag = queue === 'urgent' ? QUEUED_URGENTLY : QUEUED;
    if (this.state & (flag | QUEUED_URGENTLY)) return false;
    this.state |= flag;
    return true;
  }

  /** Takes it out of its queue; returns whether it was in one. */
  dequeue(): boolean {
    const isQueued = (this.state & (QUEUED | QUEUED_URGENTLY)) > 0;
    this.state &= ~(QUEUED | QUEUED_URGENTLY);
    return isQueued;
  }

  /** Returns what to send to the store now. */
  send(): OwnTotal {
    const { category, span, earlier, keepMs } = this.window;
    const { own: total, sent, others, instance, key: tenant } = this;
    const { announced } = this.passed;
    this.sent = Math.max(sent, total);
    const levels = this.currentLevels;
    return {
      category: category.name,
      tenant,
      window: span,
      instance,
      total,
      sent,
      others,
      levels,
      announced,
      earlier,
      keepMs,
    };
  }

  /** Applies the store's answer to `total`; returns the level that this instance must raise, if any. */
  taken(total: number, { count, earlier = 0, announced, announce }: Counted): AlertLevel | undefined {
    const others = Math.max(plus(count, -total), 0);
    if (others !== this.others || earlier !== this.earlier) this.state |= CHANGED;
    this.published = Math.max(this.published, total);
    this.others = others;
    this.earlier = earlier;
    if (announced > this.passed.announced) this.pass({ announced });
    if (this.isRefused) this.release();
    const level = announce > this.settled ? this.currentLevels.steps.find(({ at }) => at === announce) : undefined;
    if (level) this.pass({ raised: level.at });
    return level;
  }

  /** Whether another instance was given a level that it has not announced yet. */
  get awaitsAnother(): boolean {
    const reached = levelReached(this.currentLevels, this.known);
    return this.published === this.own && reached !== undefined && reached.at > this.settled;
  }

  /** The level to raise while the store cannot be asked: the highest that this instance's own count exceeds. */
  alone(): AlertLevel | undefined {
    const level = levelReached(this.currentLevels, this.own);
    if (!level || level.at <= this.settled) return undefined;
    this.pass({ raised: level.at });
    return level;
  }

  /** The alert for a level is recorded: the next publish tells the others. */
  confirm({ at }: AlertLevel): void {
    if (at > this.passed.announced) this.pass({ announced: at });
  }

  /** The alert for a level could not be recorded: it may be given out again. */
  unraise({ at }: AlertLevel): void {
    if (this.passed.raised !== at) return;
    this.pass({ raised: this.passed.announced });
    this.calmUpTo = 0;
  }

  hold(why: 'refused' | 'lease'): void {
    this.state |= why === 'refused' ? REFUSED : AWAITS_LEASE;
  }

  release(): void {
    this.state &= ~(REFUSED | AWAITS_LEASE);
  }

  /** Gives up publishing it; returns how much of it was not published. */
  giveUp(): number {
    const { unpublished } = this;
    this.published = this.own;
    return unpublished;
  }

  breach(level: AlertLevel, countedBy: Breach['countedBy']): Breach {
    const { category, window, span, earlier } = this.window;
    const { tenant = { id: this.key }, route } = this;
    const id = shownTenantId(tenant.id, this.key);
    return {
      category: category.name,
      window: window.name,
      tenant: id === tenant.id ? tenant : { ...tenant, id },
      count: countedBy === 'all' ? this.known : this.own,
      own: this.own,
      threshold: this.currentLevels.threshold,
      level,
      windowStart: earlier?.at(-1)?.start ?? span.start,
      windowEnd: span.end,
      route,
      countedBy,
    };
  }

  /** Drops what only an alert needs, unless one is near; then keeps a copy, because a substring keeps its whole request in memory. */
  forgetTenant(): void {
    if (this.published !== this.own || !this.levels || !this.tenant) return;
    const { id, name } = this.tenant;
    if (this.isHot) {
      this.tenant = keptTenant(this.tenant);
      if (id === this.key) this.tenant.id = this.key;
      return;
    }
    if (name !== undefined && this.state & CHANGED && name !== this.label)
      this.label = copied(name.slice(0, MAX_LABEL));
    this.tenant = this.route = undefined;
  }

  /** What has changed since usage last read it; undefined if nothing has. */
  takeNews(): Pick<ChangedTotal, 'more' | 'isNew' | 'name'> | undefined {
    if ((this.state & CHANGED) === 0) return undefined;
    const isNew = this.seenByUsage === 0;
    const more = plus(this.own, -this.seenByUsage);
    // Copied, because a substring keeps its whole request in memory.
    const name = this.tenant?.name === undefined ? this.label : copied(this.tenant.name.slice(0, MAX_LABEL));
    this.state &= ~CHANGED;
    this.seenByUsage = this.own;
    this.label = undefined;
    return { more, isNew, name };
  }

  private get settled(): number {
    const { announced, raised } = this.passed;
    return Math.max(announced, raised);
  }

  private pass(levels: Partial<PassedLevels>): void {
    this.passed = { ...this.passed, ...levels };
  }
}
