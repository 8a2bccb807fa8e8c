import { createHash } from 'node:crypto';

import type { Delivery } from '../../model/alert-record.js';
import type { IncidentStatus } from '../../model/rate-alert.js';
import type { Breach } from '../../model/breach.js';
import type { AlertLevel } from '../../model/level.js';
import type { Route } from '../../model/route.js';
import { keptTenant } from '../../model/tenant-attributes.js';
import { keyOfShown, type Tenant } from '../../model/tenant.js';

/** The last totals of a window arrive a little after its end. */
export const SETTLES_AFTER_MS = 1_000;
/** A record keeps only the latest windows. */
const MAX_WINDOWS = 5;
/** A time this far in the future was written before the store's clock fell back. */
export const CLOCK_FELL_BACK_MS = 60_000;

/** Who makes up a count. */
export type Contributors = NonNullable<Breach['contributors']>;

/** A window in which a level was crossed. Times in milliseconds since the epoch. */
export interface WindowOver {
  readonly start: number;
  readonly end: number;
  /** The length of a sliding window. Overlapping ones form one stretch, from `start` to `end`, which may be longer. */
  readonly lengthMs?: number;
  /** When the last crossing was noticed. */
  readonly seenAt: number;
  /** The highest count that was read. */
  readonly count: number;
  /** The count when `level` was crossed. */
  readonly crossing: number;
  readonly threshold: number;
  /** The highest level that was crossed. */
  readonly level: AlertLevel;
  readonly route?: Route | undefined;
  /** Who made up the count when it was last read. */
  readonly contributors?: Contributors;
  readonly countedBy: 'all' | 'instance';
}

/** What one channel has confirmed, and which replica is sending to it. */
export interface Told {
  /** The `at` of the highest confirmed level, by start of the window; '' for a story. */
  readonly levels: Readonly<Record<string, number>>;
  /** The last level that was sent. */
  readonly level?: AlertLevel;
  /** When it last confirmed, and the count that was sent then. */
  readonly when?: number;
  readonly count?: number;
  readonly resolved?: boolean;
  /** What the channel stored about this incident, and about records merged into it. */
  readonly memory?: string;
  readonly also?: readonly string[];
  /** When the mute that holds alerts back ends. Windows that end before then are not sent. */
  readonly held?: number;
  /** Which replica is sending, and until when no other replica may. */
  readonly by?: string;
  readonly until?: number;
  /** Do not send before this time. */
  readonly next?: number;
  /** How many attempts in a row failed. */
  readonly faults?: number;
  /** It failed when sent alone, so it stays alone until it goes through: it might make a whole group fail. */
  readonly isAtFault?: boolean;
  /** It failed and may be at fault, so it is sent after those that have not failed. */
  readonly isSuspect?: boolean;
  readonly delivery: Delivery;
}

/** Breaches of one tenant in one window of one category, shared by all replicas. */
export interface Incident {
  readonly uid: string;
  readonly category: string;
  /** The window's name at the last breach. */
  readonly window: string;
  /** The name that all replicas share for the window, if the category has this window. */
  readonly lengthName?: string;
  readonly tenant: Tenant;
  /** Sent as one story from opened to resolved; otherwise each window is an alert. */
  readonly story: boolean;
  readonly raisedAt: number;
  readonly startedAt: number;
  /** The latest windows in which a level was crossed, oldest first. */
  readonly windows: readonly WindowOver[];
  /** Number of windows in which a level was crossed. */
  readonly hot: number;
  readonly streak: { readonly windows: number; readonly since: number };
  readonly worst: AlertLevel;
  readonly peak: { readonly count: number; readonly start: number };
  /** The sum of settled windows up to the last breach. Later windows are `calm` until there is another breach. */
  readonly total: number;
  readonly calm: number;
  /** The counts are final up to this time. */
  readonly settledTo: number;
  /** The store no longer had the counts of a window when they became final, so the total is at least this high. */
  readonly isPartial?: boolean;
  readonly closedAt?: number;
  /** The raised threshold that ended the incident. Absent if the tenant calmed down, or has no limit any more. */
  readonly raisedTo?: number;
  /** The last status that was sent. */
  readonly status?: IncidentStatus;
  readonly told: Readonly<Record<string, Told>>;
  /** When a replica must look at the incident again. */
  readonly lookAt?: number;
  /** The incident's id in 0.1, if it was opened there. */
  readonly v01?: string;
}

/** What to send to a channel next. */
export interface Due {
  readonly status: IncidentStatus;
  readonly window: WindowOver;
  readonly level: AlertLevel;
}

interface WindowNames {
  readonly window: string;
  readonly lengthName?: string | undefined;
}

