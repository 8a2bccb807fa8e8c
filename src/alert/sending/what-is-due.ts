import type { IncidentTiming } from '../../model/incident-timing.js';
import { SEVERITIES, type AlertLevel } from '../../model/level.js';
import {
  CLOCK_FELL_BACK_MS,
  lastOf,
  lengthOf,
  SETTLES_AFTER_MS,
  type Due,
  type Incident,
  type Told,
  type WindowOver,
} from '../incident/incident.js';
import { endOfSpan } from '../incident/counts-of-windows.js';
import { overAt } from '../incident/end-of-incident.js';
import type { Situation } from '../incident/situation.js';
import type { Wanting } from './channel-roster.js';

/** How long to keep trying to send what no channel has confirmed. */
const WORTH_TELLING_MS = 10 * 60_000;
/** How long to keep trying to send the end. Longer than a channel's longest pause; otherwise the alert would stay open there. */
const END_WORTH_TELLING_MS = 60 * 60_000;
/** Spreads the work for many incidents over this share of a window. */
const SPREAD = 0.25;
const MAX_SPREAD_MS = 10_000;
/** How long a story may go without a look: a deployment or a function may have raised its threshold. */
const STORY_LOOK_MS = 5 * 60_000;
/** If a count has not grown when a reminder is due, it is read again this many times per reminder interval. */
const READS_PER_REMINDER = 30;

/** Whether a channel's options let this category and severity through. */
export function wants(
  { minSeverity, categories }: Wanting,
  category: string | undefined,
  { severity }: Pick<AlertLevel, 'severity'>,
): boolean {
  if (minSeverity && SEVERITIES.indexOf(severity) < SEVERITIES.indexOf(minSeverity)) return false;
  return category === undefined || (categories?.includes(category) ?? true);
}

/**
 * What to send to a channel next: the difference between what is true and what the channel has confirmed. Undefined if there is no
 * difference and the channel needs no repeat.
 */
export function due(
  incident: Incident,
  told: Told | undefined,
  channel: Wanting,
  situation: Situation,
): Due | undefined {
  const { now, mute } = situation;
  const news = newsFor(incident, told, channel, situation);
  if (news && (!mute || news.status === 'resolved')) return news;
  return now >= repeatAt(incident, told, channel, now) ? repeated(incident, told as Told) : undefined;
}

function newsFor(incident: Incident, told: Told | undefined, channel: Wanting, situation: Situation): Due | undefined {
  const newsOf = incident.story ? newsOfStory : newsOfWindows;
  return newsOf(incident, told, channel, situation);
}

/** The oldest window whose current level was not sent. */
function newsOfWindows(
  incident: Incident,
  told: Told | undefined,
  channel: Wanting,
  { now }: Situation,
): Due | undefined {
  for (const window of incident.windows) {
    const before = told?.levels[window.start] ?? 0;
    const isHeld = window.end <= (told?.held ?? 0);
    if (isHeld || now > expiryOf(window) || !wants(channel, incident.category, window.level)) continue;
    if (window.level.at > before) return { status: before > 0 ? 'escalated' : 'opened', window, level: window.level };
  }
  return undefined;
}

function newsOfStory(
  incident: Incident,
  told: Told | undefined,
  channel: Wanting,
  { now, settings }: Situation,
): Due | undefined {
  const { worst, category, closedAt } = incident;
  const [window, before] = [lastOf(incident), told?.levels[''] ?? 0];
  const isHeld = window.end <= (told?.held ?? 0);
  if (closedAt !== undefined) {
    if (told?.resolved || now > closedAt + END_WORTH_TELLING_MS) return undefined;
    // The end is also sent if the opening failed, but not if a mute held it back.
    const isOwed =
      before > 0 || (told?.held === undefined && told?.delivery !== undefined && wants(channel, category, worst));
    return isOwed ? { status: 'resolved', window, level: worst } : undefined;
  }
  if (worst.at > before && wants(channel, category, worst) && !isHeld)
    return { status: before > 0 ? 'escalated' : 'opened', window, level: worst };
  const present = presentWindow(incident);
  // Not after the window ends: the tenant may have calmed down.
  const isReminder =
    now >= reminderAt(incident, told, settings) && now < window.end && hasGrown(incident, told as Told);
  return isReminder && wants(channel, category, present.level)
    ? { status: 'reminded', window: present, level: present.level }
    : undefined;
}

/** When to repeat the last alert to a channel that forgets alerts unless they are repeated; `Infinity` for never. */
function repeatAt(incident: Incident, told: Told | undefined, { repeatEveryMs }: Wanting, now: number): number {
  const { start, end } = lastOf(incident);
  if (!told?.levels[incident.story ? '' : start] || incident.closedAt !== undefined) return Infinity;
  const at = (told.when ?? 0) + (repeatEveryMs ?? Infinity);
  // Without a story, a window is not repeated once it is over, even if no replica looked in time.
  return incident.story || Math.max(at, now) < end ? at : Infinity;
}

