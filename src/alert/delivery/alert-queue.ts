import { SEVERITIES } from '../../model/level.js';
import type { Outgoing } from './outgoing.js';

/** What waits for one channel: so many at most, and where it is full, what matters least goes. */
export class AlertQueue {
  private waiting: Outgoing[] = [];

  constructor(private readonly most: number) {}

  get size(): number {
    return this.waiting.length;
  }

  /** When the one that waits longest came; undefined where none waits. */
  get oldestAt(): number | undefined {
    return this.waiting[0]?.queuedAt;
  }

  /** Adds one, and gives back the one that had to go for it: the oldest of those with the lowest severity. */
  push(outgoing: Outgoing): Outgoing | undefined {
    this.waiting.push(outgoing);
    if (this.waiting.length <= this.most) return undefined;
    const lowest = Math.min(...this.waiting.map(weight));
    return this.waiting.splice(
      this.waiting.findIndex((other) => weight(other) === lowest),
      1,
    )[0];
  }

  /** Takes all that wait, or the one that waits longest. */
  take(how: 'all' | 'one'): Outgoing[] {
    return this.waiting.splice(0, how === 'all' ? this.waiting.length : 1);
  }
}

function weight({ alert }: Outgoing): number {
  return SEVERITIES.indexOf(alert.level.severity);
}
