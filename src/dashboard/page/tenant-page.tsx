import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import type { Overview, TenantAnswer, TenantRow } from '../api.js';
import { encoded, type Address } from './address.js';
import { AlertList, IncidentList } from './alerts.js';
import { AsTable } from './as-table.js';
import { hoursOf } from './category-card.js';
import { Chart } from './chart.js';
import { useLive } from './live.js';
import { MuteButton, MuteForm } from './mutes.js';
import { Bar, Spark, toneOf } from './small-charts.js';
import { ThresholdForm } from './threshold-form.js';
import { Contributors, Told } from './who.js';
import { clock, count, idOf, lasting, length, many, nameOf, percent, times } from './words.js';

const EVERY_MS = 1_000;
const HEIGHT = 240;

/** One tenant in one category: what an alert links to. */
export function TenantPage({
  address,
  overview,
  now,
}: {
  address: Address;
  overview: Overview;
  now: number;
}): JSX.Element {
  const { category, tenant: id } = address;
  const { data, problem } = useLive<TenantAnswer>(
    `api/tenant?category=${encoded(category)}&tenant=${encoded(id)}`,
    EVERY_MS,
  );
  // The charts and the form are about the category's first window, which is the shortest.
  const shortest = overview.categories.find(({ name }) => name === category)?.windows[0]?.name;
  const row = data?.rows.find(({ window }) => window === shortest) ?? data?.rows[0];
  const tenant = row?.tenant ?? { id };
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    scrollTo(0, 0);
    heading.current?.focus({ preventScroll: true });
  }, [category, id]);
  return (
    <>
      <nav class="back">
        <a href="#/">← All tenants</a>
      </nav>
      <section class="tenant" aria-labelledby="tenant">
        <div class="title">
          <h1 id="tenant" tabIndex={-1} ref={heading}>
            <bdi>{nameOf(tenant)}</bdi>
          </h1>
          <p>
            {nameOf(tenant) !== idOf(tenant) && <bdi class="id">{idOf(tenant)}</bdi>}{' '}
            <span class="chip">{category}</span>
          </p>
        </div>
        {problem && !data && <p class="empty">{problem.message}</p>}
        {data?.rows.map((each) => (
          <Now key={each.window} row={each} now={now} />
        ))}
        {row && <Silence row={row} now={now} />}
        {row && data && overview.canSetThreshold && (
          <div class="padded">
            <ThresholdForm
              category={category}
              tenant={id}
              threshold={row.hourThreshold}
              override={data.override}
              now={now}
            />
          </div>
        )}
      </section>
      {row && data && (
        <>
          <Day answer={data} row={row} now={now} />
          <section aria-labelledby="history">
            {data.incidents.length > 0 && (
              <>
                <h2>
                  Incidents <small>{data.incidents.length}</small>
                </h2>
                <IncidentList entries={data.incidents} now={now} own />
              </>
            )}
            <h2 id="history">
              Alerts <small>of this tenant, last 24 hours</small>
            </h2>
            {data.alerts.length === 0 ? (
              <p class="empty">No alerts were sent.</p>
            ) : (
              <AlertList entries={data.alerts} now={now} own />
            )}
          </section>
          {data.hourlyPeaks.length > 0 && <Peaks answer={data} row={row} now={now} />}
        </>
      )}
    </>
  );
}

function Now({ row, now }: { row: TenantRow; now: number }): JSX.Element {
  return (
    <div class={`now ${toneOf(row)}`}>
      <p class="figure">
        <b class="ratio num">{times(row.ratio)}</b>
        <span>
          <b class="num">{count(row.count)}</b> of {count(row.threshold)} in {length(row.windowMs)}
          {row.window !== '' && ` (${row.window})`}
        </span>
      </p>
      <Bar row={row} />
      <dl>
        <div>
          <dt>Over for</dt>
          <dd>
            {row.since === undefined ? 'not over' : `${lasting(now - row.since)}, since ${clock(row.since, now)}`}
          </dd>
        </div>
        <div>
          <dt>Share of the category</dt>
          <dd>{percent(row.share)}</dd>
        </div>
        {row.windowEnd !== undefined && (
          <div>
            <dt>Window ends</dt>
            <dd>{clock(row.windowEnd, now)}</dd>
          </div>
        )}
        {row.contributors && row.contributors.length > 0 && (
          <div>
            <dt>Contributors</dt>
            <dd>
              <Contributors of={row} limit={6} />
            </dd>
          </div>
        )}
        {row.told.length > 0 && (
          <div>
            <dt>Told</dt>
            <dd>
              <Told told={row.told} now={now} />
            </dd>
          </div>
        )}
        <div class="hour">
          <dt>Last hour</dt>
          <dd>
            <Spark series={row.hour} threshold={row.hourThreshold} />
          </dd>
        </div>
      </dl>
    </div>
  );
}

