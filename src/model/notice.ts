import type { Severity } from './level.js';
import type { ThresholdChange } from './threshold-override.js';

/** What people are to know and that is no alert about one tenant. Its texts are on one line each and bounded; names in them are quoted. */
export interface Notice {
  /** The same over retries. */
  id: string;
  /**
   * `blind`: the store was away for longer than `blindAfterMs`. `digest`: what {@link AlertService.sendDigest} found. `threshold`: a threshold
   * was set or removed while the app runs.
   */
  kind: 'blind' | 'digest' | 'threshold';
  /** How urgent it is; a channel with a higher `minSeverity` does not get it. */
  severity: Severity;
  /** When it was made. */
  at: Date;
  /** What it is about, in one line. */
  title: string;
  /** The details, one line each. Names in it come from users. */
  lines: readonly string[];
  /** The category that it is about; absent if it is about all. */
  category?: string | undefined;
  /** The app that sends it. */
  service?: string | undefined;
  /** Where it runs: `production`. */
  environment?: string | undefined;
  /** Where to read on. */
  link?: string | undefined;
  /** Of kind `threshold`: what was changed. */
  change?: ThresholdChange | undefined;
}
