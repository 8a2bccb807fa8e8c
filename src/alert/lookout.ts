import type { Logger } from '@nestjs/common';

import { reasonOf } from '../util/text.js';

/** How often a replica looks at what the others did: mutes, and incidents that are over. */
const LOOK_EVERY_MS = 1_000;
/** How long looking fails before it is news. */
const BLIND_FOR_MS = 60_000;

/** Looks again and again, one look at a time: a store that answers late is not asked more for it. */
export class Lookout {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private blindSince: number | undefined;

  constructor(
    private readonly look: () => Promise<void>,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer = setInterval(() => void (this.looking ??= this.lookOnce()), LOOK_EVERY_MS).unref();
  }

  /** Looks no more; what is given back is the look that is under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private async lookOnce(): Promise<void> {
    try {
      await this.look();
      this.blindSince = undefined;
    } catch (error) {
      this.blind(error);
    } finally {
      this.looking = undefined;
    }
  }

  /** A store that is away for a moment says so itself, and the next look does what is left. */
  private blind(error: unknown): void {
    const since = (this.blindSince ??= performance.now());
    if (performance.now() - since < BLIND_FOR_MS) return;
    this.blindSince = Infinity;
    this.logger.warn(`Mutes and incidents have not been looked after for a minute (${reasonOf(error)})`);
  }
}
