import { fixedSpans } from '../../src/threshold/period.js';

export const CATEGORY = 'llm_call';
export const WINDOW_MS = 60_000;
export const THRESHOLD = 4;
/** The counts that the levels below stand for. */
export const LEVELS = [2, 4, 8] as const;
export const STEPS = [
  { at: 0.5, severity: 'info' as const },
  { at: 1, severity: 'warning' as const },
  { at: 2, severity: 'critical' as const },
];
export const TENANTS = 2;
export const INSTANCES = 3;
export const WAIT_AT_MOST_MS = 50;
/** The step of simulated time, and the interval of `background`. */
export const STEP_MS = 10;

export const spanAt = fixedSpans(WINDOW_MS);
