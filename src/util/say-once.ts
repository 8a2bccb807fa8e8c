import type { Logger } from '@nestjs/common';

/** How many different things are remembered as said: names come from outside, so the memory needs a bound. */
const MOST_REMEMBERED = 1_000;

/** Warnings that would otherwise come once per request, said once each. */
export class SayOnce {
  private readonly said = new Set<string>();

  constructor(private readonly logger: Logger) {}

  /** Warns with `message()`, unless that was done for `about` before. */
  warn(about: string, message: () => string): void {
    if (this.said.has(about) || this.said.size >= MOST_REMEMBERED) return;
    this.said.add(about);
    this.logger.warn(message());
  }
}
