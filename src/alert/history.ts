import { randomBytes } from 'node:crypto';

import type { SharedState } from '../store/shared-state.js';
import { oneLine } from '../util/text.js';
import type { Delivery } from './delivery/outgoing.js';
import type { RateAlert } from '../model/rate-alert.js';
import { keptTenant } from '../model/tenant-attributes.js';

/** An alert, and what became of it. */
export interface AlertRecord {
  id: string;
  raisedAt: Date;
  alert: RateAlert;
  /** By channel. */
  channels: Record<string, Delivery>;
}

const LOG = 'history';
/** Each change of a record is an entry: about as many as this many alerts have changes. */
const MOST_ENTRIES = 500;
const MOST_RECORDS = 100;
/** Changes that come together are written together. */
const WRITE_AFTER_MS = 50;

/** The last alerts of all replicas. Every entry says all that is then known of an alert, so the newest of each holds. */
export class History {
  private readonly changed = new Map<string, AlertRecord>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly state: SharedState,
    private readonly now: () => number,
  ) {}

  /** Begins the record of an alert; what is given back changes it. */
  record(alert: RateAlert, channels: readonly string[]): (channel: string, delivery: Delivery) => void {
    const record: AlertRecord = {
      id: randomBytes(9).toString('base64url'),
      raisedAt: new Date(this.now()),
      alert: bounded(alert),
      channels: Object.fromEntries(channels.map((channel) => [channel, { status: 'queued', attempts: 0 }])),
    };
    this.write(record);
    return (channel, delivery) => {
      record.channels[channel] = delivery;
      this.write(record);
    };
  }

  /** Newest first. */
  async list(): Promise<AlertRecord[]> {
    // Copies: these go on changing.
    const own = [...this.changed.values()].reverse().map((record) => ({ ...record, channels: { ...record.channels } }));
    const shared = (await this.state.newest(LOG)).map(read);
    const records = new Map<string, AlertRecord>();
    for (const record of [...own, ...shared]) if (!records.has(record.id)) records.set(record.id, record);
    return [...records.values()].sort((a, b) => b.raisedAt.getTime() - a.raisedAt.getTime()).slice(0, MOST_RECORDS);
  }

  /** Writes what has changed since the last time; where the store is away it is kept for the next. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const records = [...this.changed.values()];
    if (records.length === 0) return;
    this.changed.clear();
    try {
      await this.state.append(
        LOG,
        records.map((record) => JSON.stringify(record)),
        MOST_ENTRIES,
      );
    } catch {
      // Not lost but late: before what has come meanwhile, which outlives it.
      const meanwhile = [...this.changed.values()];
      this.changed.clear();
      for (const record of [...records, ...meanwhile]) this.keep(record);
    }
  }

  private write(record: AlertRecord): void {
    this.keep(record);
    this.timer ??= setTimeout(() => void this.flush(), WRITE_AFTER_MS).unref();
  }

  private keep(record: AlertRecord): void {
    this.changed.set(record.id, record);
    if (this.changed.size <= MOST_RECORDS) return;
    const [oldest] = this.changed.keys();
    this.changed.delete(oldest as string);
  }
}

/** What users wrote is kept as far as it is worth reading. */
function bounded(alert: RateAlert): RateAlert {
  return { ...alert, tenant: { ...keptTenant(alert.tenant), id: oneLine(alert.tenant.id) } };
}

/** Dates are known by their place: an attribute of a tenant may have any name. */
function read(text: string): AlertRecord {
  const record = JSON.parse(text) as AlertRecord;
  const { windowStart, incident } = record.alert;
  const alert = { ...record.alert, windowStart: new Date(windowStart) };
  if (incident) {
    const peak = { ...incident.peak, windowStart: new Date(incident.peak.windowStart) };
    alert.incident = { ...incident, startedAt: new Date(incident.startedAt), peak };
  }
  return { ...record, raisedAt: new Date(record.raisedAt), alert };
}