/** The id of the record that a breach belongs to. */
export function recordId(
  { category, tenant, ...of }: Pick<Incident, 'category' | 'tenant'> & WindowNames,
  story: boolean,
): string {
  const parts = [story ? 'story' : 'windows', category, sharedName(of), keyOfShown(tenant.id)];
  return parts.map(encodeURIComponentSafely).join(':');
}

/** The window's name that all replicas share. Its display name changes when a deployment adds another window. */
export function sharedName({ window, lengthName = window }: WindowNames): string {
  return lengthName;
}

/** Adds a breach, or opens an incident with it. */
export function withBreach(
  before: Incident | undefined,
  breach: Breach & WindowNames & { readonly lengthMs?: number | undefined },
  story: boolean,
  now: number,
): Incident {
  const { category, window, tenant, windowStart: start, windowEnd: end, level, threshold, count, countedBy } = breach;
  const crossed: WindowOver = { start, end, seenAt: now, count, crossing: count, threshold, level, countedBy };
  const over: WindowOver = {
    ...crossed,
    ...(breach.lengthMs === undefined ? {} : { lengthMs: breach.lengthMs }),
    ...(breach.route ? { route: breach.route } : {}),
    ...(breach.contributors ? { contributors: breach.contributors } : {}),
  };
  const named = breach.lengthName === undefined ? { window } : { window, lengthName: breach.lengthName };
  const whom = { category, ...named, tenant: keptTenant(tenant) };
  // The store's clock fell back: a window in the future would hide this one until then. A story continues whatever its times.
  const isOfLater = before && !story && lastOf(before).start > now + CLOCK_FELL_BACK_MS;
  if (before && before.closedAt === undefined && !isOfLater) return { ...continued(before, over), ...whom };
  return {
    uid: uidOf(breach, story),
    ...whom,
    story,
    raisedAt: now,
    startedAt: start,
    windows: [over],
    hot: 1,
    streak: { windows: 1, since: start },
    worst: level,
    peak: { count, start },
    total: 0,
    calm: 0,
    settledTo: start,
    told: {},
  };
}

/** Adds a window to an open incident, or joins it with one that overlaps. */
function continued(before: Incident, over: WindowOver): Incident {
  const { start, level, count } = over;
  const last = lastOf(before);
  const isNew = start >= last.end;
  // Replicas that could not reach the store may publish a window after others have published a later one. A story continues from the later
  // one.
  const isAnother = isNew || (!before.story && !before.windows.some((old) => overlap(old, over)));
  const follows = start <= last.end + SETTLES_AFTER_MS;
  const streak = follows
    ? { windows: before.streak.windows + 1, since: before.streak.since }
    : { windows: 1, since: start };
  // A window dropped before it is settled counts with the last count seen.
  const oldest = before.windows[0] as WindowOver;
  const isLetGo = isNew && before.windows.length === MAX_WINDOWS && oldest.end > before.settledTo;
  const known = isLetGo
    ? { ...before, total: before.total + oldest.count, settledTo: oldest.end, isPartial: true }
    : before;
  return {
    ...known,
    windows: isAnother ? latest([...before.windows, over]) : before.windows.map((old) => joined(old, over)),
    hot: before.hot + (isAnother ? 1 : 0),
    streak: isNew ? streak : before.streak,
    worst: level.at > before.worst.at ? level : before.worst,
    peak: count > before.peak.count ? { count, start } : before.peak,
    total: isNew ? known.total + before.calm : before.total,
    calm: isNew ? 0 : before.calm,
  };
}

/**
 * Sliding windows overlap: a breach in an overlapping one extends the same stretch of time. The start does not change, even if a breach of
 * an earlier window arrives late, because what channels were told is stored by it.
 */
function joined(old: WindowOver, over: WindowOver): WindowOver {
  if (!overlap(old, over)) return old;
  const isHigher = over.level.at > old.level.at;
  // During a deployment that changes `sliding`, one of the two may lack it. A stretch may be longer than its window.
  const lengthMs = over.lengthMs ?? old.lengthMs;
  return {
    ...(isHigher ? over : old),
    ...(lengthMs === undefined ? {} : { lengthMs }),
    start: old.start,
    end: Math.max(old.end, over.end),
    seenAt: Math.max(old.seenAt, over.seenAt),
    count: Math.max(old.count, over.count),
    ...((over.route ?? old.route) ? { route: over.route ?? old.route } : {}),
  };
}

function overlap(one: WindowOver, other: WindowOver): boolean {
  return one.start < other.end && other.start < one.end;
}

function latest(windows: WindowOver[]): WindowOver[] {
  return windows.sort((a, b) => a.start - b.start).slice(-MAX_WINDOWS);
}

export function lastOf({ windows }: Incident): WindowOver {
  return windows.at(-1) as WindowOver;
}

/** The length of the incident's windows. */
export function lengthOf(incident: Incident): number {
  const { start, end, lengthMs = end - start } = lastOf(incident);
  return Math.max(lengthMs, 1);
}

