import type { JSX } from 'preact';

import type { PageLevel, Series, TenantRow } from '../api.js';
import { count, length, times } from './words.js';

/** Leaves space to the right of the threshold for bars that exceed it. */
const HEADROOM = 1.6;
const SPARK_WIDTH = 180;
const SPARK_HEIGHT = 34;

/** Severity as a class name. */
export function toneOf({ severity, ratio }: Pick<TenantRow, 'severity' | 'ratio'>): string {
  if (severity !== undefined) return severity === 'critical' ? 'critical' : 'warning';
  return ratio > 1 ? 'warning' : 'near';
}

/** A count compared with its threshold: the long mark is the threshold, short marks are other levels. */
export function Bar({ row }: { row: TenantRow }): JSX.Element {
  const { threshold, levels, windowMs } = row;
  const max = Math.max(row.count, threshold * HEADROOM, 1);
  const left = (value: number): string => `${(value / max) * 100}%`;
  const further = levels.filter((level) => level.count !== threshold && level.count <= max);
  const label = `${count(row.count)} of ${count(threshold)} in ${length(windowMs)}, ${times(row.ratio)} the threshold`;
  return (
    <div class={`bar ${toneOf(row)}`} role="img" aria-label={label}>
      <span class="track">
        <span class="fill" style={{ width: left(row.count) }} />
      </span>
      {further.map((level: PageLevel) => (
        <span key={level.at} class="level" style={{ left: left(level.count) }} />
      ))}
      {threshold <= max && <span class="threshold" style={{ left: left(threshold) }} />}
    </div>
  );
}

/** The last hour, one bar per minute. Highlights minutes over the threshold, if there is one for minutes. */
export function Spark({ series, threshold }: { series: Series; threshold: number | undefined }): JSX.Element {
  const { counts, stepMs } = series;
  const peak = Math.max(...counts, 0);
  const max = Math.max(peak, (threshold ?? 0) * 1.15, 1);
  const limit = threshold ?? Infinity;
  const step = SPARK_WIDTH / Math.max(counts.length, 1);
  const y = (value: number): number => SPARK_HEIGHT * (1 - value / max);
  const column = (value: number, i: number): string => {
    // Keeps even a small count visible.
    const top = value > 0 ? Math.min(y(value), SPARK_HEIGHT - 1) : SPARK_HEIGHT;
    return `M${round(i * step)} ${SPARK_HEIGHT}V${round(top)}h${round(step * 0.78)}V${SPARK_HEIGHT}Z`;
  };
  const columns = (isOver: boolean): string =>
    counts.map((value, i) => (value > 0 && value > limit === isOver ? column(value, i) : '')).join('');
  const over = counts.filter((value) => value > limit).length;
  const held = threshold === undefined ? '' : `, ${over} of ${counts.length} steps over ${count(threshold)}`;
  const label = `Last ${length(counts.length * stepMs)}: ${count(peak)} at most${held}`;
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path class="under" d={columns(false)} />
      <path class="over" d={columns(true)} />
      {threshold !== undefined && (
        <line class="at" x1="0" x2={SPARK_WIDTH} y1={round(y(threshold))} y2={round(y(threshold))} />
      )}
    </svg>
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
