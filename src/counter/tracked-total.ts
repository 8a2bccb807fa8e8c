import type { Breach } from '../model/breach.js';
import type { AlertLevel, Levels } from '../model/level.js';
import type { Route } from '../model/route.js';
import type { Tenant } from '../model/tenant.js';
import type { CountedCategory, CountedWindow, WindowSpan } from '../model/window.js';
import type { Counted, OwnTotal } from '../store/counter-store.js';
import { levelReached, NO_LEVELS } from '../threshold/levels.js';
import { plus } from '../util/plus.js';
import { copied } from '../util/text.js';

const MAX_LABEL = 200;

/** How soon a total must be published, and whether its request waits for that. */
export type Urgency = 'later' | 'now' | 'wait';

/** A first request in a longer window waits: other instances may have taken the tenant close to a level long ago. */
const WAITS_AT_FIRST_SIGHT_MS = 60_000;

/** What a total needs to know of its window. */
export interface WindowOfTotal {
  readonly category: CountedCategory;
  readonly window: CountedWindow;
  readonly span: WindowSpan;
  /** Of a sliding window: the spans before it that count with it. */
  readonly earlier: readonly WindowSpan[] | undefined;
  /** How long the store keeps a counter of it, from its first write on. */
  readonly keepMs: number;
}

/**
 * One tenant in one window of one category, as this instance has counted it, and the only writer of what it knows. There may be a
 * million: keep it small.
 */
export class TrackedTotal {
  // What every request touches comes first, together.
  /** What this instance has counted. */
  private own = 0;
  /** What the others had counted when the store last answered; of a sliding window, what all had in its earlier spans. */
  private others = 0;
  private earlier = 0;
  /** Up to this count no level is near: levels need not be looked at. */
  private calmUpTo = -1;
  /** Which queue of the publisher it stands in. */
  private queue: 'none' | 'later' | 'urgent' = 'none';
  /** The store refused it, or another instance was given a level that it has not announced: it is published again in a while. */
  private held: 'no' | 'refused' | 'lease' = 'no';
  /** Of what its levels are. */
  private version = -1;
  /**
   * Whom the last request was of, and where one was that brought the count near a level, or the first since the last publish: an alert names
   * them. Let go once published, if the count is far from a level.
   */
  private tenant: Tenant | undefined;
  private route: Route | undefined;
  /** What the count is held against; undefined until known. */
  private levels: Levels | undefined;
  /** How much of it the store has taken, and the most that was ever sent there. */
  private published = 0;
  private sent = 0;
  /** Levels by their `at`: announced by anyone, raised by this instance, waited for by a request. */
  private announced = 0;
  private raised = 0;
  private waitedFor = 0;
  /** Its name, for those who look at usage. */
  private label: string | undefined;

  /** @param instance - The name that it is published under; no other total of this counter has it. */
  constructor(
    readonly window: WindowOfTotal,
    readonly key: string,
    private readonly instance: string,
  ) {}

  /** What this instance has counted. */
  get total(): number {
    return this.own;
  }

  /** The best this instance knows of the count: what the store answered, and what has come since. */
  get known(): number {
    return plus(plus(this.own, this.others), this.earlier);
  }

  /** What the tenant is called. */
  get name(): string | undefined {
    return this.tenant?.name ?? this.label;
  }

