import { randomUUID } from 'node:crypto';

import type { Logger } from '@nestjs/common';

import type { Category } from '../model/category.js';
import type {
  RemoveThresholdOptions,
  SetThresholdOptions,
  ThresholdChange,
  ThresholdOverride,
} from '../model/threshold-override.js';
import { idLabel } from '../util/shown-names.js';
import { Records, unlessNewer, withStore } from '../store/records.js';
import type { SharedState } from '../store/shared-state.js';
import { amountOf, oneLine, storeReasonOf } from '../util/text.js';
import { checkRemove, checkSet } from './check-override.js';
import {
  holds,
  idOf,
  isPast,
  nextRecord,
  presentName,
  thresholdOf,
  toChange,
  toOverride,
  type KeptOverride,
  type NextOverride,
} from './kept-override.js';
import { OverrideIndex } from './override-index.js';

/** More thresholds than this belong in the app's database, behind a threshold function. */
const MAX_OVERRIDES = 1_000;
/** How many removed and expired ones to keep, newest first, so that no replica restores them. */
const MAX_ENDED = 4_000;
/** Both of the above, with room for what is set before a replica reads again. */
const MAX_READ = 10_000;
/** Changes kept for {@link Overrides.changes}. */
const MAX_CHANGES = 200;
/** By then all replicas have a change. */
const LEARNED_AFTER_MS = 3_000;
/** Everything is read again after this many looks, in case a replica died between a change and its mark. */
const LOOKS_PER_FULL_READ = 30;

const CHANGES = 'threshold-changes';
const LATEST = 'latest';

interface OverridesOptions {
  readonly categories: ReadonlyMap<string, Category>;
  readonly state: SharedState;
  /** The store's clock. */
  readonly now: () => number;
  readonly logger: Pick<Logger, 'log' | 'warn'>;
  /** Called for each change that is made here. It must not throw. */
  readonly changed: (change: ThresholdChange) => void;
  /**
   * Called on every replica with a category whose thresholds have expired, and on the one that changed some once all have them: until then,
   * another may alert by the former. Called again at the next look if it rejects.
   */
  readonly settled: (category: string) => Promise<void>;
}

/** Replaced at each change; a replica that sees a new value reads everything again. */
interface Mark {
  readonly mark: string;
}

/**
 * Thresholds set at run time, shared by all replicas. Each replica holds a copy, checks once a second whether it is current, and restores
 * what the store has lost. No request waits for the store.
 */
export class Overrides {
  private readonly records: Records<KeptOverride>;
  private readonly marks: Records<Mark>;
  private readonly known = new Map<string, KeptOverride>();
  /** The latest changes by record id, newest first: those of the store, and those made here. */
  private trace = new Map<string, string>();
  private held: readonly KeptOverride[] = [];
  private index = new OverrideIndex([]);
  private currentVersion = 0;
  /** When the next override in force ends. */
  private nextEnd = Infinity;
  /** Categories whose thresholds have settled, until that is reported. */
  private readonly settled = new Set<string>();
  /** When categories that were changed here settle. */
  private readonly settlesAt = new Map<string, number>();
  private seenMark: string | undefined;
  private looks = 0;

  constructor(private readonly options: OverridesOptions) {
    // One that is malformed must not break the others.
    const isOne = ({ tenant }: Partial<KeptOverride>): boolean => tenant === null || typeof tenant === 'string';
    this.records = new Records(options.state, 'thresholds', undefined, isOne);
    this.marks = new Records(options.state, 'thresholds-mark');
  }

  /** Grows with each change of what is in force; levels found at a lower version are stale. */
  get version(): number {
    this.present();
    return this.currentVersion;
  }

  /** The threshold set for this tenant and no other. */
  exactly(category: string, window: string, tenantId: string): number | undefined {
    return this.present().exactly(category, window, tenantId);
  }

  /** The threshold set for a prefix of the tenant's id, else for the whole category. */
  broadly(category: string, window: string, tenantId: string): number | undefined {
    return this.present().broadly(category, window, tenantId);
  }

  /**
   * Sets a threshold. It is in force here when this resolves, and on all replicas within two seconds.
   *
   * @throws if an option is wrong or the store is away; nothing has changed then.
   */
  async set(options: SetThresholdOptions): Promise<ThresholdOverride> {
    const { categories } = this.options;
    const next = checkSet(options, categories, this.now());
    const failed = 'The threshold was not set';
    await withStore(failed, () => this.readAll());
    // One that was removed is still known, and is one more.
    const others = this.inForce().filter((kept) => idOf(kept) !== idOf(next.scope));
    if (others.length >= MAX_OVERRIDES)
      throw new RangeError(`${MAX_OVERRIDES} thresholds are set, the maximum: remove one, or use a function`);
    return toOverride(await withStore(failed, () => this.change(next)), categories);
  }

