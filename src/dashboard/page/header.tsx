import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';

import type { Overview } from '../api.js';
import { Refused, type Live } from './live.js';
import { SILENT_MS, clockWithSeconds, count, lasting, tenants } from './words.js';

const COLOURS = { calm: '#099268', over: '#c2255c', blind: '#d9480f', unknown: '#667085' };

/** The summary: calm, how many tenants are over, or blind, and whether the data below is current. */
export function Header({ live, now }: { live: Live<Overview>; now: number }): JSX.Element {
  const { data } = live;
  const state = stateOf(live);
  const words = stateWords(state, live, now);
  useEffect(() => {
    document.title = data ? `${words} · ${data.service}` : 'Rate monitor';
    const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]');
    const dot = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${COLOURS[state]}"/></svg>`;
    if (icon) icon.href = `data:image/svg+xml,${encodeURIComponent(dot)}`;
  }, [state, words, data?.service]);
  return (
    <header class="strip">
      <a class="home" href="#/">
        Rate monitor
      </a>
      <span class={`state ${state}`} role="status">
        {words}
      </span>
      {data && <Facts overview={data} now={now} />}
      <LiveSign live={live} />
    </header>
  );
}

function Facts({ overview, now }: { overview: Overview; now: number }): JSX.Element {
  const { store, instances, instancesReadAt, uncounted, channels, service, environment, who } = overview;
  const off = channels.filter(({ on }) => !on);
  const gone = instances.filter(({ lastSeen }) => (instancesReadAt ?? now) - lastSeen > SILENT_MS).length;
  return (
    <ul class="facts">
      <li>
        {store.name} <b class={store.up ? '' : 'critical'}>{store.up ? 'up' : 'away'}</b>
      </li>
      <li>
        <a href="#instances" onClick={(event) => scrollTo(event, 'instances')}>
          Instances <b>{instances.length}</b>
          {instancesReadAt !== undefined && ` as of ${clockWithSeconds(instancesReadAt)}`}
          {gone > 0 && <b class="warning"> ({gone} silent)</b>}
        </a>
      </li>
      <li>
        Uncounted <b class={uncounted > 0 ? 'warning' : ''}>{count(uncounted)}</b>
      </li>
      <li>
        <a href="#channels" onClick={(event) => scrollTo(event, 'channels')}>
          Channels{' '}
          {off.length === 0 ? (
            <b>{channels.map(({ name }) => name).join(', ') || 'none'}</b>
          ) : (
            <b class="critical">{off.map(({ name }) => name).join(', ')} off</b>
          )}
        </a>
      </li>
      <li class="whose">
        <bdi>{service}</bdi>
        {environment !== '' && (
          <>
            {' '}
            · <b>{environment}</b>
          </>
        )}
        {who !== undefined && (
          <>
            {' '}
            · <bdi>{who}</bdi>
          </>
        )}
      </li>
    </ul>
  );
}

function LiveSign({ live: { data, failingSince, problem } }: { live: Live<Overview> }): JSX.Element {
  if (failingSince === undefined) return <span class="live on">{data ? 'live' : 'loading'}</span>;
  return (
    <span class="live off" role="alert" title={problem?.message}>
      {problem instanceof Refused ? problem.message : `no answer since ${clockWithSeconds(failingSince)}`}
    </span>
  );
}

function stateOf({ data, failingSince }: Live<Overview>): keyof typeof COLOURS {
  if (data === undefined || failingSince !== undefined) return 'unknown';
  // Those who are over may be in what cannot be read.
  return data.state === 'calm' && data.unread ? 'unknown' : data.state;
}

function stateWords(state: keyof typeof COLOURS, { data, failingSince }: Live<Overview>, now: number): string {
  if (!data || failingSince !== undefined) return failingSince === undefined ? 'Loading' : 'Not live';
  if (state === 'unknown') return 'Incomplete';
  if (state === 'over') return `${tenants(data.over)} over`;
  if (state === 'calm') return 'Calm';
  if (data.blindSince === undefined || now - data.blindSince < 60_000) return 'Blind';
  return `Blind for ${lasting(now - data.blindSince)}`;
}

/** Links within the page scroll by script, because the hash is a tenant's address. */
function scrollTo(event: Event, id: string): void {
  event.preventDefault();
  document.getElementById(id)?.scrollIntoView({ block: 'center' });
}
