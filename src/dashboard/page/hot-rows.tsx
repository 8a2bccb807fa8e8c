import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import type { Overview, TenantRow, TenantsAnswer } from '../api.js';
import { encoded } from './address.js';
import { useLive } from './live.js';
import { MuteButton } from './mutes.js';
import { Bar, Spark, toneOf } from './small-charts.js';
import { Contributors, Told, Who } from './who.js';
import { categoryOf, clock, count, lasting, length, percent, tenants, times } from './words.js';

/** The search starts after a pause in typing of this length. */
const TYPING_PAUSE_MS = 200;
const SEARCH_EVERY_MS = 2_000;

/** Tenants over or near a threshold, worst first; during a search, any tenant. */
export function HotRows({ overview, now }: { overview: Overview; now: number }): JSX.Element {
  const [typed, setTyped] = useState('');
  const search = useSettled(typed.trim(), TYPING_PAUSE_MS);
  const found = useLive<TenantsAnswer>(
    search === '' ? undefined : `api/tenants?search=${encoded(search)}`,
    SEARCH_EVERY_MS,
  );
  const isSearch = search !== '';
  const rows = isSearch ? found.data?.rows : overview.rows;
  const more = isSearch ? (found.data?.more ?? 0) : overview.moreRows;
  return (
    <section aria-labelledby="hot">
      <h2 id="hot">
        Over or near <small>{isSearch ? `tenants with “${search}”` : `at ${clock(now, now)}, worst first`}</small>
        <Search typed={typed} onType={setTyped} />
      </h2>
      {rows !== undefined && rows.length > 0 && <RowTable rows={rows} now={now} />}
      {rows !== undefined &&
        rows.length === 0 &&
        (isSearch ? <NobodyFound unread={found.data?.unread} /> : <Nobody overview={overview} />)}
      {found.problem && isSearch && <p class="empty">{found.problem.message}</p>}
      {more > 0 && (
        <p class="more">
          {isSearch ? count(more) : tenants(more, overview.rows.length)} more{' '}
          {isSearch ? 'match' : 'at half of a threshold or above'}: type a part of a name or id to find one.
        </p>
      )}
    </section>
  );
}

function RowTable({ rows, now }: { rows: readonly TenantRow[]; now: number }): JSX.Element {
  return (
    <table class="hot">
      <thead>
        <tr>
          <th scope="col">Tenant</th>
          <th scope="col">Category</th>
          <th scope="col">Count against threshold</th>
          <th scope="col">Ratio</th>
          <th scope="col">Over for</th>
          <th scope="col">Last hour</th>
          <th scope="col">Caused by, sent to</th>
          <th scope="col">
            <span class="unseen">Mute</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={`${row.category}/${row.window}/${row.tenant.id}`} row={row} now={now} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row, now }: { row: TenantRow; now: number }): JSX.Element {
  const { tenant, category, window, mute, since } = row;
  const tone = toneOf(row);
  return (
    <tr class={mute ? `${tone} muted` : tone} data-tenant={tenant.id}>
      <th scope="row" class="cell-who">
        <Who tenant={tenant} category={category} />
      </th>
      <td class="cell-category">
        <span class="chip">{categoryOf(category, window)}</span>
      </td>
      <td class="cell-bar">
        <Bar row={row} />
        <span class="num dim">
          <b>{count(row.count)}</b> of {count(row.threshold)} in {length(row.windowMs)}
        </span>
      </td>
      <td class="cell-ratio num">
        <b class="ratio">{times(row.ratio)}</b>
        <span class="dim" title="Share of the category's total in this window">
          {percent(row.share)}
          <span class="share-word"> of all</span>
        </span>
      </td>
      <td class="cell-since num" title={since === undefined ? '' : `since ${clock(since, now)}`}>
        {since === undefined ? (
          <span class="dim">–</span>
        ) : (
          <>
            <span class="since-word">over for </span>
            {lasting(now - since)}
          </>
        )}
      </td>
      <td class="cell-hour">
        <Spark series={row.hour} threshold={row.hourThreshold} />
      </td>
      <td class="cell-told">
        <Contributors of={row} />
        {mute ? (
          <span class="muted-until" title={mute.reason}>
            muted until {clock(mute.until, now)}
          </span>
        ) : (
          <Told told={row.told} now={now} />
        )}
      </td>
      <td class="cell-mute">
        <MuteButton scope={mute ?? { category, tenant }} mute={mute} now={now} />
      </td>
    </tr>
  );
}

/** The search field. `/` focuses it from anywhere; Escape clears it. */
function Search({ typed, onType }: { typed: string; onType: (text: string) => void }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, []);
  return (
    <input
      ref={input}
      class="search end"
      type="search"
      placeholder={matchMedia('(pointer: coarse)').matches ? 'Find a tenant' : 'Find a tenant  /'}
      aria-label="Find a tenant"
      autocomplete="off"
      spellcheck={false}
      maxLength={200}
      value={typed}
      onInput={(event) => onType(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        onType('');
        event.currentTarget.blur();
      }}
    />
  );
}

function Nobody({ overview }: { overview: Overview }): JSX.Element {
  const { state, store, unread } = overview;
  if (state === 'blind') return <p class="empty">Who is over cannot be read while {store.name} is away.</p>;
  if (unread) return <p class="empty">Nobody is near a threshold in what can be read.</p>;
  const tenants = overview.categories.reduce((sum, category) => sum + category.tenants, 0);
  if (tenants === 0 && overview.categories.every(({ total }) => total === 0)) return <Handlers overview={overview} />;
  return (
    <p class="empty calm">
      <b>Nobody is near a threshold.</b> Tenants appear here at half of one.
    </p>
  );
}

function NobodyFound({ unread }: Pick<TenantsAnswer, 'unread'>): JSX.Element {
  const limits = unread ? 'is in what can be read' : 'was counted in the last 24 hours';
  return <p class="empty">No tenant with that in its name or id {limits}.</p>;
}

/** Shown before the first tenant: the monitored handlers, and which have not been called yet. */
function Handlers({ overview: { handlers } }: { overview: Overview }): JSX.Element {
  return (
    <div class="empty">
      <p>
        <b>No tenant has been seen yet.</b>{' '}
        {handlers.length === 0
          ? 'No handler is monitored: mark one with @MonitorRate.'
          : 'These handlers are monitored; call one and its tenant appears here.'}
      </p>
      <HandlerList handlers={handlers} />
    </div>
  );
}

export function HandlerList({ handlers }: { handlers: Overview['handlers'] }): JSX.Element {
  return (
    <ul class="handlers">
      {handlers.map(({ handler, categories, seen }) => (
        <li key={handler}>
          <code>{handler}</code>
          {categories.map((category) => (
            <span key={category} class="chip">
              {category}
            </span>
          ))}
          <span class={seen ? 'dim' : 'never'}>{seen ? 'seen' : 'has never seen a tenant'}</span>
        </li>
      ))}
    </ul>
  );
}

/** The value, debounced. */
function useSettled(value: string, afterMs: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), afterMs);
    return () => clearTimeout(timer);
  }, [value, afterMs]);
  return settled;
}
