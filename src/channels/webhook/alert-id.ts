import { createHash } from 'node:crypto';

import type { RateAlert } from '../../model/rate-alert.js';

/** 132 bits: different alerts never have the same id. */
const LENGTH = 22;

/** An id that is valid in a header. */
const GIVEN_ID = /^[\w.:~-]{1,100}$/;

/**
 * Identifies an alert: its own id, or a hash of what it is about that is the same for retries, replicas and restarts. The hash
 * omits the count, because two instances that notice the same breach may have seen different counts.
 */
export function alertId(alert: RateAlert): string {
  const { id, category, tenant, windowStart, windowMs, level, incident, test } = alert;
  if (id !== undefined && GIVEN_ID.test(id)) return id;
  const { id: incidentId, status } = incident ?? {};
  const about = [category, tenant.id, windowStart.getTime(), windowMs, level.at, incidentId, status, test];
  return createHash('sha256')
    .update(JSON.stringify(id === undefined ? about : [...about, id]))
    .digest('base64url')
    .slice(0, LENGTH);
}
