import type { Breach } from '../../src/model/breach.js';

/** A typical breach in a window of a minute, with the fields a test sets. */
export function aBreach(windowStart: number, more: Partial<Breach> = {}): Breach {
  return {
    category: 'llm_call',
    window: '',
    tenant: { id: 'proj_1' },
    count: 20,
    threshold: 15,
    level: { at: 1, severity: 'warning' },
    windowStart,
    windowEnd: windowStart + 60_000,
    countedBy: 'all',
    ...more,
  };
}

/** A breach in the window of this length that runs. */
export function aBreachNow(windowMs: number, more: Partial<Breach> = {}): Breach {
  const windowStart = Date.now() - (Date.now() % windowMs);
  return aBreach(windowStart, { windowEnd: windowStart + windowMs, count: 16, ...more });
}