/**
 * A record as read, with what this replica knows to have been in it: a failover may lose the last changes. Judged by times, because an
 * incident may also have ended and begun again in its window.
 */
export function withKnown(there: Incident | undefined, mine: Incident | undefined): Incident | undefined {
  if (!there || there.uid !== mine?.uid) return there;
  const isUntold = Object.entries(mine.told).some(([key, { when = -Infinity }]) => {
    const other = there.told[key];
    return other ? when > (other.when ?? there.raisedAt - 1) : there.raisedAt <= mine.raisedAt;
  });
  const { closedAt, raisedTo } = mine;
  const laterMs = lastOf(mine).seenAt - lastOf(there).seenAt;
  // Its end was lost, and no breach came after that.
  if (closedAt !== undefined && there.closedAt === undefined && there.raisedAt <= mine.raisedAt && laterMs >= 0)
    return { ...merged(there, mine), closedAt, ...(raisedTo === undefined ? {} : { raisedTo }) };
  return isUntold || laterMs > 0 ? merged(there, mine) : there;
}

/** Merges the records of two replicas that could not reach each other. */
export function merged(shared: Incident | undefined, mine: Incident): Incident {
  if (!shared) return mine;
  const starts = new Map(shared.windows.map((window) => [window.start, window]));
  for (const window of mine.windows) {
    const other = starts.get(window.start);
    starts.set(window.start, other ? joined(other, window) : window);
  }
  const windows = latest([...starts.values()]);
  const told = { ...shared.told };
  // Channels that were told its end were told before it continued.
  const { start, seenAt } = lastOf(shared);
  const goesOn = shared.closedAt === undefined && (start > lastOf(mine).start || seenAt > (mine.closedAt ?? Infinity));
  for (const [key, other] of Object.entries(mine.told))
    told[key] = mergedTold(told[key], goesOn ? { ...other, resolved: false } : other);
  const ahead = mine.settledTo > shared.settledTo ? mine : shared;
  const isMissed = mine.windows.some(({ start, countedBy }) => countedBy === 'instance' && start < shared.settledTo);
  return {
    ...shared,
    windows,
    told,
    raisedAt: Math.min(shared.raisedAt, mine.raisedAt),
    startedAt: Math.min(shared.startedAt, mine.startedAt),
    hot: Math.max(shared.hot, mine.hot, windows.length),
    streak: mine.streak.since < shared.streak.since ? mine.streak : shared.streak,
    worst: mine.worst.at > shared.worst.at ? mine.worst : shared.worst,
    peak: mine.peak.count > shared.peak.count ? mine.peak : shared.peak,
    total: ahead.total,
    calm: ahead.calm,
    settledTo: ahead.settledTo,
    ...(shared.isPartial || mine.isPartial || isMissed ? { isPartial: true } : {}),
    ...((shared.v01 ?? mine.v01) ? { v01: shared.v01 ?? mine.v01 } : {}),
  };
}

function mergedTold(shared: Told | undefined, mine: Told): Told {
  if (!shared) return mine;
  const levels: Record<string, number> = { ...shared.levels };
  for (const [window, at] of Object.entries(mine.levels)) levels[window] = Math.max(at, levels[window] ?? 0);
  const newer = (mine.when ?? 0) > (shared.when ?? 0) ? mine : shared;
  const memory = shared.memory ?? mine.memory;
  const others = [mine.memory, ...(shared.also ?? []), ...(mine.also ?? [])];
  const isOther = mine.memory !== undefined && mine.memory !== memory && !shared.also?.includes(mine.memory);
  const also = [...new Set(others.filter((other) => other !== undefined && other !== memory))] as string[];
  // Another replica may be sending what came after that.
  const { by, until } = shared;
  return {
    ...newer,
    ...(by === undefined || until === undefined ? {} : { by, until }),
    levels,
    ...(memory === undefined ? {} : { memory }),
    ...(also.length > 0 ? { also } : {}),
    resolved: isOther ? shared.resolved && mine.resolved : shared.resolved || mine.resolved,
  };
}

/** Replicas that notice the same first breach get the same id, even if they cannot reach each other. */
function uidOf(breach: Breach & WindowNames, story: boolean): string {
  const { category, tenant, windowStart, windowEnd } = breach;
  return hashOf([category, sharedName(breach), tenant.id, windowStart, windowEnd, story]);
}

export function hashOf(about: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(about)).digest('base64url').slice(0, 22);
}

/** Writes a lone surrogate, which URIs cannot hold, as its number, so that different ids stay different. */
function encodeURIComponentSafely(text: string): string {
  return text.replace(/[^\w.-]/gu, (char) =>
    /\p{Cs}/u.test(char) ? `%u${char.charCodeAt(0).toString(16)}` : encodeURIComponent(char),
  );
}
