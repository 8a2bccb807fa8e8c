import { randomBytes } from 'node:crypto';

import type { Redis } from 'ioredis';

import type { RateAlert } from '../../src/index.js';

const SETTLES_AFTER_MS = 1_000;

/** As edition 1 writes it. */
interface Incident {
  id: string;
  category: string;
  tenant: RateAlert['tenant'];
  windowMs: number;
  threshold: number;
  worst: RateAlert['level'];
  told: number;
  toldAt: number;
  first: number;
  last: number;
  peak: { count: number; window: number };
  total: number;
  calm: number;
  unsettled: number;
  seen: Record<number, number>;
  notes: Record<string, string>;
}

/** A replica of edition 1, as far as its incidents go: the same records, looks and claims, in code copied from it. */
export class Edition1Incidents {
  /** What it sent, by status. */
  readonly sent: string[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly client: Redis,
    private readonly keyPrefix: string,
    private readonly resolveAfterMs: number,
  ) {}

  /** Begins to look after open incidents once a second. */
  start(): this {
    this.timer = setInterval(() => void this.look().catch(() => undefined), 1_000);
    return this;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  async breached({ category, tenant, windowMs, threshold, level, count, windowStart }: RateAlert): Promise<void> {
    const window = Math.round(windowStart.getTime() / windowMs);
    const id = `${category}:${windowMs}:${tenant.id}`;
    const before = await this.client.hget(this.key('incidents'), id);
    const old = before === null ? undefined : (JSON.parse(before) as Incident);
    const last = Math.max(window, old?.last ?? 0);
    const status = !old ? 'opened' : level.at > old.told ? 'escalated' : undefined;
    const incident: Incident = {
      ...{ category, tenant, windowMs, threshold, last, id: old?.id ?? randomBytes(9).toString('base64url') },
      worst: old && old.worst.at > level.at ? old.worst : level,
      told: Math.max(level.at, old?.told ?? 0),
      toldAt: status ? Date.now() : (old?.toldAt ?? 0),
      first: old?.first ?? window,
      peak: !old || count > old.peak.count ? { count, window } : old.peak,
      ...{ total: old?.total ?? 0, calm: old?.calm ?? 0, unsettled: old?.unsettled ?? window },
      seen: { ...old?.seen, [window]: count },
      notes: old?.notes ?? {},
    };
    await this.client.hset(this.key('incidents'), id, JSON.stringify(incident));
    if (status) this.sent.push(status);
  }

  /** What a channel keeps of an incident: the id of the message that it posted. */
  async note(channel: string, note: string): Promise<void> {
    for (const [id, text] of Object.entries(await this.records())) {
      const incident = JSON.parse(text) as Incident;
      await this.client.hset(
        this.key('incidents'),
        id,
        JSON.stringify({ ...incident, notes: { ...incident.notes, [channel]: note } }),
      );
    }
  }

  records(): Promise<Record<string, string>> {
    return this.client.hgetall(this.key('incidents'));
  }

  private async look(): Promise<void> {
    if ((await this.client.set(this.key('claim:sweep'), '1', 'PX', 900, 'NX')) !== 'OK') return;
    for (const [id, text] of Object.entries(await this.records())) {
      const { last, windowMs } = JSON.parse(text) as Incident;
      const isSettled = Date.now() >= (last + 1) * windowMs + SETTLES_AFTER_MS;
      if (!isSettled || Date.now() < (last + 1) * windowMs + this.resolveAfterMs) continue;
      if ((await this.client.hget(this.key('incidents'), id)) !== text) continue;
      if ((await this.client.hdel(this.key('incidents'), id)) === 1) this.sent.push('resolved');
    }
  }

  private key(name: string): string {
    return `${this.keyPrefix}:{alerts}:${name}`;
  }
}
