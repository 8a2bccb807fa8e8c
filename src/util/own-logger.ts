import { Logger } from '@nestjs/common';

/** Logs through the app's logger. If that throws, the line is lost: it must neither make a request fail nor end the process. */
export class OwnLogger extends Logger {
  constructor() {
    super('RateMonitor');
  }

  override log(message: string): void {
    attempt(() => super.log(message));
  }

  override warn(message: string): void {
    attempt(() => super.warn(message));
  }

  override error(message: string): void {
    attempt(() => super.error(message));
  }
}

function attempt(write: () => void): void {
  try {
    write();
  } catch {
    // There is nowhere left to say it.
  }
}
