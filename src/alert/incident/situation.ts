import type { IncidentTiming } from '../../model/incident-timing.js';
import type { PeriodEnd } from './counts-of-windows.js';

/** When something about an incident is due. */
export interface IncidentSettings extends IncidentTiming {
  readonly periodEnd: PeriodEnd;
}

/** What decides, beside the incident itself, what is due of it now. */
export interface Situation {
  readonly now: number;
  readonly settings: IncidentSettings;
  /** The mute in force. It holds back news, but not an end or a repeat. */
  readonly mute: { readonly until: Date; readonly reason: string } | undefined;
  /** Since when this replica sees all counts again, if it missed windows: a whole window must pass without a breach. */
  readonly seesSince: number | undefined;
}
