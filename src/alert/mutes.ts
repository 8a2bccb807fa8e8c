import { randomUUID } from 'node:crypto';

import type { Logger } from '@nestjs/common';

import { idLabel } from '../util/shown-names.js';
import { insteadOfCategory } from '../model/category.js';
import { keyOfShown } from '../model/tenant.js';
import { Records, unlessNewer, withStore } from '../store/records.js';
import { KEPT_FOR_MS, type SharedState } from '../store/shared-state.js';
import { checkNames } from '../util/option-names.js';
import { oneLine, plural, shownOption } from '../util/text.js';
import { V01Mutes } from './v0-1/v0-1-mutes.js';

/** What to mute. */
export interface MutedScope {
  /**
   * Id of a tenant. Leave it out to mute all; `undefined` is a `TypeError`, because an id that was not loaded must not mute everybody.
   *
   * @defaultValue every tenant
   */
  tenant?: string | undefined;
  /**
   * A configured category. Leave it out to mute all; `undefined` is a `TypeError`.
   *
   * @defaultValue every category
   */
  category?: string | undefined;
}

/** Options of {@link AlertService.mute}. */
export interface MuteOptions extends MutedScope {
  /** How long, in milliseconds: above 0, 30 days at most. Anything else is a `RangeError`. */
  forMs: number;
  /** Why, for people who read the log later: one line, cut after 200 characters. An empty reason is a `TypeError`. */
  reason: string;
  /**
   * Who mutes: one line, cut after 80 characters.
   *
   * @defaultValue no name is shown
   */
  by?: string | undefined;
}

/** A mute holds alerts back for a while. Counting continues. */
export interface Mute extends MutedScope {
  /** When it ends. */
  until: Date;
  /** Why it was set. */
  reason: string;
  /** Who set it, if given. */
  by?: string;
  /** How many alerts it has held back so far: a run of windows, or an incident, counts once. */
  heldBack: number;
}

/** The stored record. A mute ended early stays until its original end, so that no instance that still knows it restores it. */
interface Kept extends MutedScope {
  until: number;
  reason: string;
  by?: string;
  heldBack: number;
  /** When it was set or ended; the higher version wins. */
  version: number;
  ended?: true;
}

const MAX_BY = 80;
/** The end is logged this much later, once other replicas have added what they held back. */
const LOGS_END_AFTER_MS = 2_000;
/** Every replica notices within this time that a mute is over. */
const LOGS_ONCE_MS = 600_000;
const OPTIONS = ['tenant', 'category', 'forMs', 'reason', 'by'];

/**
 * Mutes, shared by all replicas. Each replica uses its last read, so that no alert waits for the store, and restores mutes if the store
 * loses its data.
 */
export class Mutes {
  private readonly records: Records<Kept>;
  private readonly v01: V01Mutes;
  private known = new Map<string, Kept>();
  /** How many alerts were held back here and are not yet in the record. */
  private readonly heldBack = new Map<string, number>();
  /** Set if a mute was ended or shortened here: what it held back is still recorded with the former end. */
  private endsSooner = false;

  /**
   * @param scope - The service and environment that mutes apply to.
   * @param categories - What may be muted.
   */
  constructor(
    private readonly state: SharedState,
    private readonly scope: string,
    private readonly categories: readonly string[],
    private readonly now: () => number,
    private readonly logger: Pick<Logger, 'log'>,
  ) {
    // One that is malformed must not break the others.
    const isOne = ({ tenant = '' }: Partial<Kept>): boolean => typeof tenant === 'string';
    this.records = new Records(state, `mutes:${scope}`, undefined, isOne);
    this.v01 = new V01Mutes(state, scope);
  }

  /** @throws RangeError, TypeError or, if the store is away, an Error. */
  async mute(options: MuteOptions): Promise<Mute> {
    const { forMs, reason, by } = this.checked(options);
    const now = this.now();
    const kept: Kept = {
      ...scopeOf(options),
      until: now + forMs,
      // Every replica reads all mutes each second.
      reason: oneLine(reason),
      ...(by == null ? {} : { by: oneLine(by, MAX_BY) }),
      heldBack: 0,
      version: now,
    };
    const id = idOf(kept);
    const change = (before: Kept | undefined): Kept => ({
      ...kept,
      heldBack: before && !before.ended ? before.heldBack : 0,
      version: Math.max(now, (before?.version ?? 0) + 1),
    });
    await withStore('The mute was not set', async () => {
      await this.v01.write(id, kept);
      await this.change(id, change);
    });
    const whose = kept.by === undefined ? '' : ` by ${idLabel(kept.by, MAX_BY)}`;
    this.logger.log(`Muted ${whom(kept)}${whose} until ${new Date(kept.until).toISOString()} (${kept.reason})`);
    return toMute(this.known.get(id) ?? kept);
  }

