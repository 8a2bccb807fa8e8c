import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';

import type { CategoryAnswer, CategorySummary, Overview, Series } from '../api.js';
import { encoded } from './address.js';
import { AsTable } from './as-table.js';
import { Chart, type ChartData } from './chart.js';
import { useLive } from './live.js';
import { ThresholdLine } from './threshold-line.js';
import { clock, count, many } from './words.js';

const REFRESH_EVERY_MS = 30_000;
/** Minutes per point of the small chart. 1,440 points would be noise at this width. */
const MINUTES_A_POINT = 10;
const HEIGHT = 104;

/** The last day of each category, and advice on its threshold. */
export function Categories({ overview }: { overview: Overview }): JSX.Element {
  return (
    <section aria-labelledby="right">
      <h2 id="right">
        Is the number right? <small>last 24 hours; drag the line to try another</small>
      </h2>
      {overview.storage ? (
        <div class="categories">
          {overview.categories.map((category) => (
            <CategoryCard key={category.name} summary={category} canSet={overview.canSetThreshold} />
          ))}
        </div>
      ) : (
        <p class="empty">History is off (the option usage is false), so there is nothing to advise from.</p>
      )}
    </section>
  );
}

function CategoryCard({ summary, canSet }: { summary: CategorySummary; canSet: boolean }): JSX.Element {
  const { data, problem } = useLive<CategoryAnswer>(`api/category?category=${encoded(summary.name)}`, REFRESH_EVERY_MS);
  const total = data?.totals.counts.reduce((sum, value) => sum + value, 0);
  return (
    <article class="category" aria-label={summary.name}>
      <h3>
        <span class="chip">{summary.name}</span>
        {total !== undefined && (
          <span class="num dim">
            <b>{count(total)}</b> in 24 h, {many(data?.active ?? 0, 'tenant')}
          </span>
        )}
      </h3>
      {data ? (
        <>
          <Totals answer={data} />
          {data.tenants.length > 0 ? (
            <ThresholdLine answer={data} canSet={canSet} />
          ) : (
            <p class="empty">No tenant was counted in the last 24 hours.</p>
          )}
        </>
      ) : (
        <p class="empty loading">{problem ? problem.message : 'Loading'}</p>
      )}
    </article>
  );
}

function Totals({ answer }: { answer: CategoryAnswer }): JSX.Element {
  const { totals, alerts, now, category } = answer;
  const data = useMemo(() => pointsOf(totals, alerts), [answer]);
  const alertsIn = (from: number, to: number): number => alerts.filter(({ at }) => at >= from && at < to).length;
  return (
    <>
      <Chart
        data={data}
        height={HEIGHT}
        label={`${category.name}: requests over the last 24 hours, alerts marked`}
        caption={`requests in ${MINUTES_A_POINT} min; ${many(alerts.length, 'alert')} marked`}
        readout={(i) => {
          const from = data.times[i] ?? 0;
          const to = from + MINUTES_A_POINT * totals.stepMs;
          const marked = alertsIn(from, to);
          return `${clock(from, now)}: ${count(data.values[i] ?? 0)} in ${MINUTES_A_POINT} min${marked > 0 ? `, ${many(marked, 'alert')}` : ''}`;
        }}
      />
      <AsTable
        caption={`${category.name}: requests and alerts by the hour`}
        columns={['Hour from', 'Requests', 'Busiest minute', 'Alerts']}
        rows={() =>
          hoursOf(totals).map(({ at, sum, peak }) => [
            clock(at, now),
            count(sum),
            count(peak),
            count(alertsIn(at, at + 3_600_000)),
          ])
        }
      />
    </>
  );
}

/** Sums of complete steps, counted back from the last complete minute, because the current minute would look like a drop. */
function pointsOf({ start, stepMs, counts }: Series, alerts: CategoryAnswer['alerts']): ChartData {
  const complete = counts.slice(0, -1);
  const first = complete.length % MINUTES_A_POINT;
  const times: number[] = [];
  const values: number[] = [];
  for (let i = first; i < complete.length; i += MINUTES_A_POINT) {
    times.push(start + i * stepMs);
    values.push(complete.slice(i, i + MINUTES_A_POINT).reduce((sum, value) => sum + value, 0));
  }
  const [from = 0] = times;
  const marks = alerts.map(({ at }) =>
    Math.min(Math.floor((at - from) / (MINUTES_A_POINT * stepMs)), times.length - 1),
  );
  return { times, values, marks: marks.filter((index) => index >= 0) };
}

export interface Hour {
  at: number;
  sum: number;
  peak: number;
  counts: number[];
}

/** The series by hour, newest first. */
export function hoursOf({ start, stepMs, counts }: Series): Hour[] {
  const hours = new Map<number, Hour>();
  counts.forEach((value, i) => {
    const at = hourOf(start + i * stepMs);
    const hour = hours.get(at) ?? { at, sum: 0, peak: 0, counts: [] };
    hours.set(at, { at, sum: hour.sum + value, peak: Math.max(hour.peak, value), counts: [...hour.counts, value] });
  });
  return [...hours.values()].reverse();
}

function hourOf(at: number): number {
  return new Date(at).setMinutes(0, 0, 0);
}
