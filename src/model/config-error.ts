const BRAND = Symbol.for('nestjs-rate-monitor:config-error');

/**
 * Thrown at boot if the set-up is wrong. Each line of the message names an option, the value found and what to write instead. Recognize it with {@link isRateMonitorConfigError}.
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

/** Whether an error is a {@link RateMonitorConfigError}, from this copy of the package or another: CommonJS and ES modules may share a process. */
export function isRateMonitorConfigError(error: unknown): error is RateMonitorConfigError {
  return (Object(error) as Record<symbol, unknown>)[BRAND] === true;
}