  /** Removes a threshold; resolves to whether there was one. */
  async remove(options: RemoveThresholdOptions): Promise<boolean> {
    const failed = 'The threshold was not removed';
    await withStore(failed, () => this.readAll());
    const next = checkRemove(options, this.options.categories, this.inForce());
    if (!this.inForce().some((kept) => idOf(kept) === idOf(next.scope))) return false;
    await withStore(failed, () => this.change(next));
    return true;
  }

  /** The overrides in force. */
  async list(): Promise<ThresholdOverride[]> {
    await withStore('Thresholds cannot be read', () => this.readAll());
    return this.inForce().map((kept) => toOverride(kept, this.options.categories));
  }

  /** The latest changes, newest first. */
  async changes(): Promise<ThresholdChange[]> {
    await withStore('Changes of thresholds cannot be read', () => this.readTrace());
    return [...this.trace.values()].map((line) => readChange(line)).filter((change) => change !== undefined);
  }

  /** Runs once a second: picks up changes by other replicas, restores what the store has lost, and reports what has expired. */
  async look(): Promise<void> {
    this.present();
    await this.learnAll();
    for (const [category, at] of this.settlesAt)
      if (this.now() >= at && this.settlesAt.delete(category)) this.settled.add(category);
    for (const category of this.settled) {
      await this.options.settled(category);
      this.settled.delete(category);
    }
  }

  private async learnAll(): Promise<void> {
    const mark = (await this.marks.read(LATEST))?.mark;
    // No mark: nothing was ever set, or the store has lost everything.
    if (mark === this.seenMark && (mark ?? this.known.size === 0) && ++this.looks % LOOKS_PER_FULL_READ !== 0) return;
    const isPutBack = await this.readAll();
    await this.readTrace();
    this.seenMark = mark;
    // Other replicas may have read before this one restored it.
    if (isPutBack || (mark === undefined && this.known.size > 0)) await this.mark();
  }

  private async change(next: NextOverride): Promise<KeptOverride> {
    const id = idOf(next.scope);
    const now = this.now();
    const { before, after } = await this.records.change(id, (there) => nextRecord(next, there, now));
    const kept = after as KeptOverride;
    this.learn(id, kept);
    this.rebuild();
    this.settlesAt.set(kept.category, now + LEARNED_AFTER_MS);
    const from = before && holds(before, now) ? thresholdOf(before) : undefined;
    await this.tell(toChange(kept, from, this.options.categories));
    return kept;
  }

  private present(): OverrideIndex {
    if (this.nextEnd !== Infinity && this.now() >= this.nextEnd) this.rebuild();
    return this.index;
  }

  private now(): number {
    return this.options.now();
  }

  private inForce(): KeptOverride[] {
    const now = this.now();
    return [...this.known.values()].filter((kept) => holds(kept, now));
  }

  /** Syncs the store and this replica: both end up with the newer record of each threshold. Resolves to whether the store lacked any. */
  private async readAll(): Promise<boolean> {
    const stored = new Map((await this.records.list(MAX_READ)).map((kept) => [idOf(kept), kept]));
    const now = this.now();
    let learned = false;
    let isPutBack = false;
    for (const [id, kept] of stored) {
      if (isPast(kept, now))
        await this.records.change(id, (there) => (there && isPast(there, now) ? undefined : there));
      else if (this.learn(id, kept)) learned = true;
    }
    for (const id of this.tooLongEnded(now)) {
      this.known.delete(id);
      if (stored.has(id)) await this.records.change(id, (there) => (there && !holds(there, now) ? undefined : there));
    }
    for (const [id, mine] of this.known) {
      if (isPast(mine, now)) this.known.delete(id);
      else if ((stored.get(id)?.version ?? 0) < mine.version && (await this.putBack(id, mine))) isPutBack = true;
    }
    if (learned) this.rebuild();
    return isPutBack;
  }

  /** Replicas with the same records get the same result. */
  private tooLongEnded(now: number): string[] {
    return [...this.known]
      .filter(([, kept]) => !holds(kept, now))
      .sort(([, a], [, b]) => b.at - a.at)
      .slice(MAX_ENDED)
      .map(([id]) => id);
  }

