import type { Severity } from './level.js';
import type { ThresholdChange } from './threshold-override.js';

/** A message for people that is not an alert about one tenant. Each text is one line of bounded length; names in it are quoted. */
export interface Notice {
  /** The same for retries. */
  id: string;
  /**
   * `blind`: the store was away for longer than `blindAfterMs`. `digest`: the result of {@link AlertService.sendDigest}. `threshold`: a
   * threshold was set or removed at run time.
   */
  kind: 'blind' | 'digest' | 'threshold';
  /** How urgent it is; a channel with a higher `minSeverity` does not get it. */
  severity: Severity;
  /** When it was made. */
  at: Date;
  /** What it is about, on one line. */
  title: string;
  /** The details, one line each. Names in them come from users. */
  lines: readonly string[];
  /** The category it is about; absent if it is about all. */
  category?: string | undefined;
  /** Name of the app that sends it. */
  service?: string | undefined;
  /** Where the app runs: `production`. */
  environment?: string | undefined;
  /** Address of a page about it. */
  link?: string | undefined;
  /** The change, if the kind is `threshold`. */
  change?: ThresholdChange | undefined;
}

/** The outcome of a notice in one channel. */
export interface NoticeOutcome {
  /** Name of the channel. */
  channel: string;
  /** Whether the channel took it. */
  delivered: boolean;
  /** Why it was not delivered. */
  reason?: string;
}
