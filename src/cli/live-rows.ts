import type { Cluster, Redis } from 'ioredis';

import type { AboutWindow } from '../store/usage-store.js';
import { SLOT_MS, blockOf } from '../store/usage-store.js';

/** A tenant in the newest window that has a live top. */
export interface LiveRow {
  category: string;
  window: string;
  tenant: string;
  name?: string;
  count: number;
  threshold?: number;
  ratio?: number;
  /** Part of what the category's busiest tenants counted together. */
  share: number;
}

const SCANNED = 500;
/** Not the keys of a user's own. */
const CATEGORY = /:\{([a-z][a-z0-9_]*)\}:about$/;

/** Reads live tops from Redis alone: what the page shows, without an app. */
export class LiveRows {
  constructor(
    private readonly client: Redis | Cluster,
    private readonly keyPrefix: string,
    private readonly limit: number,
  ) {}

  /** Worst first; by count if a threshold is not known. */
  async read(category: string | undefined): Promise<LiveRow[]> {
    const block = blockOf(Math.floor(Date.now() / SLOT_MS));
    const rows: LiveRow[] = [];
    for (const name of category === undefined ? await this.categories() : [category]) {
      const about = await this.client.hgetall(`${this.keyPrefix}:{${name}}:about`);
      for (const [window, text] of Object.entries(about))
        rows.push(...(await this.ofWindow(name, window, JSON.parse(text) as AboutWindow, block)));
    }
    return rows.sort((a, b) => (b.ratio ?? 0) - (a.ratio ?? 0) || b.count - a.count);
  }

  private async categories(): Promise<string[]> {
    const { client } = this;
    const nodes = client.isCluster ? (client as Cluster).nodes('master') : [client as Redis];
    const found = new Set<string>();
    for (const node of nodes) {
      let cursor = '0';
      do {
        const [next, keys] = await node.scan(cursor, 'MATCH', `${this.keyPrefix}:{*}:about`, 'COUNT', SCANNED);
        for (const key of keys) {
          const name = CATEGORY.exec(key)?.[1];
          if (name !== undefined) found.add(name);
        }
        cursor = next;
      } while (cursor !== '0');
    }
    return [...found].sort();
  }

  private async ofWindow(category: string, window: string, about: AboutWindow, block: number): Promise<LiveRow[]> {
    const key = (rest: string): string => `${this.keyPrefix}:{${category}}:${rest}`;
    const found = await this.client.zrevrange(key(`live/${window}/${about.span}`), 0, this.limit - 1, 'WITHSCORES');
    const tenants = found.filter((_, i) => i % 2 === 0);
    if (tenants.length === 0) return [];
    const [now, before] = await Promise.all(
      [block, block - 1].map((at) => this.client.hmget(key(`seen/${at}`), ...tenants)),
    );
    const total = found.reduce((sum, score, i) => sum + (i % 2 === 1 ? Number(score) : 0), 0);
    return tenants.map((tenant, i) => {
      const seen = now?.[i] ?? before?.[i] ?? ' ';
      const name = seen.slice(seen.indexOf(' ') + 1);
      const count = Number(found[2 * i + 1]);
      const own = seen.startsWith(' ') ? undefined : Number(seen.slice(0, seen.indexOf(' ')).split(',')[0]);
      const threshold = own ?? about.threshold;
      return {
        ...{ category, window, tenant, ...(name === '' ? {} : { name }), count },
        ...(threshold === undefined ? {} : { threshold, ratio: count / Math.max(threshold, 1) }),
        share: count / Math.max(total, 1),
      };
    });
  }
}