  private learn(id: string, kept: KeptOverride): boolean {
    if (kept.version <= (this.known.get(id)?.version ?? 0)) return false;
    this.known.set(id, kept);
    return true;
  }

  /** Resolves to false if a newer version of this package has set it. */
  private async putBack(id: string, mine: KeptOverride): Promise<boolean> {
    const restored = (there?: KeptOverride): KeptOverride => (there && there.version >= mine.version ? there : mine);
    return (await this.records.change(id, restored).catch(unlessNewer)) !== undefined;
  }

  /** Syncs the latest changes with the store. Each has its own id, so one that several replicas restore is stored once. */
  private async readTrace(): Promise<void> {
    const { state } = this.options;
    const stored = await state.list(CHANGES, MAX_CHANGES);
    const lost = [...this.trace].filter(([id]) => !stored.has(id));
    const all = [...new Map([...lost, ...stored])].map(([id, line]) => ({ id, line, at: timeOf(line) }));
    // Otherwise the store's order is kept, which is more accurate: the clocks of replicas differ by some milliseconds.
    if (lost.length > 0) all.sort((a, b) => b.at - a.at);
    const latest = all.slice(0, MAX_CHANGES);
    this.trace = new Map(latest.map(({ id, line }) => [id, line]));
    // Oldest first, because the store keeps the records that were written last.
    for (const { id, line } of latest.reverse()) if (!stored.has(id)) await state.swap(CHANGES, id, undefined, line);
  }

  private rebuild(): void {
    const inForce = this.inForce();
    const now = this.now();
    for (const { category, until } of this.held) if (until !== null && until <= now) this.settled.add(category);
    this.held = inForce;
    this.index = new OverrideIndex(this.withPresentNames(inForce));
    this.nextEnd = Math.min(...inForce.map(({ until }) => until ?? Infinity));
    this.currentVersion++;
  }

  /** Leaves out windows that are not configured here: replicas of another version may have them. */
  private *withPresentNames(overrides: Iterable<KeptOverride>): Generator<KeptOverride> {
    for (const kept of overrides) {
      const window = presentName(this.options.categories, kept);
      if (window !== undefined) yield { ...kept, window };
    }
  }

  private mark(): Promise<unknown> {
    return this.marks.change(LATEST, () => ({ mark: randomUUID() }));
  }

  /** The threshold applies even if these writes fail: other replicas read everything from time to time, and the log has the change. */
  private async tell(change: ThresholdChange): Promise<void> {
    const { logger, state, changed } = this.options;
    logger.log(describe(change));
    changed(change);
    const [id, line] = [randomUUID(), JSON.stringify(writeChange(change))];
    this.trace = new Map([[id, line], ...this.trace]);
    try {
      await this.mark();
      await state.swap(CHANGES, id, undefined, line);
      await state.trim(CHANGES, MAX_CHANGES);
    } catch (error) {
      logger.warn(`A threshold change was not added to the history (${storeReasonOf(error)})`);
    }
  }
}

function describe({ category, window, tenant, from, to, until, by, reason }: ThresholdChange): string {
  const what = [category, ...(window === undefined ? [] : [`(${window})`])].join(' ');
  const whom = tenant === undefined ? 'every tenant' : `tenant ${idLabel(tenant, 100)}`;
  const was = from === undefined ? '' : ` (was ${amountOf(from)})`;
  const end = until ? ` until ${until.toISOString()}` : '';
  const did = to === undefined ? `no longer set${was}` : `set to ${amountOf(to)}${was}${end}`;
  return `Threshold of ${what} for ${whom} is ${did}, by ${idLabel(by, 100)}: ${oneLine(reason)}`;
}

/** JSON has no infinity. */
function writeChange(change: ThresholdChange): object {
  const text = (value: number | undefined): number | string | undefined => (value === Infinity ? 'Infinity' : value);
  return { ...change, from: text(change.from), to: text(change.to) };
}

function timeOf(line: string): number {
  return readChange(line)?.at.getTime() ?? 0;
}

function readChange(line: string): ThresholdChange | undefined {
  try {
    const { at, until, from, to, ...rest } = JSON.parse(line) as Omit<ThresholdChange, 'from' | 'to'> &
      Record<'from' | 'to', number | string | undefined>;
    return {
      ...rest,
      at: new Date(at),
      ...(from === undefined ? {} : { from: Number(from) }),
      ...(to === undefined ? {} : { to: Number(to) }),
      ...(until === undefined ? {} : { until: new Date(until) }),
    };
  } catch {
    return undefined;
  }
}
