import type { AlertChannel } from '../model/alert-channel.js';
import type { Severity } from '../model/level.js';
import { Records } from '../store/records.js';
import type { SharedState } from '../store/shared-state.js';

/** Of a channel, what decides on what it hears. */
export type Wanting = Pick<AlertChannel, 'minSeverity' | 'categories' | 'repeatEveryMs'>;

interface Entry {
  readonly key: string;
  readonly minSeverity?: Severity | undefined;
  readonly categories?: readonly string[] | undefined;
  readonly repeatEveryMs?: number | undefined;
  readonly seenAt: number;
}

/** How often a replica makes its channels known, unless another that has the same has done so. */
const SEEN_EVERY_MS = 5_000;
/** A channel that no replica has made known for so long has gone. */
const GONE_AFTER_MS = 20_000;

/** All replicas read the roster once a second: so long after a channel was made known, what they notice is left for it. */
const KNOWN_AFTER_MS = 2_000;

/**
 * The channels of all replicas, by their keys: with a new or a revoked address they differ. A replica that notices a breach leaves in its
 * record what channels are due that only others have.
 */
export class Roster {
  private readonly records: Records<Entry>;
  /** The own channels, and those of others. */
  channels: ReadonlyMap<string, Wanting>;
  /** Channels that no replica had before, and when they were made known. */
  private readonly fresh = new Map<string, number>();

  constructor(
    state: SharedState,
    scope: string,
    private readonly own: ReadonlyMap<string, Wanting>,
  ) {
    this.records = new Records(state, `channels:${scope}`);
    this.channels = own;
  }

  /**
   * Makes the own channels known, and learns of those of others.
   *
   * @returns The keys of new channels of this replica, once: records that were written before may not have them.
   */
  async look(now: number): Promise<string[]> {
    const found = new Map((await this.records.list()).map((entry) => [entry.key, entry]));
    for (const [key, { minSeverity, categories, repeatEveryMs }] of this.own) {
      const there = found.get(key);
      if (!there) this.fresh.set(key, now);
      else if (there.seenAt > now - SEEN_EVERY_MS) continue;
      const entry: Entry = { key, minSeverity, categories, repeatEveryMs, seenAt: now };
      await this.records.change(key, () => entry);
      found.set(key, entry);
    }
    for (const { key, seenAt } of found.values()) {
      if (seenAt > now - GONE_AFTER_MS) continue;
      found.delete(key);
      await this.records.change(key, (there) => (there && there.seenAt > seenAt ? there : undefined));
    }
    this.channels = new Map([...found, ...this.own]);
    const introduced = [...this.fresh].filter(([, since]) => now >= since + KNOWN_AFTER_MS).map(([key]) => key);
    for (const key of introduced) this.fresh.delete(key);
    return introduced;
  }
}
