import { withCount } from './counts-of-windows.js';
import type { Due, Incident, Told } from './incident.js';

/** What a channel confirmed. */
interface Confirmed extends Due {
  readonly count: number;
  /** When. */
  readonly at: number;
  /** What it wants stored. */
  readonly memory: string | undefined;
  /**
   * What it had stored when this was sent. If that has changed since, another replica has posted a message of its own, and the end goes to
   * both.
   */
  readonly previous: string | undefined;
}

/** Records that a channel confirmed what it was sent. */
export function withConfirmed(
  incident: Incident,
  key: string,
  { status, window, level, count, at, memory, previous }: Confirmed,
): Incident {
  const told = incident.told[key] as Told;
  // Without a story each window is an alert of its own, and its message is never continued or ended.
  const isOther =
    incident.story &&
    memory !== undefined &&
    told.memory !== undefined &&
    told.memory !== previous &&
    told.memory !== memory;
  const others = [...(told.also ?? []), ...(isOther ? [told.memory] : [])];
  const also = [...new Set(others)].filter((other) => other !== (memory ?? told.memory));
  const place = incident.story ? '' : String(window.start);
  const places = new Set(['', ...incident.windows.map(({ start }) => String(start))]);
  const levels = Object.fromEntries(Object.entries(told.levels).filter(([start]) => places.has(start)));
  const counted = status === 'resolved' ? incident : withCount(incident, window.start, count);
  return withTold(counted, key, {
    ...without(
      told,
      'by',
      'until',
      'next',
      'faults',
      'isAtFault',
      'isSuspect',
      'also',
      ...(isOther ? (['resolved'] as const) : []),
    ),
    levels: { ...levels, [place]: Math.max(level.at, levels[place] ?? 0) },
    level,
    when: at,
    count,
    // The other message does not show the end yet.
    ...(status === 'resolved' && !isOther ? { resolved: true } : {}),
    ...(memory === undefined ? {} : { memory }),
    ...(also.length > 0 ? { also } : {}),
    delivery: { status: 'delivered', attempts: told.delivery.attempts + 1 },
  });
}

/** How sending failed: see `Failure`. */
interface Failed {
  readonly refused: boolean;
  readonly reason: string;
  readonly isSuspect: boolean;
  readonly itsFault: boolean;
}

/** Records that sending failed. `next` is when to try again. */
export function withFailed(
  incident: Incident,
  key: string,
  { refused, reason, isSuspect, itsFault }: Failed,
  next: number,
): Incident {
  const told = incident.told[key] as Told;
  const status = refused ? 'failed' : 'retried';
  const delivery = { status, attempts: told.delivery.attempts + 1, reason } as const;
  const faults = {
    faults: (told.faults ?? 0) + 1,
    ...(isSuspect ? { isSuspect } : {}),
    ...(itsFault ? { isAtFault: true } : {}),
  };
  return withTold(incident, key, { ...without(told, 'by', 'until'), ...faults, next, delivery });
}

/** Changes one channel's part of an incident, if it has one. */
export function onTold(
  key: string,
  change: (told: Told, incident: Incident) => Incident,
): (incident: Incident | undefined) => Incident | undefined {
  return (incident) => {
    const told = incident?.told[key];
    return told ? change(told, incident) : incident;
  };
}

export function withTold(incident: Incident, key: string, told: Told): Incident {
  return { ...incident, told: { ...incident.told, [key]: told } };
}

/** A copy without the named fields; the same object if it has none of them. */
export function without<T extends object, K extends keyof T & string>(whole: T, ...names: K[]): Omit<T, K> {
  if (!names.some((name) => name in whole)) return whole;
  const rest = Object.entries(whole).filter(([name]) => !(names as string[]).includes(name));
  return Object.fromEntries(rest) as Omit<T, K>;
}
