import type { AdviceStep } from '../api.js';

/** How often a threshold would have alerted, looked up in the curve. */
export function stepAt(curve: readonly AdviceStep[], threshold: number): AdviceStep {
  let found: AdviceStep | undefined;
  for (const step of curve) {
    if (step.threshold > threshold) break;
    found = step;
  }
  const { alerts, tenants } = found ?? curve[0] ?? { alerts: 0, tenants: 0 };
  return { threshold, alerts, tenants };
}

/** A square-root axis from 0. Small tenants stay visible next to one a hundred times larger, and one pixel is a small step everywhere. */
export class RootScale {
  constructor(
    /** Value at the top. */
    readonly max: number,
    /** Pixels from 0 to `max`. */
    readonly height: number,
  ) {}

  /** Pixels from the top. */
  y(value: number): number {
    return this.height * (1 - Math.sqrt(Math.min(Math.max(value, 0), this.max) / this.max));
  }

  value(y: number): number {
    const part = 1 - Math.min(Math.max(y / this.height, 0), 1);
    return part * part * this.max;
  }
}

const GRID_SPACE = 18;

/** Round values for a few well-spaced grid lines, from top to bottom. */
export function gridValues(scale: RootScale): number[] {
  const top = 10 ** Math.floor(Math.log10(scale.max));
  const values: number[] = [];
  for (const value of [5, 2, 1, 0.5, 0.2, 0.1, 0.02].map((part) => part * top)) {
    const above = values.at(-1);
    const fits = above === undefined || scale.y(value) - scale.y(above) >= GRID_SPACE;
    if (value >= 1 && value <= scale.max && fits && scale.height - scale.y(value) >= GRID_SPACE / 2) values.push(value);
  }
  return values;
}

/** The keyboard step: about 10 %, a whole number, at least 1. */
export function leap(value: number): number {
  return Math.max(1, Math.round(value / 10));
}