function Silence({ row, now }: { row: TenantRow; now: number }): JSX.Element {
  const { category, tenant, mute } = row;
  const [more, setMore] = useState(false);
  return (
    <div class="silence">
      {mute && (
        <p>
          Muted until {clock(mute.until, now)}: <bdi>{mute.reason}</bdi>
          {mute.by !== undefined && (
            <>
              , by <bdi>{mute.by}</bdi>
            </>
          )}
          , held back {many(mute.heldBack, 'alert')}
        </p>
      )}
      <MuteButton scope={mute ?? { category, tenant }} mute={mute} now={now} />
      <button type="button" class="quiet" aria-expanded={more} onClick={() => setMore(!more)}>
        {more ? 'Cancel' : 'Mute with a reason'}
      </button>
      {more && <MuteForm scope={{ category, tenant }} now={now} done={() => setMore(false)} />}
    </div>
  );
}

function Day({ answer, row, now }: { answer: TenantAnswer; row: TenantRow; now: number }): JSX.Element {
  const { day, alerts } = answer;
  const threshold = row.windowMs <= 60_000 ? row.threshold : undefined;
  const data = useMemo(() => {
    const times = day.counts.map((_, i) => day.start + i * day.stepMs);
    const marks = alerts
      .filter(({ status }) => status !== 'resolved')
      .map(({ at }) => Math.floor((at - day.start) / day.stepMs))
      .filter((index) => index >= 0 && index < times.length);
    return { times, values: day.counts, marks, ...(threshold === undefined ? {} : { threshold }) };
  }, [answer]);
  const over = threshold === undefined ? undefined : day.counts.filter((value) => value > threshold).length;
  return (
    <section aria-labelledby="day">
      <h2 id="day">
        The day <small>each minute; drag to zoom in, double-click to reset</small>
      </h2>
      <div class="padded">
        <Chart
          key={`${row.category}/${row.tenant.id}`}
          data={data}
          height={HEIGHT}
          axis
          label={`${row.category}: counts of each minute of the last 24 hours against the threshold`}
          caption={
            over === undefined
              ? 'counts of each minute'
              : `${many(over, 'minute')} of ${day.counts.length} over the threshold`
          }
          readout={(i) => `${clock(data.times[i] ?? 0, now)}: ${count(data.values[i] ?? 0)}`}
        />
        <AsTable
          caption="Counts by the hour"
          columns={['Hour from', 'Total', 'Busiest minute', ...(threshold === undefined ? [] : ['Minutes over'])]}
          rows={() =>
            hoursOf(day).map(({ at, sum, peak, counts }) => [
              clock(at, now),
              count(sum),
              count(peak),
              ...(threshold === undefined ? [] : [count(counts.filter((value) => value > threshold).length)]),
            ])
          }
        />
      </div>
    </section>
  );
}

/** In hours without a peak the tenant was not in the top 100, which does not mean 0. */
function Peaks({
  answer: { hourlyPeaks },
  row,
  now,
}: {
  answer: TenantAnswer;
  row: TenantRow;
  now: number;
}): JSX.Element {
  const highest = hourlyPeaks.reduce((best, peak) => (peak.count > best.count ? peak : best));
  return (
    <section aria-labelledby="peaks">
      <h2 id="peaks">
        Long term <small>hours among the busiest hundred</small>
      </h2>
      <div class="padded">
        <p>
          In {many(hourlyPeaks.length, 'hour')} of the last{' '}
          {lasting(Math.max(now - (hourlyPeaks[0]?.at ?? now), 3_600_000))} among the busiest hundred; at most{' '}
          <b>{count(highest.count)}</b>, {clock(highest.at, now)}; over {count(row.threshold)} in{' '}
          {many(hourlyPeaks.filter((peak) => peak.count > row.threshold).length, 'hour')}.
        </p>
        <AsTable
          caption="Hourly peaks"
          columns={['Hour from', 'Busiest minute']}
          rows={() => [...hourlyPeaks].reverse().map((peak) => [clock(peak.at, now), count(peak.count)])}
        />
      </div>
    </section>
  );
}
