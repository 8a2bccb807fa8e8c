import type { Logger } from '@nestjs/common';

import { Records } from '../store/records.js';
import type { SharedState } from '../store/shared-state.js';
import { oneLine } from '../util/text.js';
import type { RateAlert } from '../model/rate-alert.js';
import { checkMute, type Mute, type MutedScope, type MuteOptions } from './mute.js';

/** A mute is over for the log a little after it is for alerts: what other replicas held back last is still on its way. */
const SETTLES_AFTER_MS = 2_000;

/** As it is kept. */
interface Kept extends MutedScope {
  until: number;
  reason: string;
  heldBack: number;
}

/**
 * Who is not to be alerted on for a while. Shared by all replicas; each knows those of the others from its last look, so that an alert
 * waits for no store.
 */
export class Mutes {
  private readonly records: Records<Kept>;
  private known: readonly Kept[] = [];
  /** Held back here and not yet added to the record. */
  private readonly heldBack = new Map<string, number>();

  constructor(
    state: SharedState,
    private readonly now: () => number,
    private readonly logger: Logger,
  ) {
    this.records = new Records(state, 'mutes');
  }

  async mute(options: MuteOptions): Promise<Mute> {
    const { tenant, category, forMs, reason } = checkMute(options);
    const kept: Kept = { ...scopeOf({ tenant, category }), until: this.now() + forMs, reason, heldBack: 0 };
    const { after } = await this.records.change(idOf(kept), (before) => ({ ...kept, heldBack: before?.heldBack ?? 0 }));
    await this.refresh();
    return toMute(after ?? kept);
  }

  /** Gives back whether there was one. */
  async unmute(scope: MutedScope): Promise<boolean> {
    await this.flush();
    const ended = await this.end(idOf(scope), () => true);
    await this.refresh();
    return ended;
  }

  async list(): Promise<Mute[]> {
    await this.refresh();
    return this.known.map(toMute);
  }

  /** The mute that an alert falls under, as far as it is known here. */
  over({ tenant, category }: RateAlert): Mute | undefined {
    const now = this.now();
    const kept = this.known.find(
      (mute) =>
        mute.until > now && (mute.tenant ?? tenant.id) === tenant.id && (mute.category ?? category) === category,
    );
    return kept && toMute(kept);
  }

  /** Counts an alert that did not go out. The record learns of it at the next look: a storm under one mute would fight over that. */
  holdBack(mute: Mute): void {
    const id = idOf(mute);
    this.heldBack.set(id, (this.heldBack.get(id) ?? 0) + 1);
  }

  /** Tells the record what was held back here; where the store is away that is kept for the next time. */
  async flush(): Promise<void> {
    for (const id of [...this.heldBack.keys()]) await this.addHeldBack(id);
  }

  /** Looks at what all replicas know, and ends what has run out. */
  async refresh(): Promise<void> {
    await this.flush();
    const kept = await this.records.list();
    this.known = kept.filter(({ until }) => until > this.now());
    const isSettled = ({ until }: Kept): boolean => until + SETTLES_AFTER_MS <= this.now();
    for (const mute of kept) if (isSettled(mute)) await this.end(idOf(mute), isSettled);
  }

  /** Whoever takes the record away says how it was. */
  private async end(id: string, isOver: (mute: Kept) => boolean): Promise<boolean> {
    const { before, after } = await this.records.change(id, (mute) => (mute && isOver(mute) ? undefined : mute));
    if (!before || after) return false;
    const whom = oneLine([before.tenant ?? 'every tenant', before.category ?? 'every category'].join(', '));
    this.logger.log(`The mute of ${whom} (${oneLine(before.reason)}) is over: it held back ${before.heldBack} alerts`);
    return true;
  }

  private async addHeldBack(id: string): Promise<void> {
    const more = this.heldBack.get(id) ?? 0;
    this.heldBack.delete(id);
    try {
      await this.records.change(id, (mute) => mute && { ...mute, heldBack: mute.heldBack + more });
    } catch (error) {
      this.heldBack.set(id, (this.heldBack.get(id) ?? 0) + more);
      throw error;
    }
  }
}

function scopeOf({ tenant, category }: MutedScope): MutedScope {
  return { ...(tenant === undefined ? {} : { tenant }), ...(category === undefined ? {} : { category }) };
}

function idOf({ tenant, category }: MutedScope): string {
  return JSON.stringify([category ?? null, tenant ?? null]);
}

function toMute({ until, ...mute }: Kept): Mute {
  return { ...mute, until: new Date(until) };
}
