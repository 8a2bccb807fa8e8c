const HOUR_MS = 3_600_000;
/** No zone has ever been further from UTC than this. */
const MAX_OFFSET_MS = 16 * HOUR_MS;

/** A stretch of time with one offset from UTC. */
interface Stretch {
  readonly from: number;
  readonly offsetMs: number;
}

/**
 * The wall clock of a time zone, from Node's own copy of the zone data. Wall times are represented as if they were UTC: 1:30 in Kolkata is
 * `Date.UTC(..., 1, 30)`.
 */
export class TimeZone {
  private readonly format: Intl.DateTimeFormat;

  /** @throws RangeError if Node does not know the zone. */
  constructor(readonly name: string) {
    this.format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      timeZone: name,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** What the wall clock shows at `instant`. */
  wallTime(instant: number): number {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of this.format.formatToParts(instant)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) + (instant - Math.floor(instant / 1_000) * 1_000);
  }

  /** How far the wall clock is ahead of UTC at `instant`. */
  offsetAt(instant: number): number {
    return this.wallTime(instant) - instant;
  }

  /**
   * The first instant at which the wall clock shows `wall` or later. If the clocks or the calendar skip it, that is the instant of the
   * change; if the clocks show it twice, the first of the two.
   */
  firstAt(wall: number): number {
    const stretches = this.stretches(wall - MAX_OFFSET_MS, wall + MAX_OFFSET_MS);
    for (const [i, { from, offsetMs }] of stretches.entries()) {
      const first = Math.max(from, wall - offsetMs);
      if (first < (stretches[i + 1]?.from ?? Infinity)) return first;
    }
    throw new RangeError(`${this.name} never shows ${new Date(wall).toISOString()}`);
  }

  /** No zone changes its clocks twice within an hour. */
  private stretches(from: number, to: number): Stretch[] {
    let last: Stretch = { from, offsetMs: this.offsetAt(from) };
    const found = [last];
    for (let at = from; at < to; at += HOUR_MS) {
      const next = at + HOUR_MS;
      if (this.offsetAt(next) === last.offsetMs) continue;
      const change = this.changeBetween(at, next, last.offsetMs);
      found.push((last = { from: change, offsetMs: this.offsetAt(change) }));
    }
    return found;
  }

  private changeBetween(before: number, after: number, offsetMs: number): number {
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.offsetAt(middle) === offsetMs) before = middle;
      else after = middle;
    }
    return after;
  }
}

/** Whether Node knows a zone of this name. */
export function isTimeZone(name: unknown): boolean {
  try {
    return typeof name === 'string' && new TimeZone(name).name !== '';
  } catch {
    return false;
  }
}
