import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { MAX_INCIDENTS, type PageAlert, type PageIncident } from '../api.js';
import { Contributors, Told, Who } from './who.js';
import { categoryOf, clock, count, dateAndTime, known, lasting } from './words.js';

const FIRST = 8;

/** Open incidents, then the latest alerts with their delivery state. */
export function Alerts({
  incidents,
  alerts,
  now,
}: {
  incidents: readonly PageIncident[];
  alerts: readonly PageAlert[];
  now: number;
}): JSX.Element {
  return (
    <section aria-labelledby="alerts">
      {incidents.length > 0 && (
        <>
          <h2>
            Open incidents <small>{known(incidents.length, MAX_INCIDENTS)}</small>
          </h2>
          <IncidentList entries={incidents} now={now} />
        </>
      )}
      <h2 id="alerts">
        Alerts <small>last 24 hours</small>
      </h2>
      {alerts.length === 0 ? <p class="empty">No alerts were sent.</p> : <AlertList entries={alerts} now={now} />}
    </section>
  );
}

interface ListProps<T> {
  entries: readonly T[];
  now: number;
  /** Set on a tenant's page, where every entry belongs to that tenant. */
  own?: boolean;
}

export function IncidentList({ entries, now, own = false }: ListProps<PageIncident>): JSX.Element {
  return (
    <ul class={own ? 'list own' : 'list'}>
      {entries.map((incident) => (
        <li key={incident.id} class={`event ${incident.severity}`}>
          <Time at={incident.startedAt} now={now} />
          {!own && (
            <Who
              tenant={incident.tenant}
              category={incident.category}
              chip={categoryOf(incident.category, incident.window)}
            />
          )}
          <p class="what">
            <b>
              {incident.resolvedAt === undefined ? 'open for' : 'lasted'}{' '}
              {lasting(incident.resolvedAt === undefined ? now - incident.startedAt : incident.lastedMs)}
            </b>
            , peak {count(incident.peak.count)} of {count(incident.threshold)}, {inAll(incident)}{' '}
            {own && <Window name={incident.window} />}
          </p>
          <Told told={incident.told} now={now} />
        </li>
      ))}
    </ul>
  );
}

export function AlertList({ entries, now, own = false }: ListProps<PageAlert>): JSX.Element {
  const [all, setAll] = useState(false);
  return (
    <>
      <ul class={own ? 'list own' : 'list'}>
        {(all ? entries : entries.slice(0, FIRST)).map((alert) => (
          <li
            key={`${alert.id}/${alert.at}`}
            class={`event ${alert.status === 'resolved' ? 'resolved' : alert.severity}`}
          >
            <Time at={alert.at} now={now} />
            {!own && (
              <Who tenant={alert.tenant} category={alert.category} chip={categoryOf(alert.category, alert.window)} />
            )}
            <div class="what">
              <b>{alert.test ? 'test alert' : wordsOf(alert)}</b> {own && <Window name={alert.window} />}
              {alert.route !== undefined && <small>{alert.route}</small>}
              <Contributors of={alert} limit={2} />
            </div>
            <Told told={alert.told} now={now} />
          </li>
        ))}
      </ul>
      {!all && entries.length > FIRST && (
        <p class="more">
          <button type="button" class="link" onClick={() => setAll(true)}>
            Show {entries.length - FIRST} more
          </button>
        </p>
      )}
    </>
  );
}

/** The window of an entry on the tenant's own page, if there are several. */
function Window({ name }: { name: string }): JSX.Element | null {
  return name === '' ? null : <span class="chip">{name}</span>;
}

function Time({ at, now }: { at: number; now: number }): JSX.Element {
  return (
    <time class="num" dateTime={new Date(at).toISOString()} title={dateAndTime(at)}>
      {clock(at, now)}
    </time>
  );
}

function wordsOf(alert: PageAlert): string {
  const { status, severity, count: seen, threshold, levelAt, lastedMs = 0, peak, total = seen, isPartial } = alert;
  const against = `${count(seen)} of ${count(threshold)}`;
  if (status === 'resolved')
    return `ended after ${lasting(lastedMs)}, peak ${count(peak ?? seen)}, ${inAll({ total, isPartial })}`;
  if (status === 'reminded') return `still ${seen > threshold ? 'over' : 'near'}, ${against}`;
  if (status === 'escalated') return `escalated to ${severity}, ${against}`;
  return levelAt > 1 ? `${severity} at ${levelAt}×, ${against}` : `${severity}, ${against}`;
}

function inAll({ total, isPartial }: { total: number; isPartial?: true | undefined }): string {
  return `${isPartial ? 'at least ' : ''}${count(total)} in all`;
}
