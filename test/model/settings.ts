import type { CategoryOptions } from '../../src/index.js';
import type { WindowSpan } from '../../src/model/window.js';
import { calendarSpans, fixedSpans } from '../../src/model/window-spans.js';

export const CATEGORY = 'llm_call';
export const WINDOW_MS = 60_000;
const THRESHOLD = 4;
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

/** The windows that a world counts in: as options, and where each of them is at a time. */
export interface Windows {
  readonly options: CategoryOptions;
  readonly spansAt: readonly ((now: number) => WindowSpan)[];
}

const levels = { threshold: THRESHOLD, levels: STEPS };
const minute = { ...levels, windowMs: WINDOW_MS };
const day = { ...levels, period: 'day' as const, timeZone: 'Asia/Kolkata' };
const month = { ...levels, period: 'month' as const };
const minutes = fixedSpans(WINDOW_MS);

export const MINUTE: Windows = { options: minute, spansAt: [minutes] };
export const MONTH: Windows = { options: { windows: [month] }, spansAt: [calendarSpans('month', 'UTC')] };
export const SEVERAL: Windows = {
  options: { windows: [minute, day, month] },
  spansAt: [minutes, calendarSpans('day', 'Asia/Kolkata'), calendarSpans('month', 'UTC')],
};
