import { MAX_TOP, type PageDelivery, type PageTenant } from '../api.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Instances report every ten seconds. One not heard from for this long, in milliseconds, is called silent. */
export const SILENT_MS = 20_000;

const number = new Intl.NumberFormat('en');
const hourAndMinute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const withSeconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short' });
const dayAndMonth = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const whole = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export function count(value: number): string {
  return number.format(Math.round(value * 100) / 100);
}

/** A number of tenants: `199`, or `200+` if there may be more. `shown` are listed besides. */
export function tenants(value: number, shown = 0): string {
  return known(value, MAX_TOP - shown);
}

/** A number that is known up to `most`: `499`, or `500+`. */
export function known(value: number, most: number): string {
  return `${count(value)}${value < most ? '' : '+'}`;
}

/** `4 alerts`, `1 tenant`. */
export function many(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? '' : 's'}`;
}

/** `20.8×`, `312×`. Truncated, so that a ratio below 1 is never shown as 1. */
export function times(ratio: number): string {
  const digits = ratio >= 100 ? 0 : 1;
  return `${(Math.floor(ratio * 10 ** digits + 1e-9) / 10 ** digits).toFixed(digits)}×`;
}

export function percent(share: number): string {
  const value = share * 100;
  return value > 0 && value < 1 ? '<1 %' : `${Math.round(value)} %`;
}

/** A duration in its two largest units: `<1 min`, `18 min`, `3 h 5 min`, `2 d 4 h`. */
export function lasting(ms: number): string {
  if (ms < MINUTE) return '<1 min';
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return joined(Math.floor(ms / HOUR), 'h', Math.floor((ms % HOUR) / MINUTE), 'min');
  return joined(Math.floor(ms / DAY), 'd', Math.floor((ms % DAY) / HOUR), 'h');
}

/** A configured length, such as a window's: `30 s`, `1 min`, `24 h`, `30 d`. */
export function length(ms: number): string {
  if (ms < MINUTE) return `${count(ms / 1_000)} s`;
  if (ms < HOUR) return `${count(ms / MINUTE)} min`;
  if (ms <= DAY) return `${count(ms / HOUR)} h`;
  return `${count(ms / DAY)} d`;
}

/** A time of day, with the date if it is not today: `20:41`, `Tue 20:41`, `3 Nov 20:41`. */
export function clock(at: number, now: number): string {
  const time = hourAndMinute.format(at);
  if (new Date(at).toDateString() === new Date(now).toDateString()) return time;
  return `${Math.abs(at - now) < 6 * DAY ? weekday.format(at) : dayAndMonth.format(at)} ${time}`;
}

export function clockWithSeconds(at: number): string {
  return withSeconds.format(at);
}

export function dateAndTime(at: number): string {
  return whole.format(at);
}

export function bytes(value: number): string {
  if (value < 1_000) return `${value} B`;
  if (value < 1_000_000) return `${(value / 1_000).toFixed(0)} kB`;
  return `${(value / 1_000_000).toFixed(1)} MB`;
}

/** Characters that are not seen, and spaces that are not seen to be there. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}|^ | $|(?<= ) /gu;

/** An id, with what is invisible in it written as its number, because the id could look like that of another tenant. */
export function idOf({ id }: PageTenant): string {
  return id.replace(UNSEEN, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

/** Display name of a tenant. */
export function nameOf(tenant: PageTenant): string {
  const { name = '' } = tenant;
  return name.trim() === '' ? idOf(tenant) : name;
}

/** `evaluations`, or `evaluations · day` if the category has several windows. */
export function categoryOf(category: string, window: string): string {
  return window === '' ? category : `${category} · ${window}`;
}

/** State of an alert in a channel, in a few characters. */
export function deliveryWord({ channel, status, attempts = 0, retryAt }: PageDelivery, now: number): string {
  if (status === 'sent') return `${channel} ✓`;
  if (status === 'suppressed') return `${channel} muted`;
  if (status === 'failed') return `${channel} ✗`;
  if (retryAt === undefined || attempts === 0) return `${channel} …`;
  return `${channel} ↻ ${Math.max(0, Math.ceil((retryAt - now) / 1_000))} s`;
}

/** The state of an alert in a channel as a sentence, for a tooltip. */
export function deliverySentence({ channel, status, attempts, reason }: PageDelivery): string {
  const what = { sent: 'sent', waiting: 'waiting', failed: 'given up', suppressed: 'held back by a mute' }[status];
  const details = [attempts !== undefined && attempts > 1 ? `after ${attempts} attempts` : '', reason ?? ''].filter(
    Boolean,
  );
  return `${channel}: ${[what, ...details].join(', ')}`;
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