/** Repeats the level that was sent: a mute may hold back a higher one, and the channel may not want a lower one. */
function repeated(incident: Incident, told: Told): Due {
  const window = incident.story ? presentWindow(incident) : lastOf(incident);
  return { status: 'reminded', window, level: told.level ?? window.level };
}

/**
 * The window whose level applies now. A new window crosses the lower levels first even if the tenant is as far over as before, so the
 * previous window still counts.
 */
export function presentWindow(incident: Incident): WindowOver {
  const last = lastOf(incident);
  const before = incident.windows.at(-2);
  const follows = before && last.start <= before.end + SETTLES_AFTER_MS;
  return follows && before.level.at > last.level.at ? before : last;
}

function hasGrown(incident: Incident, told: Told): boolean {
  const { seenAt, count } = lastOf(incident);
  return seenAt > (told.when ?? 0) || count > (told.count ?? 0);
}

function expiryOf({ start, end, seenAt }: WindowOver): number {
  return Math.max(end, seenAt) + Math.max(2 * (end - start), WORTH_TELLING_MS);
}

/** What is due for an incident now, and when to look at it next. */
interface Plan {
  /** What may be sent now, by channel. */
  readonly ready: ReadonlyMap<string, Due>;
  /** Channels for which a mute holds something back. */
  readonly held: readonly string[];
  /** Undefined if nothing will be due again. */
  readonly lookAt: number | undefined;
}

/** @param channels - The channels of all replicas, by key. */
export function plan(incident: Incident, channels: ReadonlyMap<string, Wanting>, situation: Situation): Plan {
  const { now, settings, mute } = situation;
  const ready = new Map<string, Due>();
  const held: string[] = [];
  const looks: number[] = [];
  for (const [key, channel] of channels) {
    const told = incident.told[key];
    const next = due(incident, told, channel, situation);
    const isHeld = mute && next?.status !== 'resolved' && newsFor(incident, told, channel, situation);
    if (isHeld) {
      held.push(key);
      looks.push(mute.until.getTime());
    }
    if (!next) {
      const reminder = isHeld ? Infinity : reminderAt(incident, told, settings);
      looks.push(repeatAt(incident, told, channel, now));
      looks.push(reminder > now ? reminder : now + settings.remindAfterMs / READS_PER_REMINDER);
      continue;
    }
    const free = freeAt(told, now);
    if (free <= now) ready.set(key, next);
    looks.push(Math.max(free, now));
  }
  // Channels that no replica has now: a replica with them may come back.
  for (const [key, told] of Object.entries(incident.told)) {
    const at = freeAt(told, now);
    if (!channels.has(key) && at > now - WORTH_TELLING_MS) looks.push(Math.max(at, now));
  }
  if (incident.closedAt === undefined) looks.push(settleAt(incident, situation));
  if (incident.closedAt === undefined && incident.story) looks.push(now + STORY_LOOK_MS);
  const lookAt = Math.min(...looks);
  return { ready, held, lookAt: lookAt < Infinity ? lookAt : undefined };
}

/** When the lease or wait is over. Leases last only seconds, so one that ends much later was written before the clock fell back. */
function freeAt(told: Told | undefined, now: number): number {
  const { until = 0, next = 0 } = told ?? {};
  return Math.max(until > now + CLOCK_FELL_BACK_MS ? 0 : until, next);
}

/** Reminders come due only while a window runs. In a later window, it takes a breach first. */
function reminderAt(incident: Incident, told: Told | undefined, { remindAfterMs }: IncidentTiming): number {
  const at = (told?.when ?? Infinity) + remindAfterMs;
  return incident.story && incident.closedAt === undefined && at < lastOf(incident).end ? at : Infinity;
}

/** When the next window's count is final, spread over incidents, or when the incident is over. */
function settleAt(incident: Incident, situation: Situation): number {
  const over = overAt(incident, situation);
  if (!incident.story) return over;
  const { settings, seesSince = 0 } = situation;
  const settled = Math.max(endOfSpan(incident, incident.settledTo, settings.periodEnd) + SETTLES_AFTER_MS, seesSince);
  const share = parseInt(incident.uid.slice(0, 4), 36) / 36 ** 4 || 0;
  const spread = Math.min(lengthOf(incident) * SPREAD, MAX_SPREAD_MS) * share;
  // Only windows up to the last breach have to be settled before the end.
  return Math.min(settled + spread, incident.settledTo < lastOf(incident).end ? Math.max(over, settled) : over);
}
