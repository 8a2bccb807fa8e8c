import type { AlertChannel } from '../../model/alert-channel.js';
import { isSeverity, type Severity } from '../../model/level.js';
import { Records, unlessNewer } from '../../store/records.js';
import type { SharedState } from '../../store/shared-state.js';
import { isPositive, isString, isText, isTime, listOf, shaped, type Test } from '../../util/shapes.js';

/** The settings of a channel that decide what it is sent. */
export type Wanting = Pick<AlertChannel, 'minSeverity' | 'categories' | 'repeatEveryMs'>;

interface Entry {
  readonly key: string;
  readonly minSeverity?: Severity | undefined;
  readonly categories?: readonly string[] | undefined;
  readonly repeatEveryMs?: number | undefined;
  readonly seenAt: number;
}

/** A channel may have null for what it leaves out. */
const isGiven =
  (isRight: Test): Test =>
  (value) =>
    value === undefined || value === null || isRight(value);

/** A malformed entry in the store must not break the others. */
const isEntry = shaped({
  key: isText,
  seenAt: isTime,
  minSeverity: isGiven(isSeverity),
  categories: isGiven(listOf(isString)),
  repeatEveryMs: isGiven(isPositive),
});

/** How often a replica writes its channels, unless another replica with the same channels has. */
const SEEN_EVERY_MS = 5_000;
/** A channel that no replica has written for this long is gone. */
const CHANNEL_GONE_AFTER_MS = 20_000;

/** All replicas read the roster once a second, so after this time their records name a new channel. */
const KNOWN_AFTER_MS = 2_000;

/**
 * The channels of all replicas, by key. They differ while a deployment changes a webhook address. A replica that notices a breach also
 * records what is due for channels that only other replicas have.
 */
export class ChannelRoster {
  private readonly records: Records<Entry>;
  /** Channels of this replica and of others. */
  channels: ReadonlyMap<string, Wanting>;
  /** Channels that no replica had before, and when they were written. */
  private readonly fresh = new Map<string, number>();

  constructor(
    state: SharedState,
    scope: string,
    private readonly own: ReadonlyMap<string, Wanting>,
  ) {
    this.records = new Records(state, `channels:${scope}`, undefined, isEntry);
    this.channels = own;
  }

  /**
   * Writes this replica's channels and reads those of others.
   *
   * @returns Keys of new channels of this replica, once: older records do not name them.
   */
  async look(now: number): Promise<string[]> {
    const found = new Map((await this.records.list()).map((entry) => [entry.key, entry]));
    for (const [key, { minSeverity, categories, repeatEveryMs }] of this.own) {
      const there = found.get(key);
      if (!there) this.fresh.set(key, now);
      else if (there.seenAt > now - SEEN_EVERY_MS) continue;
      const entry: Entry = { key, minSeverity, categories, repeatEveryMs, seenAt: now };
      // A newer version has this channel too, and its entry will do.
      await this.records.change(key, () => entry).catch(unlessNewer);
      found.set(key, entry);
    }
    for (const { key, seenAt } of found.values()) {
      if (seenAt > now - CHANNEL_GONE_AFTER_MS) continue;
      found.delete(key);
      await this.records.change(key, (there) => (there && there.seenAt > seenAt ? there : undefined));
    }
    for (const key of this.own.keys()) found.delete(key);
    this.channels = new Map<string, Wanting>([...this.own, ...found]);
    const introduced = [...this.fresh].filter(([, since]) => now >= since + KNOWN_AFTER_MS).map(([key]) => key);
    for (const key of introduced) this.fresh.delete(key);
    return introduced;
  }
}
