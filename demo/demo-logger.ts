import { ConsoleLogger } from '@nestjs/common';

/** Prints the lines of the monitor without those of Nest's start, and keeps the alerts. */
export class DemoLogger extends ConsoleLogger {
  readonly alerts: string[] = [];

  override log(message: unknown, context?: string): void {
    if (context?.startsWith('Rate')) super.log(message, context);
  }

  override warn(message: unknown, context?: string): void {
    if (context === 'RateAlert') this.alerts.push(String(message));
    super.warn(message, context);
  }
}
