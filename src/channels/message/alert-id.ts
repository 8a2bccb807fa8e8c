import { createHash } from 'node:crypto';

import type { RateAlert } from '../../model/rate-alert.js';

/** 132 bits: what is about something else never has the same. */
const LENGTH = 22;

/**
 * What tells an alert from every other: the id it brings, else one made of what it is about, the same over retries, replicas and
 * restarts. The count is left out, since two instances that notice the same breach may have seen different ones.
 */
export function alertId({ id, category, tenant, windowStart, windowMs, level, incident, test }: RateAlert): string {
  if (id !== undefined) return id;
  const about = [category, tenant.id, windowStart.getTime(), windowMs, level.at, incident?.id, incident?.status, test];
  return createHash('sha256').update(JSON.stringify(about)).digest('base64url').slice(0, LENGTH);
}
