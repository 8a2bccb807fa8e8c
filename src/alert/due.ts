import { SEVERITIES, type AlertLevel } from '../model/level.js';
import { lastOf, lengthOf, SETTLES_AFTER_MS, type Due, type Incident, type Told, type WindowOver } from './incident.js';
import type { Wanting } from './channel-roster.js';

/** How incidents go. Times in milliseconds. */
export interface IncidentSettings {
  readonly remindAfterMs: number;
  /** Undefined: five windows of the category in five minutes at most, but two at least. */
  readonly resolveAfterMs: number | undefined;
}

/** How long something is tried that no channel has confirmed. */
const WORTH_TELLING_MS = 10 * 60_000;
/** How long the end is tried: longer than the longest pause of a channel, or what it was sent as open would stay open there. */
const END_WORTH_TELLING_MS = 60 * 60_000;
/** The work for many incidents is spread over this share of a window. */
const SPREAD = 0.25;
const MAX_SPREAD_MS = 10_000;
const MAX_CALM_MS = 5 * 60_000;

/** Whether a channel is set up to be sent something of this category and severity. */
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
 * difference.
 */
export function due(
  incident: Incident,
  told: Told | undefined,
  channel: Wanting,
  settings: IncidentSettings,
  now: number,
): Due | undefined {
  return incident.story
    ? dueOfStory(incident, told, channel, settings, now)
    : dueOfWindows(incident, told, channel, now);
}

/** The oldest window that was not sent at its present level. */
function dueOfWindows(incident: Incident, told: Told | undefined, channel: Wanting, now: number): Due | undefined {
  for (const window of incident.windows) {
    const before = told?.levels[window.start] ?? 0;
    const isHeld = window.end <= (told?.held ?? 0);
    if (isHeld || now > expiryOf(window) || !wants(channel, incident.category, window.level)) continue;
    if (window.level.at > before) return { status: before > 0 ? 'escalated' : 'opened', window, level: window.level };
    if (now < window.end && isToRepeat(told, channel, now)) return { status: 'reminded', window, level: window.level };
  }
  return undefined;
}

function dueOfStory(
  incident: Incident,
  told: Told | undefined,
  channel: Wanting,
  { remindAfterMs }: IncidentSettings,
  now: number,
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
  // Not after the window: it may have been the last.
  const isReminder =
    told?.when !== undefined && now >= told.when + remindAfterMs && now < window.end && hasGrown(incident, told);
  if (before > 0 && ((isReminder && wants(channel, category, present.level)) || isToRepeat(told, channel, now)))
    return { status: 'reminded', window: present, level: present.level };
  return undefined;
}

/**
 * The window whose level holds now. In a window that has just begun the lower levels come first, while the tenant is as far over as
 * before: the window before still counts.
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

function isToRepeat(told: Told | undefined, { repeatEveryMs }: Wanting, now: number): boolean {
  return repeatEveryMs !== undefined && told?.when !== undefined && now >= told.when + repeatEveryMs;
}

function expiryOf({ start, end, seenAt }: WindowOver): number {
  return Math.max(end, seenAt) + Math.max(2 * (end - start), WORTH_TELLING_MS);
}

/** Whether an incident has ended. Channels may still have to be sent the end. */
export function isOver(incident: Incident, { resolveAfterMs }: IncidentSettings, now: number): boolean {
  return now >= overAt(incident, resolveAfterMs);
}

function overAt(incident: Incident, resolveAfterMs: number | undefined): number {
  const { end, seenAt } = lastOf(incident);
  const length = lengthOf(incident);
  const lasts = incident.story ? (resolveAfterMs ?? calmFor(length)) : 2 * length;
  // The last window's count is final a little after its end.
  return Math.max(end, incident.story ? 0 : seenAt) + Math.max(lasts, SETTLES_AFTER_MS);
}

/** A tenant that is over in one window of five is one incident; after long windows nobody should wait for five of them. */
function calmFor(windowMs: number): number {
  return Math.max(2 * windowMs, Math.min(5 * windowMs, MAX_CALM_MS));
}

/** What is due for an incident now, and when to look at it next. */
export interface Plan {
  /** What may be sent now, by channel. */
  readonly ready: ReadonlyMap<string, Due>;
  /** Channels for which a mute holds something back. */
  readonly held: readonly string[];
  /** Undefined: nothing will be due any more. */
  readonly lookAt: number | undefined;
}

/**
 * @param channels - Those of all replicas, by their keys.
 * @param muted - Until when a mute holds back what is due; undefined for no mute.
 */
export function plan(
  incident: Incident,
  channels: ReadonlyMap<string, Wanting>,
  settings: IncidentSettings,
  muted: number | undefined,
  now: number,
): Plan {
  const ready = new Map<string, Due>();
  const held: string[] = [];
  const looks: number[] = [];
  for (const [key, channel] of channels) {
    const told = incident.told[key];
    const next = due(incident, told, channel, settings, now);
    if (!next) {
      looks.push(...remindersOf(incident, told, channel, settings));
      continue;
    }
    const free = Math.max(told?.until ?? 0, told?.next ?? 0);
    if (muted !== undefined && next.status !== 'resolved') {
      held.push(key);
      looks.push(muted);
    } else if (free > now) looks.push(free);
    else {
      ready.set(key, next);
      looks.push(now);
    }
  }
  // Channels that no replica has now: a replica that has them may return.
  for (const [key, { until = 0, next = 0 }] of Object.entries(incident.told)) {
    const at = Math.max(until, next);
    if (!channels.has(key) && at > now - WORTH_TELLING_MS) looks.push(Math.max(at, now));
  }
  if (incident.closedAt === undefined) looks.push(settleAt(incident, settings));
  return { ready, held, lookAt: looks.length > 0 ? Math.min(...looks) : undefined };
}

/** Reminders are due while a window runs. In later windows a breach makes them due. */
function remindersOf(
  incident: Incident,
  told: Told | undefined,
  { repeatEveryMs }: Wanting,
  { remindAfterMs }: IncidentSettings,
): number[] {
  if (told?.when === undefined || incident.closedAt !== undefined) return [];
  const { end } = lastOf(incident);
  const reminder = told.when + remindAfterMs;
  const repeat = repeatEveryMs === undefined ? Infinity : told.when + repeatEveryMs;
  const running = incident.story && reminder < end ? reminder : Infinity;
  const repeated = incident.story || repeat < end ? repeat : Infinity;
  return [Math.min(running, repeated)].filter(Number.isFinite);
}

/** When the next window's count is final, spread over incidents, or when the incident is over. */
function settleAt(incident: Incident, { resolveAfterMs }: IncidentSettings): number {
  const over = overAt(incident, resolveAfterMs);
  if (!incident.story) return over;
  const length = lengthOf(incident);
  const known = incident.windows.find(({ start, end }) => start <= incident.settledTo && incident.settledTo < end);
  const end = known?.end ?? incident.settledTo + length;
  const spread = Math.min(length * SPREAD, MAX_SPREAD_MS) * (parseInt(incident.uid.slice(0, 4), 36) / 36 ** 4 || 0);
  return Math.min(end + SETTLES_AFTER_MS + spread, Math.max(over, end + SETTLES_AFTER_MS));
}
