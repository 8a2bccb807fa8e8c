import { KEPT_FOR_MS } from '../store/shared-state.js';

/** What a mute is about. */
export interface MutedScope {
  /**
   * Id of a tenant.
   *
   * @defaultValue every tenant
   */
  tenant?: string | undefined;
  /**
   * A category.
   *
   * @defaultValue every category
   */
  category?: string | undefined;
}

/** What {@link AlertService.mute} is told. */
export interface MuteOptions extends MutedScope {
  /** For how long, in milliseconds, above 0 and 30 days at most; anything else is a `RangeError`. */
  forMs: number;
  /** Why: whoever reads the log later wants to know. Left empty it is a `TypeError`. */
  reason: string;
}

/** Alerts that are held back for a while; counting goes on. */
export interface Mute extends MutedScope {
  until: Date;
  reason: string;
  /** How many alerts it has held back so far. */
  heldBack: number;
}

/** The options, found to be what they should. */
export function checkMute(options: MuteOptions): MuteOptions {
  const { tenant, category, forMs, reason } = options;
  if (!Number.isFinite(forMs) || forMs <= 0)
    throw new RangeError(`forMs is ${String(forMs)}: write a number of milliseconds above 0`);
  if (forMs > KEPT_FOR_MS)
    throw new RangeError(
      `forMs is ${forMs}: write ${KEPT_FOR_MS} (30 days) at most, and mute again before that is over`,
    );
  if (typeof reason !== 'string' || reason.trim() === '')
    throw new TypeError('reason is empty: say why, for whoever reads the log');
  for (const [name, value] of Object.entries({ tenant, category })) {
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      throw new TypeError(
        `${name} is not a text: write its ${name === 'tenant' ? 'id' : 'name'}, or leave it out for all`,
      );
  }
  return { tenant, category, forMs, reason };
}
