import type { SharedState } from '../store/shared-state.js';
import { LEASE_MS } from './claim.js';

/** Asking is not repeated faster, and a lease counts as over so long before its end. */
const MARGIN_MS = 250;

/** Of a channel, what its lease depends on. */
interface Leased {
  readonly key: string;
  readonly isGrouped: boolean;
}

/** Elects, for each channel that puts several alerts into one message, the replica that sends. The others need no lease. */
export class ChannelLeases {
  private readonly held = new Map<string, { readonly until: number; readonly askedAt: number }>();

  constructor(
    private readonly state: SharedState,
    private readonly scope: string,
    private readonly me: string,
  ) {}

  /** @param isAway - Whether the store is away: then each replica sends what it knows. */
  holds({ key, isGrouped }: Leased, isAway: boolean): boolean {
    return !isGrouped || isAway || (this.held.get(key)?.until ?? 0) > Date.now();
  }

  /** Asks for the lease of a channel, or for more of it; not more often than is needed. */
  async claim({ key, isGrouped }: Leased, isAway: boolean): Promise<void> {
    if (!isGrouped || isAway) return;
    const { until = 0, askedAt = 0 } = this.held.get(key) ?? {};
    const now = Date.now();
    if (until > now + LEASE_MS / 2 || (until <= now && askedAt > now - MARGIN_MS)) return;
    this.held.set(key, { until, askedAt: now });
    const isMine = await this.state.claim(this.leaseOf(key), this.me, LEASE_MS).catch(() => false);
    this.held.set(key, { until: isMine ? now + LEASE_MS - MARGIN_MS : 0, askedAt: now });
  }

  /** Gives all of them back. */
  async release(): Promise<void> {
    await Promise.all([...this.held.keys()].map((key) => this.state.release(this.leaseOf(key), this.me)));
  }

  private leaseOf(key: string): string {
    return `channel:${this.scope}:${key}`;
  }
}
