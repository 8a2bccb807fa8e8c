import type { AlertRecord } from '../model/alert-record.js';
import { MAX_LISTED } from '../alert/incident/incident-records.js';
import type { NewNotice } from './notices.js';
import { categoryLabel, PLAIN, tenantLabel } from '../channels/message/names.js';
import type { BlindTime } from '../model/blind-time.js';
import { amountOf, capitalized, duration, plural } from '../util/text.js';
import { isCalm, MAX_TENANTS, type Digest, type DigestAdvice, type DigestCount, type DigestFailure } from './digest.js';

/** How many entries of each kind are listed. The rest are only counted. */
const MAX_OF_A_KIND = 5;
const ROOM = { name: 60, id: 40, category: 40 };

/** A digest, and whether the history may have dropped alerts of its period. */
export interface FoundDigest {
  readonly digest: Digest;
  readonly isCut: boolean;
}

/** A digest as text: one line for each thing that deserves attention. */
export function digestNotice({ digest, isCut }: FoundDigest, id: string): NewNotice {
  const { from, to, incidents, peaks, near, blind, failures, advice } = digest;
  const time = duration(to.getTime() - from.getTime());
  const found = [
    ...listed('alert', 'alerts', incidents, incidentLine, isCut),
    ...listed(
      'tenant over its threshold',
      'tenants over their thresholds',
      peaks,
      (peak) => `Over: ${countLine(peak)}`,
      peaks.length >= MAX_TENANTS,
    ),
    ...listed(
      'tenant near its threshold',
      'tenants near their thresholds',
      near,
      (count) => `Near: ${countLine(count)}`,
      near.length >= MAX_TENANTS,
    ),
    ...listed('time without the store', 'times without the store', blind, blindLine),
    ...listed('alert not delivered', 'alerts not delivered', failures, failureLine, isCut),
    ...listed('threshold to change', 'thresholds to change', advice, adviceLine),
    ...(isCut ? [`Only the newest ${MAX_LISTED} alerts are kept: there may have been more`] : []),
  ];
  const calm = isCalm(digest) && !isCut;
  return {
    id,
    kind: 'digest',
    severity: calm ? 'info' : 'warning',
    title: calm ? `Calm: nothing to report in ${time}` : `What happened in ${time}`,
    lines: [`From ${shown(from)} to ${shown(to)} UTC`, ...found],
  };
}

/** @param isCut - There may be more than the list has. */
function listed<T>(
  one: string,
  several: string,
  all: readonly T[],
  line: (each: T) => string,
  isCut = false,
): string[] {
  const more = all.length - MAX_OF_A_KIND;
  const atLeast = isCut ? 'at least ' : '';
  return [
    ...all.slice(0, MAX_OF_A_KIND).map(line),
    ...(more > 0 ? [`and ${atLeast}${plural(more, `more ${one}`, `more ${several}`)}`] : []),
  ];
}

function incidentLine({ raisedAt, alert }: AlertRecord): string {
  const { level, tenant, count, threshold, windowMs, incident } = alert;
  const peak = incident && incident.peak.count !== count ? `, peak ${amountOf(incident.peak.count)}` : '';
  // First, because a long line is cut at its end.
  const state = incident && incident.status !== 'resolved' ? ', still open' : '';
  const lasted = incident ? ` for ${duration(incident.lastedMs)}` : '';
  const much = `${amountOf(count)} of ${amountOf(threshold)} in ${duration(windowMs)}`;
  return `${capitalized(level.severity)}${state}: ${tenantLabel(tenant, PLAIN, ROOM)}, ${categoryLabel(alert, PLAIN, ROOM.category)} ${much}, from ${shown(incident?.startedAt ?? raisedAt)}${lasted}${peak}`;
}

function countLine(peak: DigestCount): string {
  const { tenant, count, threshold, at } = peak;
  return `${tenantLabel(tenant, PLAIN, ROOM)}, ${categoryLabel(peak, PLAIN, ROOM.category)} ${amountOf(count)} of ${amountOf(threshold)} at ${shown(at)}`;
}

function blindLine({ from, to, instances }: BlindTime): string {
  const lost = instances.reduce((sum, one) => sum + one.lost, 0);
  const many = plural(instances.length, 'instance');
  return `Blind: ${many} from ${shown(from)} for ${duration(to.getTime() - from.getTime())}, ${amountOf(lost)} lost`;
}

function failureLine(failure: DigestFailure): string {
  const { channel, tenant, reason } = failure;
  const why = reason === undefined ? '' : ` (${reason})`;
  return `Not delivered by ${channel}${why}: ${tenantLabel(tenant, PLAIN, ROOM)}, ${categoryLabel(failure, PLAIN, ROOM.category)}`;
}

function adviceLine(advice: DigestAdvice): string {
  const { threshold, suggested, reason } = advice;
  const now = threshold === undefined ? '' : `, now ${amountOf(threshold)}`;
  return `Threshold of ${categoryLabel(advice, PLAIN, ROOM.category)}: ${amountOf(suggested)} suggested${now}. ${reason}`;
}

function shown(at: Date): string {
  return at.toISOString().slice(0, 16).replace('T', ' ');
}
