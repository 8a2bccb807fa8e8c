import { ConsoleLogger } from '@nestjs/common';

/** Prints what the monitor says and leaves out how Nest starts; keeps the alerts. */
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
