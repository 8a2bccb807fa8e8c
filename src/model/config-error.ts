/** Something in the set-up is wrong. It stops the boot; each line names an option, the value found and what to write instead. */
export class RateMonitorConfigError extends Error {
  override readonly name = 'RateMonitorConfigError';

  constructor(problems: readonly string[]) {
    super(`nestjs-rate-monitor cannot start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}
