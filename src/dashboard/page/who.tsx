import type { JSX } from 'preact';

import type { PageDelivery, PageTenant, TenantRow } from '../api.js';
import { addressOf } from './address.js';
import { deliverySentence, deliveryWord, idOf, nameOf, percent } from './words.js';

/** A tenant's name and id, linked to its page. Both come from users, so `bdi` isolates their text direction. */
export function Who({ tenant, category, chip }: { tenant: PageTenant; category: string; chip?: string }): JSX.Element {
  const [name, id] = [nameOf(tenant), idOf(tenant)];
  return (
    <a class="who" href={addressOf({ category, tenant: tenant.id })} title={name === id ? name : `${name}\n${id}`}>
      <bdi class="name">{name}</bdi>
      <span class="second">
        {name !== id && <bdi class="id">{id}</bdi>}
        {chip !== undefined && <span class="chip">{chip}</span>}
      </span>
    </a>
  );
}

/** The state of an alert in each channel. */
export function Told({ told, now }: { told: readonly PageDelivery[]; now: number }): JSX.Element | null {
  if (told.length === 0) return null;
  return (
    <ul class="told" aria-label="Told">
      {told.map((delivery) => (
        <li key={delivery.channel} class={delivery.status} title={deliverySentence(delivery)}>
          {deliveryWord(delivery, now)}
        </li>
      ))}
    </ul>
  );
}

interface ContributorsProps {
  of: Pick<TenantRow, 'contributors' | 'count'>;
  limit?: number;
}

/** Contributors to the count, largest first, with their shares. */
export function Contributors({ of, limit = 1 }: ContributorsProps): JSX.Element | null {
  const { contributors = [], count } = of;
  if (contributors.length === 0) return null;
  return (
    <ul class="contributors" aria-label="Contributors">
      {contributors.slice(0, limit).map((contributor) => (
        <li key={contributor.label}>
          <bdi title={contributor.label}>{contributor.label}</bdi>{' '}
          <span>{percent(contributor.count / Math.max(count, 1))}</span>
        </li>
      ))}
    </ul>
  );
}