  /** Returns whether there was such a mute. */
  async unmute(scope: MutedScope): Promise<boolean> {
    checkScope(scope, ['tenant', 'category']);
    return withStore('The mute was not ended', async () => {
      await this.flush();
      return this.endNow(idOf(scope));
    });
  }

  /** The mutes in force; while the store is away, those this replica knows. */
  async list(): Promise<Mute[]> {
    await this.refresh().catch(() => undefined);
    return this.running().map(toMute);
  }

  /** The mute that applies to an alert, as last read; if there are several, the one that lasts longest. */
  of(category: string, tenantId: string): Mute | undefined {
    const isOf = ({ tenant = tenantId }: Kept): boolean => keyOfShown(tenant) === keyOfShown(tenantId);
    const found = this.running().filter((mute) => (mute.category ?? category) === category && isOf(mute));
    const [longest] = found.sort((a, b) => b.until - a.until);
    return longest && toMute(longest);
  }

  /** Counts an alert that was held back. Written at the next refresh, so that a storm does not write the record a thousand times. */
  holdBack(mute: MutedScope): void {
    const id = idOf(mute);
    this.heldBack.set(id, (this.heldBack.get(id) ?? 0) + 1);
  }

  /** Calls `release` if a mute was ended or shortened here, for what it held back. If that fails, the next call does. */
  async releaseHeld(release: () => Promise<void>): Promise<void> {
    if (!this.endsSooner) return;
    this.endsSooner = false;
    try {
      await release();
    } catch {
      this.endsSooner = true;
    }
  }

  /** Adds the counts of held-back alerts to the records; if the store is away, the next refresh does. */
  async flush(): Promise<void> {
    for (const [id, more] of [...this.heldBack]) {
      this.heldBack.delete(id);
      try {
        const before = await this.change(id, (mute) => mute && { ...mute, heldBack: mute.heldBack + more });
        // The store lost the mute, so it is restored with this count.
        const mine = this.known.get(id);
        if (!before && mine) this.known.set(id, { ...mine, heldBack: mine.heldBack + more });
      } catch (error) {
        this.heldBack.set(id, (this.heldBack.get(id) ?? 0) + more);
        throw error;
      }
    }
  }

  /** Reads all mutes, restores those the store lost, and ends those that have run out. */
  async refresh(): Promise<void> {
    await this.flush();
    const now = this.now();
    const kept = await this.records.entries();
    for (const [id, mine] of this.known) {
      const there = kept.get(id);
      if (there && there.version >= mine.version) continue;
      // Not restored: 0.1 may have set it again since.
      if (mine.until + LOGS_END_AFTER_MS <= now) {
        if (!there && !mine.ended) await this.over(id, mine);
        continue;
      }
      if (!mine.ended) await this.v01.write(id, mine);
      const later = (other: Kept | undefined): Kept => (other && other.version >= mine.version ? other : mine);
      kept.set(id, (await this.records.change(id, later).catch(unlessNewer))?.after ?? mine);
    }
    this.known = kept;
    await this.followV01(now);
    for (const [id, mute] of kept) if (mute.until + LOGS_END_AFTER_MS <= now) await this.end(id);
  }

  /** Sets or ends the mutes that a replica of 0.1 has set or ended, and puts back what Redis has lost. */
  private async followV01(now: number): Promise<void> {
    const { set, ended, lost } = await this.v01.look();
    for (const id of ended) await this.endNow(id);
    for (const mute of this.running()) if (lost.includes(idOf(mute))) await this.v01.write(idOf(mute), mute);
    for (const [id, { tenant, category, until, reason }] of set) {
      if (until <= now || this.known.get(id)?.until === until) continue;
      await this.change(id, (there) => {
        const version = Math.max(now, (there?.version ?? 0) + 1);
        return there?.until === until
          ? there
          : { ...scopeOf({ tenant, category }), until, reason, heldBack: 0, version };
      });
    }
  }

