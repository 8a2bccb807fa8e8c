const BRAND = Symbol.for('nestjs-rate-monitor:config-error');

/**
 * The set-up is wrong, so the app does not start. Each line of the message names an option, the value found and what to write instead.
 * Recognise it with {@link isRateMonitorConfigError}.
 */
export class RateMonitorConfigError extends Error {
  /** Always `RateMonitorConfigError`. */
  override readonly name = 'RateMonitorConfigError';

  /** @param problems - One line each; no secrets. */
  constructor(problems: readonly string[]) {
    super(`nestjs-rate-monitor cannot start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }

  /** @internal */
  get [BRAND](): boolean {
    return true;
  }
}

/** Also of an error that comes from another copy of this package: a CommonJS and an ES module copy may share a process. */
export function isRateMonitorConfigError(error: unknown): error is RateMonitorConfigError {
  return (Object(error) as Record<symbol, unknown>)[BRAND] === true;
}
