import type { WindowOptions } from './rate-monitor-options.js';

export const DEFAULT_WINDOW_MS = 60_000;

const UNITS = [
  [3_600_000, 'hour', 'h'],
  [60_000, 'minute', 'min'],
  [1_000, 'second', 's'],
  [1, 'millisecond', 'ms'],
] as const;

/** Names a window among those of its category, in alerts and in variables: `minute`, `90s`, `24h`, `day`. */
export function windowName({ period, windowMs = DEFAULT_WINDOW_MS }: Partial<WindowOptions>): string {
  if (period) return period;
  const [unitMs, name, short] = UNITS.find(([ms]) => windowMs % ms === 0) ?? UNITS[3];
  return windowMs === unitMs ? name : `${windowMs / unitMs}${short}`;
}