  private running(): Kept[] {
    const now = this.now();
    return [...this.known.values()].filter(({ until, ended }) => until > now && !ended);
  }

  private async end(id: string): Promise<void> {
    const isOver = (mute: Kept): boolean => mute.until + LOGS_END_AFTER_MS <= this.now();
    const { before, after } = await this.records.change(id, (mute) => (mute && isOver(mute) ? undefined : mute));
    // It may have been extended meanwhile.
    if (after) this.known.set(id, after);
    else this.known.delete(id);
    if (before && !after && !before.ended) await this.over(id, before);
  }

  /**
   * Logs the end once. A lease decides, because the store may lose the record, or a replica whose clock is behind may restore it. Its owner
   * is this call, not this replica, which may get here twice.
   */
  private async over(id: string, mute: Kept): Promise<void> {
    await this.v01.remove(id, mute.until);
    const lease = `mute-over:${this.scope}:${mute.version}:${id}`;
    if (!(await this.state.claim(lease, randomUUID(), LOGS_ONCE_MS))) return;
    this.logger.log(
      `The mute of ${whom(mute)} (${oneLine(mute.reason)}) is over: it held back ${plural(mute.heldBack, 'alert')}`,
    );
  }

  /** @returns Whether such a mute was in force. */
  private async endNow(id: string): Promise<boolean> {
    const now = this.now();
    const holds = (mute: Kept | undefined): mute is Kept => mute !== undefined && !mute.ended && mute.until > now;
    const before = await this.change(id, (mute) =>
      holds(mute) ? { ...mute, ended: true, version: Math.max(now, mute.version + 1) } : mute,
    );
    if (!holds(before)) return false;
    await this.over(id, before);
    return true;
  }

  private async change(id: string, change: (before: Kept | undefined) => Kept | undefined): Promise<Kept | undefined> {
    const { before, after } = await this.records.change(id, change);
    if (!after) return before;
    this.known.set(id, after);
    if (before && !before.ended && (after.ended || after.until < before.until)) this.endsSooner = true;
    return before;
  }

  private checked(options: MuteOptions): MuteOptions {
    checkScope(options, OPTIONS);
    const { category, forMs, reason, by } = options;
    if (!Number.isFinite(forMs) || forMs <= 0)
      throw new RangeError(`forMs is ${oneLine(String(forMs), 40)}: write a number of milliseconds above 0`);
    if (forMs > KEPT_FOR_MS)
      throw new RangeError(`forMs is ${forMs}: write ${KEPT_FOR_MS} (30 days) at most, and mute again before it ends`);
    if (typeof reason !== 'string' || oneLine(reason) === '')
      throw new TypeError('reason is empty: write why, for those who read the log');
    if (by != null && typeof by !== 'string') throw new TypeError('by is not a string: write who mutes');
    if (category !== undefined && !this.categories.includes(category))
      throw new TypeError(
        `category is '${shownOption(category)}', which is not configured: write ${insteadOfCategory(this.categories)}`,
      );
    return options;
  }
}

/** A misspelled option, or an id that failed to load, would leave the scope open and mute everything. */
function checkScope(scope: MutedScope, options: readonly string[]): void {
  checkNames(scope, options);
  for (const name of ['tenant', 'category'] as const) {
    if (name in scope && (typeof scope[name] !== 'string' || scope[name] === ''))
      throw new TypeError(
        `${name} is ${scope[name] === '' ? 'empty' : 'not a string'}: write its ${name === 'tenant' ? 'id' : 'name'}, or leave it out for all`,
      );
  }
}

function scopeOf({ tenant, category }: MutedScope): MutedScope {
  return { ...(tenant === undefined ? {} : { tenant }), ...(category === undefined ? {} : { category }) };
}

/** The same for a long id and its shortened one. */
function idOf({ tenant, category }: MutedScope): string {
  return JSON.stringify([category ?? null, tenant === undefined ? null : keyOfShown(tenant)]);
}

function whom({ tenant, category }: MutedScope): string {
  const muted = tenant === undefined ? 'every tenant' : idLabel(tenant, 100);
  return `${muted}, ${oneLine(category ?? 'every category', 80)}`;
}

function toMute({ tenant, category, until, reason, by, heldBack }: Kept): Mute {
  const scope = scopeOf({ tenant, category });
  return { ...scope, until: new Date(until), reason, ...(by === undefined ? {} : { by }), heldBack };
}
