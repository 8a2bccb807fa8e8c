import { randomBytes } from 'node:crypto';

import type { SharedState } from '../../state/shared-state.js';
import { oneLine } from '../../util/text.js';
import type { Delivery } from '../delivery/outgoing.js';
import type { RateAlert } from '../rate-alert.js';

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
    const own = [...this.changed.values()].reverse();
    const shared = (await this.state.newest(LOG)).map((text) => JSON.parse(text, reviveDate) as AlertRecord);
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
      // Not lost but late. What has changed meanwhile is the newer word.
      for (const record of records) this.keep(record);
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
  const { id, name, attributes } = alert.tenant;
  const few = Object.entries(attributes ?? {}).slice(0, 10);
  const tenant = {
    id: oneLine(id),
    ...(name === undefined ? {} : { name: oneLine(name) }),
    ...(attributes
      ? { attributes: Object.fromEntries(few.map(([key, value]) => [oneLine(key, 50), oneLine(String(value))])) }
      : {}),
  };
  return { ...alert, tenant };
}

function reviveDate(key: string, value: unknown): unknown {
  const isDate = ['raisedAt', 'windowStart', 'startedAt'].includes(key) && typeof value === 'string';
  return isDate ? new Date(value) : value;
}
