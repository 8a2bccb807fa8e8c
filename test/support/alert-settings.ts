import type { CategoryWindow } from '../../src/model/category.js';
import type { AlertSettings } from '../../src/alert/alert-engine.js';
import type { PeriodEnd } from '../../src/alert/incident/counts-of-windows.js';
import type { AlertOrigin } from '../../src/alert/sending/alert-of-incident.js';
import type { AlertChannel } from '../../src/index.js';
import { fixedSpans } from '../../src/model/window-spans.js';
import type { SharedState } from '../../src/store/shared-state.js';

/** An app without a name or a page, which has none of the windows that its incidents are about. */
export const NOWHERE: AlertOrigin = {
  service: undefined,
  environment: undefined,
  publicUrl: undefined,
  windowOf: () => undefined,
};

/** All windows of an incident have one length. */
export const oneLength: PeriodEnd = () => undefined;

/** A window of a category, as an app has it that counts in it. */
export const aWindow = (
  lengthName: string,
  windowMs: number,
  more: { readonly name?: string; readonly parts?: number; readonly threshold?: CategoryWindow['threshold'] } = {},
) => ({ name: '', lengthName, windowMs, threshold: 15, spanAt: fixedSpans(windowMs), ...more });

/** What the alerts of a replica need, with the settings that a test sets. */
export function alertSettings(
  channels: readonly AlertChannel[],
  state: SharedState,
  more: Partial<AlertSettings> = {},
): AlertSettings {
  const names = channels.map(({ name }, i) =>
    channels.findIndex((one) => one.name === name) === i ? name : `${name} 2`,
  );
  return {
    ...NOWHERE,
    channels: channels.map((channel, i) => ({ channel, name: names[i] as string, option: `channels[${i}]` })),
    categories: ['llm', 'llm_call', 'exports'],
    groupWaitMs: 0,
    shutdownFlushMs: 300,
    incidents: undefined,
    maxOpenIncidents: 10_000,
    state,
    now: Date.now,
    counts: (reads) => Promise.resolve(reads.map(() => 0)),
    thresholdNotReached: () => undefined,
    contributors: () => Promise.resolve([]),
    isStoreAway: () => true,
    ...more,
  };
}
