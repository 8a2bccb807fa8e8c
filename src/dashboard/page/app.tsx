import { render, type JSX } from 'preact';
import { useEffect, useReducer } from 'preact/hooks';

import type { Overview } from '../api.js';
import { useAddress } from './address.js';
import { Alerts } from './alerts.js';
import { Categories } from './category-card.js';
import { HotRows } from './hot-rows.js';
import { isClosed, Refused, useLive } from './live.js';
import { Mutes } from './mutes.js';
import { Notices } from './toast.js';
import { Channels, Foot, Instances } from './channels-and-instances.js';
import { Header } from './header.js';
import { TenantPage } from './tenant-page.js';
import { clockWithSeconds } from './words.js';

const EVERY_MS = 1_000;
/** How often relative times such as "18 min" are re-rendered if nothing else changes. */
const CLOCK_MS = 5_000;

function App(): JSX.Element {
  const live = useLive<Overview>('api/overview', EVERY_MS);
  const address = useAddress();
  useTicks(CLOCK_MS);
  const now = Date.now() + live.skewMs;
  const { data: overview, problem } = live;
  return (
    <>
      <Header live={live} now={now} />
      <main>
        {!overview && problem && <Unavailable problem={problem} />}
        {overview?.state === 'blind' ? (
          <Blind overview={overview} />
        ) : (
          overview?.unread && <Unread what={overview.unread} />
        )}
        {overview &&
          (address ? (
            <TenantPage address={address} overview={overview} now={now} />
          ) : (
            <Everything overview={overview} now={now} />
          ))}
      </main>
      <Notices />
    </>
  );
}

function Everything({ overview, now }: { overview: Overview; now: number }): JSX.Element {
  return (
    <>
      <h1 class="unseen">Rate monitor of {overview.service}</h1>
      <HotRows overview={overview} now={now} />
      <Categories overview={overview} />
      <div class="two">
        <div>
          <Alerts incidents={overview.incidents} alerts={overview.alerts} now={now} />
        </div>
        <div>
          <Mutes overview={overview} now={now} />
          <Channels overview={overview} now={now} />
          <Instances overview={overview} now={now} />
        </div>
      </div>
      <Foot overview={overview} />
    </>
  );
}

function Blind({ overview: { blindSince, store } }: { overview: Overview }): JSX.Element {
  return (
    <p class="banner" role="alert">
      <b>
        {store.name} has been away{blindSince === undefined ? '' : ` since ${clockWithSeconds(blindSince)}`}.
      </b>{' '}
      Requests continue. Each instance counts alone, so counts here are those of one instance: the true ones are this or
      more.
    </p>
  );
}

function Unread({ what }: { what: readonly string[] }): JSX.Element {
  return (
    <p class="banner" role="alert">
      <b>Cannot be read: {what.join(', ')}.</b> The rest of this page is shown without it. The log of the app says why,
      and what to do.
    </p>
  );
}

function Unavailable({ problem }: { problem: Error }): JSX.Element {
  const closed = problem instanceof Refused && isClosed(problem.status);
  return (
    <section>
      <h1>{closed ? 'You do not have access to this page' : 'No data'}</h1>
      <p class="empty">{problem.message}</p>
    </section>
  );
}

function useTicks(everyMs: number): void {
  const [, tick] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || tick(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}

const root = document.getElementById('app');
if (root) {
  root.textContent = '';
  render(<App />, root);
}