  get heldAgainst(): Levels {
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

  get unpublished(): number {
    return this.own - this.published;
  }

  get isRefused(): boolean {
    return this.held === 'refused';
  }

  get isHeld(): boolean {
    return this.held !== 'no';
  }

  /** Over half of the next level, or over one already: such a total is never given up for another. */
  get isHot(): boolean {
    return this.announced > 0 || this.raised > 0 || this.known > this.nextCount() / 2;
  }

  /** Counts, and returns how soon the total must be published. */
  add(cost: number, tenant: Tenant): Urgency {
    const isFirst = this.own === 0;
    this.own = plus(this.own, cost);
    this.tenant = tenant;
    const urgency = this.urgency();
    if (!isFirst || urgency === 'wait') return urgency;
    const { start, end } = this.window.span;
    return end - start > WAITS_AT_FIRST_SIGHT_MS ? 'wait' : 'now';
  }

  get hasRoute(): boolean {
    return this.route !== undefined;
  }

  /** Where a request of it was. */
  seenOn(route: Route): void {
    this.route = route;
  }

  /** Whether its levels are known, in the version that holds now. */
  isAskedFor(version: number): boolean {
    return this.version === version;
  }

  /** Its levels are being loaded; the previous ones apply until then. */
  asking(version: number): void {
    this.version = version;
  }

  /** Its levels could not be read: ask again. */
  askAgain(): void {
    this.version = -1;
  }

  setLevels(levels: Levels): Urgency {
    this.levels = levels;
    this.calmUpTo = -1;
    return this.urgency();
  }

  /** Puts it into a queue; the answer is whether it was not in that one, nor in a more urgent one, before. */
  enqueue(queue: 'later' | 'urgent'): boolean {
    if (this.queue === queue || this.queue === 'urgent') return false;
    this.queue = queue;
    return true;
  }

  /** Takes it out of its queue; the answer is whether it was in one. */
  dequeue(): boolean {
    const isQueued = this.queue !== 'none';
    this.queue = 'none';
    return isQueued;
  }

  /** What is sent to the store now. */
  send(): OwnTotal {
    const { category, span, earlier, keepMs } = this.window;
    const { own: total, sent, others, announced, instance, key: tenant } = this;
    this.sent = Math.max(sent, total);
    const levels = this.heldAgainst;
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

  /** The store has taken `total`; the answer is the level that this instance is to raise, if any. */
  taken(total: number, { count, earlier = 0, announced, announce }: Counted): AlertLevel | undefined {
    this.published = Math.max(this.published, total);
    this.others = Math.max(plus(count, -total), 0);
    this.earlier = earlier;
    this.announced = Math.max(this.announced, announced);
    if (this.held === 'refused') this.held = 'no';
    const level = announce > this.settled ? this.heldAgainst.steps.find(({ at }) => at === announce) : undefined;
    if (level) this.raised = level.at;
    return level;
  }

  /** Whether another instance was given a level that it has not announced yet. */
  get awaitsAnother(): boolean {
    const reached = levelReached(this.heldAgainst, this.known);
    return this.published === this.own && reached !== undefined && reached.at > this.settled;
  }

  /** What this instance counted is over a level on its own: the level to raise while the store cannot be asked. */
  alone(): AlertLevel | undefined {
    const level = levelReached(this.heldAgainst, this.own);
    if (!level || level.at <= this.settled) return undefined;
    this.raised = level.at;
    return level;
  }

  /** The alert for a level is recorded: the others are to know. */
  confirm({ at }: AlertLevel): void {
    this.announced = Math.max(this.announced, at);
  }

  /** The alert for a level could not be recorded: it may be given out again. */
  unraise({ at }: AlertLevel): void {
    if (this.raised !== at) return;
    this.raised = this.announced;
    this.calmUpTo = -1;
  }

  hold(why: 'refused' | 'lease'): void {
    if (this.held !== 'refused') this.held = why;
  }

  release(): void {
    this.held = 'no';
  }

  /** It will not be published any more; the answer is how much of it was not. */
  giveUp(): number {
    const { unpublished } = this;
    this.published = this.own;
    return unpublished;
  }

  breach(level: AlertLevel, countedBy: Breach['countedBy']): Breach {
    const { category, window, span, earlier } = this.window;
    const { tenant = { id: this.key }, route } = this;
    return {
      category: category.name,
      window: window.name,
      tenant,
      count: countedBy === 'all' ? this.known : this.own,
      threshold: this.heldAgainst.threshold,
      level,
      windowStart: earlier?.at(-1)?.start ?? span.start,
      windowEnd: span.end,
      route,
      countedBy,
    };
  }

  /** Lets go of what only an alert needs, if none is near, and in any case of the request that an id or a name was cut out of. */
  forgetTenant(): void {
    if (this.published !== this.own || !this.levels || !this.tenant) return;
    const { id, name } = this.tenant;
    if (this.isHot) {
      this.tenant = { ...this.tenant, id: id === this.key ? this.key : copied(id) };
      if (name !== undefined) this.tenant.name = copied(name);
      return;
    }
    if (name !== undefined) this.label = copied(name.slice(0, MAX_LABEL));
    this.tenant = this.route = undefined;
  }

  private get settled(): number {
    return Math.max(this.announced, this.raised);
  }

  private urgency(): Urgency {
    const { known } = this;
    if (known <= this.calmUpTo) return 'later';
    const { settled } = this;
    const { steps, counts } = this.heldAgainst;
    for (let i = 0; i < steps.length; i++) {
      const { at } = steps[i] as AlertLevel;
      const count = counts[i] as number;
      if (at <= settled) continue;
      if (known > count) {
        // One wait for each level: if another instance was given it, further requests gain nothing by waiting.
        if (this.waitedFor >= at) return 'later';
        this.waitedFor = at;
        return 'wait';
      }
      if (known > count / 2) return 'now';
      this.calmUpTo = count / 2;
      return 'later';
    }
    if (this.levels) this.calmUpTo = Infinity;
    return 'later';
  }

  private nextCount(): number {
    const { steps, counts } = this.heldAgainst;
    const next = steps.findIndex(({ at }) => at > this.settled);
    return counts[next] ?? Infinity;
  }
}
