import { createHash } from 'node:crypto';

import type { RateAlert } from '../../model/rate-alert.js';

/** 132 bits: what is about something else never has the same. */
const LENGTH = 22;

/** As it may stand in a header. */
const GIVEN_ID = /^[\w.:~-]{1,100}$/;

/**
 * Identifies an alert: the id it brings, else one made of what it is about, the same over retries, replicas and
 * restarts. The count is left out, since two instances that notice the same breach may have seen different ones.
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
