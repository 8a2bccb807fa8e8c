import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import type { Overview, TestAnswer } from '../api.js';
import { HandlerList } from './hot-rows.js';
import { post } from './live.js';
import { attempt } from './toast.js';
import { SILENT_MS, bytes, clock, clockWithSeconds, count, lasting, length, many } from './words.js';

/** The channels, with a button that sends a test alert. */
export function Channels({ overview, now }: { overview: Overview; now: number }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<TestAnswer>();
  const test = async (): Promise<void> => {
    setBusy(true);
    setAnswer(undefined);
    await attempt(async () => {
      setAnswer(await post<TestAnswer>('api/test', {}));
      return undefined;
    });
    setBusy(false);
  };
  return (
    <section aria-labelledby="channels">
      <h2 id="channels">
        Channels
        <button type="button" class="quiet end" disabled={busy} onClick={() => void test()}>
          {busy ? 'Sending' : 'Send a test alert'}
        </button>
      </h2>
      <ul class="list">
        {overview.channels.map(({ name, on, reason, offSince, retryAt, queued }) => {
          const tested = answer?.channels.find((channel) => channel.name === name);
          return (
            <li key={name} class="channel">
              <b>{name}</b>
              <span class={on ? 'dim' : 'critical'}>
                {on ? 'on' : `off${offSince === undefined ? '' : ` since ${clock(offSince, now)}`}`}
                {!on && reason !== undefined && `: ${reason}`}
                {!on && retryAt !== undefined && `; retried at ${clock(retryAt, now)}`}
                {queued > 0 && `, ${many(queued, 'alert')} waiting`}
              </span>
              <span class="result" role="status">
                {tested && (
                  <span class={tested.status === 'sent' ? 'good' : 'critical'}>
                    {tested.status === 'sent'
                      ? 'test arrived'
                      : `test failed${tested.reason === undefined ? '' : `: ${tested.reason}`}`}
                  </span>
                )}
              </span>
            </li>
          );
        })}
      </ul>
      {overview.channels.length === 0 && <p class="empty">Alerts go nowhere: no channel is set.</p>}
    </section>
  );
}

/** The instances that count. */
export function Instances({
  overview: { instances, instancesReadAt },
  now,
}: {
  overview: Overview;
  now: number;
}): JSX.Element {
  const several = new Set(instances.map(({ service, environment }) => `${service} ${environment}`)).size > 1;
  return (
    <section aria-labelledby="instances">
      <h2 id="instances">
        Instances <small>{instances.length}</small>
      </h2>
      {instancesReadAt !== undefined && (
        <p class="dim">The others as this instance last read them, at {clockWithSeconds(instancesReadAt)}.</p>
      )}
      <ul class="list">
        {instances.map((instance) => {
          const silent = (instancesReadAt ?? now) - instance.lastSeen;
          return (
            <li key={instance.id} class="instance">
              <span class="host">
                <code>
                  <bdi>{instance.host}</bdi>:{instance.pid}
                </code>
                {instance.self && <small>answers this page</small>}
              </span>
              <span class="dim">
                {several && `${instance.service} ${instance.environment}, `}
                {instance.version}, up {lasting(now - instance.startedAt)}
                {instance.uncounted > 0 && <b class="warning">, {count(instance.uncounted)} uncounted</b>}
                {silent > SILENT_MS && <b class="warning">, last seen {Math.round(silent / 1_000)} s ago</b>}
              </span>
              <span class="num">{count(Math.round(instance.perSecond * 10) / 10)} /s</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

export function Foot({ overview: { storage, version, store, handlers } }: { overview: Overview }): JSX.Element {
  const never = handlers.filter(({ seen }) => !seen).length;
  return (
    <footer>
      {handlers.length > 0 && (
        <details>
          <summary>
            {many(handlers.length, 'monitored handler')}
            {never > 0 && `, ${never} of them never saw a tenant in this process`}
          </summary>
          <HandlerList handlers={handlers} />
        </details>
      )}
      <p>
        {storage &&
          `History takes ${storage.bytes === undefined ? 'an unknown part' : bytes(storage.bytes)} of ${store.name}: ${many(storage.tenants, 'tenant')}, ${length(storage.retentionMs)} by the minute, ${length(storage.hourlyRetentionMs)} of hourly peaks. `}
        Times are yours; counts are those of all instances together. nestjs-rate-monitor {version}
      </p>
    </footer>
  );
}
