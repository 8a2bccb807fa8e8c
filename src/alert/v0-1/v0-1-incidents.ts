import { setTimeout as after } from 'node:timers/promises';

import type { AlertLevel } from '../../model/level.js';
import type { Route } from '../../model/route.js';
import type { Tenant } from '../../model/tenant.js';
import { keptTenant } from '../../model/tenant-attributes.js';
import { windowName } from '../../model/window-name.js';
import { Records } from '../../store/records.js';
import type { SharedState } from '../../store/shared-state.js';
import { recordId, type Incident, type Told } from '../incident/incident.js';
import { isIncident } from '../incident/incident-from-store.js';

/** An open incident as 0.1 stores it. Windows are numbered: a window starts at its number times `windowMs`. */
interface Old {
  readonly id: string;
  readonly category: string;
  readonly tenant: Tenant;
  readonly windowMs: number;
  readonly threshold: number;
  readonly route?: Route;
  readonly worst: AlertLevel;
  /** The highest level that was sent, by its value; 0 for none. */
  readonly told: number;
  readonly toldAt: number;
  readonly first: number;
  readonly last: number;
  readonly peak: { readonly count: number; readonly window: number };
  readonly total: number;
  readonly calm: number;
  readonly unsettled: number;
  readonly seen?: Readonly<Record<string, number>>;
  /** What channels stored about the incident, by channel name. */
  readonly notes: Readonly<Record<string, string>>;
}

/** Which service and environment took over an incident, and as which record. */
interface Claim {
  readonly scope: string;
  readonly record: string;
  readonly uid: string;
}

/** An incident of 0.1, as a record of this version. */
interface Adopted {
  readonly id: string;
  readonly incident: Incident;
}

/** Replicas of 0.1 write a key that lasts 900 ms once a second, so one of two looks this far apart sees it. */
const SECOND_LOOK_MS = 350;
/** After this many looks without that key, no replica of 0.1 is left. */
const SILENT_LOOKS = 3;
const CLAIMS = 'v0-1';
const MAX_CLAIMS = 10_000;

/**
 * Takes over open incidents of 0.1 once none of its replicas is running. They are copied; the originals stay until their end is sent, so
 * that 0.1 can continue them if it is deployed again. In both versions, whichever replica sends the end removes the original, and an
 * incident whose original is gone is over.
 */
export class V01Incidents {
  private readonly claims: Records<Claim>;
  private silentLooks = 0;
  private isDone = false;

  /** @param categories The app's own categories; incidents of any other belong to another service. */
  constructor(
    private readonly state: SharedState,
    private readonly scope: string,
    private readonly categories: readonly string[],
  ) {
    this.claims = new Records(state, CLAIMS);
  }

  /** Whether 0.1 is gone, so that this version may end its incidents. */
  get isGone(): boolean {
    return this.state.v01 === undefined || this.silentLooks >= SILENT_LOOKS;
  }

  /**
   * Called once a second.
   *
   * @param adopt - Takes over an incident.
   * @param drop - Ends an incident without an alert, because 0.1 has sent its end.
   */
  async look(
    channels: ReadonlyMap<string, string>,
    now: number,
    adopt: (adopted: Adopted) => Promise<unknown>,
    drop: (claim: Claim) => Promise<unknown>,
  ): Promise<void> {
    const { v01 } = this.state;
    if (!v01) return;
    if ((await v01.isAlive()) || (!this.isGone && (await after(SECOND_LOOK_MS), await v01.isAlive()))) {
      this.silentLooks = 0;
      this.isDone = false;
      return;
    }
    this.silentLooks++;
    if (!this.isGone || this.isDone) return;
    const left = await v01.list('incidents');
    for (const claim of await this.claims.list(MAX_CLAIMS)) {
      const isLeft = [...left.values()].some((text) => parse(text)?.id === claim.uid);
      if (claim.scope !== this.scope || isLeft) continue;
      await drop(claim);
      await this.claims.change(claim.uid, () => undefined);
    }
    for (const [key, text] of left) {
      const old = parse(text);
      if (!old || !this.categories.includes(old.category)) continue;
      const adopted = adoptedFrom(old, key, channels, now);
      if (!isIncident(adopted.incident)) continue;
      const mine: Claim = { scope: this.scope, record: adopted.id, uid: old.id };
      const { after: claim } = await this.claims.change(old.id, (there) => there ?? mine);
      if (claim?.scope === this.scope) await adopt(adopted);
    }
    this.isDone = true;
  }

  /** Removes the original of an incident that has ended. */
  async ended({ uid, v01: key }: Pick<Incident, 'uid' | 'v01'>): Promise<void> {
    if (key === undefined) return;
    await this.state.v01?.remove('incidents', key, (text) => parse(text)?.id === uid);
    await this.claims.change(uid, () => undefined);
  }
}

function parse(text: string): Old | undefined {
  try {
    const old = JSON.parse(text) as Partial<Old> | null;
    const isOne = typeof old?.id === 'string' && typeof old.tenant?.id === 'string' && Number(old.windowMs) > 0;
    return isOne && Number.isFinite(old.last) && old.peak && old.worst ? (old as Old) : undefined;
  } catch {
    return undefined;
  }
}

/** @param channels The names of this replica's channels, by which 0.1 knows them, by key. */
function adoptedFrom(old: Old, key: string, channels: ReadonlyMap<string, string>, now: number): Adopted {
  const { id, category, tenant, windowMs, threshold, route, worst, peak, first, last, seen, total, calm } = old;
  const startOf = (number: number): number => Math.round(number * windowMs);
  const over = (number: number, count: number): Incident['windows'][number] => {
    const [start, end] = [startOf(number), startOf(number + 1)];
    const counted = { count, crossing: count, threshold, level: worst, countedBy: 'all' as const };
    return { start, end, seenAt: Math.min(now, end), ...counted, ...(route ? { route } : {}) };
  };
  const lastCount = seen?.[String(last)] ?? (peak.window === last ? peak.count : 0);
  const windows = [over(last, lastCount)];
  if (peak.window !== last) windows.unshift(over(peak.window, peak.count));
  // As in 0.1, an incident that was never sent is sent only with its next breach.
  const told = (name: string): Told => ({
    ...(old.told > 0
      ? { levels: { '': old.told }, when: old.toldAt || startOf(last) }
      : { levels: {}, held: startOf(last + 1) }),
    ...(old.notes?.[name] === undefined ? {} : { memory: old.notes[name] }),
    delivery: { status: old.told > 0 ? 'delivered' : 'suppressed', attempts: 0 },
  });
  const incident: Incident = {
    uid: id,
    v01: key,
    category,
    window: '',
    lengthName: windowName({ windowMs }),
    tenant: keptTenant(tenant),
    story: true,
    raisedAt: startOf(first),
    startedAt: startOf(first),
    windows,
    hot: last - first + 1,
    streak: { windows: last - first + 1, since: startOf(first) },
    worst,
    peak: { count: peak.count, start: startOf(peak.window) },
    total,
    calm,
    settledTo: startOf(old.unsettled),
    told: Object.fromEntries(Array.from(channels, ([channelKey, name]) => [channelKey, told(name)])),
    lookAt: now,
  };
  return { id: recordId(incident, true), incident };
}
